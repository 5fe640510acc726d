"""Save a bundle: a folder that is either complete or absent."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

from coffea_fm.bundle.bundle import Bundle
from coffea_fm.bundle.calibration import CALIBRATION, Calibration
from coffea_fm.bundle.card import CARD
from coffea_fm.bundle.manifest import Manifest
from coffea_fm.bundle.read import MANIFEST
from coffea_fm.bundle.variants import Variant
from coffea_fm.errors import BundleError, InputError
from coffea_fm.files import atomic


def save_bundle(
    folder: str | os.PathLike[str],
    manifest: Manifest,
    graphs: Mapping[str, bytes],
    card: str,
    calibration: Calibration | None = None,
) -> Manifest:
    """Write a bundle, replacing an older one at the same place.

    Parameters
    ----------
    folder : path-like
        Output folder. The bundle appears there complete, or not at all.
    manifest : Manifest
        The description; its checksums are filled in.
    graphs : mapping of str to bytes
        ONNX files by the graph names of the manifest.
    card : str
        The model card in Markdown.
    calibration : Calibration, optional
        Measurements of the model.

    Returns
    -------
    Manifest
        The manifest as written, with the checksums.

    Raises
    ------
    BundleError
        If `graphs` are not those of the manifest, or `folder` exists and is not a bundle.
    InputError
        If the folder cannot be written.
    """
    target = Path(folder)
    expected = [graph.name for graph in manifest.graphs]
    if sorted(expected) != sorted(graphs):
        raise BundleError(f"the manifest names the graphs {', '.join(expected)}, but {', '.join(graphs)} were given")
    if target.exists() and not (target / MANIFEST).is_file() and not _is_empty_folder(target):
        raise BundleError(f"{target} exists and is not a bundle: choose another folder")
    signed = sign(manifest, graphs)
    measured = (calibration or Calibration()).signed(signed.checksum)
    files = bundle_files(Bundle(signed, dict(graphs), str(target), measured))
    write_folder(target, files | {CARD: card.encode()})
    return signed


def save_calibration(folder: str | os.PathLike[str], calibration: Calibration) -> None:
    """Replace the measurements of a bundle's model. The model itself does not change.

    Raises
    ------
    BundleError
        If the folder is not a bundle.
    """
    path = Path(folder)
    manifest = path / MANIFEST
    if not manifest.is_file():
        raise BundleError(f"{path} is not the folder of a bundle: measurements cannot be written to archives or URLs")
    checksum = json.loads(manifest.read_text(encoding="utf-8"))["checksum"]
    with atomic(path / CALIBRATION) as temporary:
        temporary.write_text(calibration.signed(checksum).model_dump_json(indent=2) + "\n", encoding="utf-8")


def sign(manifest: Manifest, graphs: Mapping[str, bytes]) -> Manifest:
    """Return the manifest with the checksums of its graphs and its own."""
    signed = [
        graph.model_copy(update={"sha256": hashlib.sha256(graphs[graph.name]).hexdigest()}) for graph in manifest.graphs
    ]
    manifest = manifest.model_copy(update={"graphs": tuple(signed)})
    return manifest.model_copy(update={"checksum": manifest.content_hash()})


def bundle_files(bundle: Bundle) -> dict[str, bytes]:
    """Contents of the bundle's files by name, without the card."""
    files = {graph.file: bundle.graphs[graph.name] for graph in bundle.manifest.graphs}
    return (
        files
        | bundle.variant_graphs
        | {
            MANIFEST: _manifest_text(bundle.manifest).encode(),
            CALIBRATION: f"{bundle.calibration.model_dump_json(indent=2)}\n".encode(),
        }
    )


def save_variant(folder: str | os.PathLike[str], variant: Variant, graphs: Mapping[str, bytes]) -> Variant:
    """Add a variant to a bundle, or replace the one of this name. The model itself does not change.

    Parameters
    ----------
    folder : path-like
        Folder of the bundle.
    variant : Variant
        Its checksums are filled in.
    graphs : mapping of str to bytes
        Its ONNX files, by graph name.

    Returns
    -------
    Variant
        As written.

    Raises
    ------
    BundleError
        If the folder is not a bundle.
    """
    path = Path(folder)
    if not (path / MANIFEST).is_file():
        raise BundleError(f"{path} is not the folder of a bundle: variants cannot be written to archives or URLs")
    manifest = Manifest.model_validate_json((path / MANIFEST).read_text(encoding="utf-8"))
    named = [
        graph.model_copy(update={"sha256": hashlib.sha256(graphs[graph.name]).hexdigest()}) for graph in variant.graphs
    ]
    signed = variant.model_copy(update={"graphs": tuple(named)})
    signed = signed.model_copy(update={"checksum": manifest.variant_hash(signed)})
    for graph in signed.graphs:
        with atomic(path / graph.file) as temporary:
            temporary.write_bytes(graphs[graph.name])
    with atomic(path / MANIFEST) as temporary:
        temporary.write_text(_manifest_text(manifest.model_copy(update={"variants": (signed,)})), encoding="utf-8")
    return signed


def _manifest_text(manifest: Manifest) -> str:
    return manifest.model_dump_json(indent=2) + "\n"


def write_folder(target: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of files under a temporary name, then rename it to `target`.

    Raises
    ------
    InputError
        If the folder cannot be written; the old content is kept.
    """
    mark = uuid.uuid4().hex[:8]
    temporary = target.with_name(f".{target.name}.{mark}.tmp")
    replaced = target.with_name(f".{target.name}.{mark}.old")
    try:
        temporary.mkdir(parents=True)
        for name, data in files.items():
            (temporary / name).write_bytes(data)
        if target.exists():
            target.rename(replaced)
        temporary.rename(target)
    except OSError as error:
        if replaced.exists() and not target.exists():
            replaced.rename(target)
        raise InputError(f"cannot write {target}: {error.strerror}; choose another output folder") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())
