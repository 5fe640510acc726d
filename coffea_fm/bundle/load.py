"""Load a bundle: read it, verify it, and cache remote bundles locally."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Final

import platformdirs
from pydantic import ValidationError

from coffea_fm.bundle.bundle import Bundle
from coffea_fm.bundle.calibration import CALIBRATION, Calibration
from coffea_fm.bundle.find import find_bundle
from coffea_fm.bundle.graph import Graph
from coffea_fm.bundle.manifest import SCHEMA_VERSION, Manifest
from coffea_fm.bundle.read import MANIFEST, Read, is_remote, reader
from coffea_fm.bundle.save import bundle_files, write_folder
from coffea_fm.errors import BundleError, InputError, warn
from coffea_fm.untrusted.json_text import parse_json
from coffea_fm.untrusted.onnx_graph import check_graph
from coffea_fm.untrusted.refused import Refused

MOST_JSON: Final = 16 * 2**20


def load_bundle(path: str | os.PathLike[str], *, checksum: str | None = None, precision: str | None = None) -> Bundle:
    """Load a bundle and verify it.

    Parameters
    ----------
    path : path-like
        A bare name, a folder, a ``.zip`` of it, or an fsspec URL of either; see `find_bundle`. Remote bundles are
        cached in the user's cache folder.
    checksum : str, optional
        Content hash that the bundle, or one of its variants, must have. A cached bundle with this hash is used without
        network access.
    precision : str, optional
        Load this variant of reduced precision, such as ``"fast"``.

    Raises
    ------
    BundleError
        If the bundle is missing, incomplete, edited or damaged, has another checksum than `checksum`, or has a schema
        version that this coffea-fm cannot read; or if it has no such variant.
    """
    source = find_bundle(path)
    remote = is_remote(source)
    if remote and checksum is not None and (cached := _cached(checksum)) is not None:
        return replace(cached, source=source)
    read = reader(source)
    manifest = _manifest(read(MANIFEST), source)
    variants = {variant.checksum: variant.name for variant in manifest.variants}
    precision = variants.get(checksum or "", precision)
    if checksum is not None and precision is None and manifest.checksum != checksum:
        raise BundleError(
            f"the bundle {source} has the checksum {manifest.checksum[:12]} instead of {checksum[:12]}: "
            "it has been replaced; load it again, or restore the old one"
        )
    calibration = _calibration(read(CALIBRATION), manifest, source)
    cached = _cached(manifest.checksum) if remote else None
    graphs = cached.graphs if cached else {graph.name: _graph(read, graph, source) for graph in manifest.graphs}
    changed = [graph for variant in manifest.variants for graph in variant.graphs]
    held = cached.variant_graphs if cached else {}
    variant_graphs = {graph.file: held.get(graph.file) or _graph(read, graph, source) for graph in changed}
    bundle = Bundle(manifest, graphs, source, calibration, variant_graphs)
    if remote and (
        cached is None or (cached.calibration, cached.manifest) != (calibration, manifest)
    ):  # the same model may be measured again
        _keep(bundle)
    return bundle if precision is None else bundle.at_precision(precision)


def _manifest(data: bytes, source: str) -> Manifest:
    damaged = f"the {MANIFEST} of the bundle {source} is damaged"
    try:
        content = parse_json(data, MOST_JSON)
    except Refused as error:
        raise BundleError(f"{damaged}: {error}; copy the bundle again, or export it again") from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if not isinstance(version, int):
        raise BundleError(f"{damaged}: it has no schema_version; copy the bundle again, or export it again")
    if version != SCHEMA_VERSION:
        cure = "upgrade coffea-fm" if version > SCHEMA_VERSION else "export the bundle again"
        raise BundleError(
            f"the bundle {source} has schema_version {version}, and this coffea-fm reads {SCHEMA_VERSION}: {cure}"
        )
    try:
        manifest = Manifest.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise BundleError(f"{damaged}: {where}: {first['msg']}; export the bundle again") from error
    hashes = [(variant.checksum, manifest.variant_hash(variant)) for variant in manifest.variants]
    if any(stated != found for stated, found in [*hashes, (manifest.checksum, manifest.content_hash())]):
        raise BundleError(
            f"the {MANIFEST} of the bundle {source} was edited or damaged; copy or export the bundle again"
        )
    return manifest


def _calibration(data: bytes, manifest: Manifest, source: str) -> Calibration:
    cure = "copy the bundle again, or measure again with 'coffea-fm evaluate --record'"
    try:
        calibration = Calibration.model_validate(parse_json(data, MOST_JSON))
    except (ValidationError, Refused) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise BundleError(f"the {CALIBRATION} of the bundle {source} is damaged ({reason}): {cure}") from error
    if calibration.content_hash() != calibration.checksum:
        raise BundleError(f"the {CALIBRATION} of the bundle {source} was edited or damaged: {cure}")
    if calibration.model != manifest.checksum:
        raise BundleError(f"the {CALIBRATION} of the bundle {source} was measured with another model: {cure}")
    return calibration


def _graph(read: Read, graph: Graph, source: str) -> bytes:
    data = read(graph.file)
    if hashlib.sha256(data).hexdigest() != graph.sha256:
        raise BundleError(
            f"{graph.file} of the bundle {source} does not have the checksum that its manifest states: "
            "it was edited or damaged; copy or export the bundle again"
        )
    try:
        check_graph(data)
    except Refused as error:
        raise BundleError(f"{graph.file} of the bundle {source} is refused: {error}") from error
    return data


def _cache_folder(checksum: str) -> Path:
    return platformdirs.user_cache_path("coffea-fm") / "bundles" / checksum


def _cached(checksum: str) -> Bundle | None:
    folder = _cache_folder(checksum)
    try:
        return load_bundle(folder, checksum=checksum) if folder.is_dir() else None
    except BundleError:
        return None


def _keep(bundle: Bundle) -> None:
    try:
        write_folder(_cache_folder(bundle.checksum), bundle_files(bundle))
    except InputError as error:
        warn(f"the bundle {bundle.source} could not be cached: {error}")
