"""Push bundles to a model hub, and pull them: https://huggingface.co, or a server with the same API.

The server and the account are set as in huggingface_hub: by ``HF_ENDPOINT``, and by ``hf auth login`` or
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

_LOG_IN: Final = "log in with 'hf auth login', or set HF_TOKEN to a token with the permission"
_CURES: Final = {
    401: _LOG_IN,
    403: _LOG_IN,
    404: "check the name and the revision; for a private repository, run 'hf auth login' first",
}


def push(
    bundle: str | os.PathLike[str],
    repository: str,
    *,
    private: bool = False,
    revision: str | None = None,
    message: str | None = None,
) -> str:
    """Push a bundle to a model hub in one commit: only its graphs, manifest, calibration and card.

    Parameters
    ----------
    bundle : path-like
        As for `load_bundle`; verified before anything is sent.
    repository : str
        ``OWNER/NAME``; created if it does not exist.
    private : bool
        Whether a newly created repository is private.
    revision : str, optional
        Branch; the main branch by default.
    message : str, optional
        Commit message; by default the checksum of the model.

    Returns
    -------
    str
        URL of the commit.

    Raises
    ------
    BundleError
        If the bundle is damaged, its card has no front matter, or the hub refuses it.
    ModuleNotFoundError
        If huggingface_hub is not installed (extra ``hub``).
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
    """Pull a bundle from a model hub and verify it. Only the files of the bundle are downloaded.

    Parameters
    ----------
    repository : str
        ``OWNER/NAME``.
    folder : path-like, optional
        Folder to write to, completely or not at all; by default ``NAME`` in the working directory. An older bundle
        there is replaced.
    revision : str, optional
        A branch, a tag or a commit; the main branch by default.

    Returns
    -------
    Path, Bundle
        The folder and its bundle.

    Raises
    ------
    BundleError
        If the repository does not exist, is not a bundle or is damaged, or if `folder` exists and is not a bundle.
    ModuleNotFoundError
        If huggingface_hub is not installed (extra ``hub``).
    """
    from huggingface_hub import HfApi

    target = Path(folder if folder is not None else repository.rpartition("/")[2]).absolute()
    if target.exists() and not (target / MANIFEST).is_file():
        raise BundleError(f"{target} exists and is not a bundle: choose another folder")
    with _one_sentence(f"pull {repository}"):
        commit = HfApi().model_info(repository, revision=revision).sha
    address = f"hf://{repository}@{commit}"  # so that all files come from one commit
    loaded = load_bundle(address)
    write_folder(target, bundle_files(loaded) | {CARD: reader(address)(CARD)})
    return target, loaded


def _card(bundle: Bundle) -> bytes:
    card = reader(bundle.source)(CARD)
    if not read_front_matter(card.decode()):
        raise BundleError(
            f"the {CARD} of {bundle.source} has no front matter, which a hub needs to list it: "
            "begin it with '---', lines such as 'license: bsd-3-clause' and 'library_name: coffea-fm', and '---'"
        )
    return card


@contextmanager
def _one_sentence(doing: str) -> Iterator[None]:
    """Turn errors of huggingface_hub into one sentence that says what to do."""
    try:
        yield
    except (CoffeaFMError, ImportError):
        raise
    except Exception as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        cure = _CURES.get(status, "try again") if isinstance(status, int) else "check the arguments and the network"
        lines = str(error).split("\n")
        reason = " ".join(lines[:1] if status else lines) or type(error).__name__  # further lines are advice in Python
        raise BundleError(f"cannot {doing}: {reason.rstrip('. ')}; {cure}") from error
