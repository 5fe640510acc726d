"""Load a bundle: read it, verify it, and cache the files of remote ones."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, partial
from typing import Final

from pydantic import ValidationError

from coffea_fm.bundle.bundle import Bundle
from coffea_fm.bundle.cache import Cache
from coffea_fm.bundle.calibration import CALIBRATION, Calibration
from coffea_fm.bundle.find import find_bundle
from coffea_fm.bundle.graph import Graph
from coffea_fm.bundle.manifest import SCHEMA_VERSION, Manifest
from coffea_fm.bundle.read import MANIFEST, Read, is_remote, reader
from coffea_fm.errors import BundleError
from coffea_fm.untrusted.json_text import parse_json
from coffea_fm.untrusted.onnx_graph import check_graph
from coffea_fm.untrusted.refused import Refused

MOST_JSON: Final = 16 * 2**20


def load_bundle(
    path: str | os.PathLike[str],
    *,
    checksum: str | None = None,
    calibration: str | None = None,
    precision: str | None = None,
) -> Bundle:
    """Load a bundle and verify it.

    Parameters
    ----------
    path : path-like
        A bare name, a folder, a ``.zip`` of it, or an fsspec URL of either; see `find_bundle`. The files of remote
        bundles are cached on this host, see `coffea_fm.bundle.cache`.
    checksum : str, optional
        Content hash that the bundle, or one of its variants, must have. Only the graphs of this one are then read.
    calibration : str, optional
        Content hash that its measurements must have. A cached bundle with both hashes is used without network access.
    precision : str, optional
        Load this variant of reduced precision, such as ``"fast"``.

    Raises
    ------
    BundleError
        If the bundle is missing, incomplete, edited or damaged, has another checksum than `checksum` or `calibration`,
        or has a schema version that this coffea-fm cannot read; or if it has no such variant.
    """
    source = find_bundle(path)
    load = partial(_assemble, source=source, checksum=checksum, calibration=calibration, precision=precision)
    return _through_cache(load, source, checksum, calibration) if is_remote(source) else load(reader(source))


def _assemble(
    read: Read,
    cache: Cache | None = None,
    *,
    source: str,
    checksum: str | None,
    calibration: str | None,
    precision: str | None,
) -> Bundle:
    manifest = _manifest(read(MANIFEST), source)
    variants = {variant.checksum: variant.name for variant in manifest.variants}
    precision = variants.get(checksum or "", precision)
    if checksum is not None and precision is None and manifest.checksum != checksum:
        raise BundleError(
            f"the bundle {source} has the checksum {manifest.checksum[:12]} instead of {checksum[:12]}: "
            "it has been replaced; load it again, or restore the old one"
        )
    measured = _calibration(read(CALIBRATION), manifest, source)
    if calibration is not None and measured.checksum != calibration:
        raise BundleError(
            f"the model of the bundle {source} was measured again since it was loaded: its temperature and working "
            "points may differ; load it again"
        )
    wanted = manifest if precision is None else manifest.at_precision(precision)
    graphs = {graph.name: _kept_graph(read, graph, source, cache) for graph in wanted.graphs}
    others = [graph for variant in manifest.variants for graph in variant.graphs if wanted is manifest and not checksum]
    return Bundle(
        wanted, graphs, source, measured, {graph.file: _kept_graph(read, graph, source, cache) for graph in others}
    )


def _through_cache(
    load: Callable[[Read, Cache], Bundle], source: str, checksum: str | None, calibration: str | None
) -> Bundle:
    """Load a remote bundle: from the cache if its checksums are known, else once for all processes of this host.

    Manifest and calibration are read from the server whenever their checksums are not known, so that a bundle that has
    changed there is never taken from the cache.
    """
    cache = Cache.of_user()
    names = {MANIFEST: f"{checksum}.{MANIFEST}", CALIBRATION: f"{calibration}.{CALIBRATION}"}

    def kept(name: str) -> bytes:
        data = cache.get(names[name]) if checksum and calibration and name in names else None
        if data is None:
            raise BundleError(f"{name} of the bundle {source} is not in the cache")
        return data

    with suppress(BundleError):
        return load(kept, cache)
    with cache.lock(source):
        with suppress(BundleError):  # another process has downloaded it meanwhile
            return load(kept, cache)
        read = lru_cache(None)(reader(source))
        bundle = load(read, cache)
        cache.put(f"{bundle.checksum}.{MANIFEST}", read(MANIFEST))
        cache.put(f"{bundle.calibration.checksum}.{CALIBRATION}", read(CALIBRATION))
        return bundle


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


def _kept_graph(read: Read, graph: Graph, source: str, cache: Cache | None) -> bytes:
    """The same, from the cache if it is there; only a verified graph is kept."""
    if cache is None:
        return _graph(read, graph, source)
    kept = cache.get(graph.sha256)
    if kept is not None:
        with suppress(BundleError):  # damaged on disk
            return _graph(lambda _name: kept, graph, source)
    data = _graph(read, graph, source)
    cache.put(graph.sha256, data)
    return data
