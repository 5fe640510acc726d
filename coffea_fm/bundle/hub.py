"""Bundles on a model hub: pushed to a repository of https://huggingface.co, or of another server that speaks like it.

Which server that is, and who one is there, is up to huggingface_hub: ``HF_ENDPOINT``, and ``hf auth login`` or
``HF_TOKEN``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from coffea_fm.bundle.bundle import Bundle
from coffea_fm.bundle.card import CARD, read_front_matter
from coffea_fm.bundle.load import load_bundle
from coffea_fm.bundle.read import MANIFEST, reader
from coffea_fm.bundle.save import bundle_files, write_folder
from coffea_fm.errors import BundleError, CoffeaFMError

_LOG_IN: Final = "log in with 'hf auth login', or set HF_TOKEN to a token that may do so"
_CURES: Final = {
    401: _LOG_IN,
    403: _LOG_IN,
    404: "check the name and the revision; what is private is seen only after 'hf auth login'",
}


def push(
    bundle: str | os.PathLike[str],
    repository: str,
    *,
    private: bool = False,
    revision: str | None = None,
    message: str | None = None,
) -> str:
    """Push a bundle to a model hub, in one commit: its graphs, manifest, calibration and card, and nothing else.

    Parameters
    ----------
    bundle : path-like
        As `load_bundle` takes it; verified before anything is sent.
    repository : str
        ``OWNER/NAME``; made if it is not there.
    private : bool
        Whether a repository that is made is private.
    revision : str, optional
        The branch; the main one by default.
    message : str, optional
        Of the commit; by default the checksum of the model.

    Returns
    -------
    str
        Address of the commit.

    Raises
    ------
    BundleError
        If the bundle is damaged or has no card with front matter, or the hub refuses it.
    ModuleNotFoundError
        If huggingface_hub is not installed: the extra ``hub``.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    loaded = load_bundle(bundle)
    files = bundle_files(loaded) | {CARD: _card(loaded)}
    with _one_sentence(f"push {loaded.manifest.name} to {repository}"):
        hub = HfApi()
        hub.create_repo(repository, private=private, exist_ok=True)
        commit = hub.create_commit(
            repository,
            [CommitOperationAdd(name, data) for name, data in files.items()],
            commit_message=message or f"{loaded.manifest.name}, model {loaded.checksum[:12]}",
            revision=revision,
        )
    return str(commit.commit_url)


def pull(
    repository: str, folder: str | os.PathLike[str] | None = None, *, revision: str | None = None
) -> tuple[Path, Bundle]:
    """Pull a bundle from a model hub and verify it; of the repository, only the files of the bundle are read.

    Parameters
    ----------
    repository : str
        ``OWNER/NAME``.
    folder : path-like, optional
        Where to write it, complete or not at all; by default ``NAME`` in the working directory. An older bundle there is
        replaced.
    revision : str, optional
        A branch, a tag or a commit; the main branch by default.

    Returns
    -------
    Path, Bundle
        The folder, and what is in it.

    Raises
    ------
    BundleError
        If the repository is not there, is not a bundle or is damaged, or `folder` holds something else than a bundle.
    ModuleNotFoundError
        If huggingface_hub is not installed: the extra ``hub``.
    """
    from huggingface_hub import HfApi

    target = Path(folder if folder is not None else repository.rpartition("/")[2]).absolute()
    if target.exists() and not (target / MANIFEST).is_file():
        raise BundleError(f"{target} exists and is not a bundle: choose another folder")
    with _one_sentence(f"pull {repository}"):
        commit = HfApi().model_info(repository, revision=revision).sha
    address = f"hf://{repository}@{commit}"  # so that all files are of one commit
    loaded = load_bundle(address)
    write_folder(target, bundle_files(loaded) | {CARD: reader(address)(CARD)})
    return target, loaded


def _card(bundle: Bundle) -> bytes:
    card = reader(bundle.source)(CARD)
    if not read_front_matter(card.decode()):
        raise BundleError(
            f"the {CARD} of {bundle.source} has no front matter, which a hub lists models by: "
            "begin it with '---', lines such as 'license: bsd-3-clause' and 'library_name: coffea-fm', and '---'"
        )
    return card


@contextmanager
def _one_sentence(doing: str) -> Iterator[None]:
    """Turn what huggingface_hub raises into one sentence that says what to do."""
    try:
        yield
    except (CoffeaFMError, ImportError):
        raise
    except Exception as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        cure = _CURES.get(status, "try again") if isinstance(status, int) else "check what was given and the network"
        lines = str(error).split("\n")
        reason = " ".join(lines[:1] if status else lines) or type(error).__name__  # further lines are advice in Python
        raise BundleError(f"cannot {doing}: {reason.rstrip('. ')}; {cure}") from error
