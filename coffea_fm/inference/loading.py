"""Load a bundle as a tagger."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

from coffea_fm.bundle import load_bundle
from coffea_fm.errors import InputError
from coffea_fm.inference import process_cache
from coffea_fm.inference.tagger import Tagger
from coffea_fm.inference.triton.names import is_triton
from coffea_fm.inference.triton.remote import load_remote


def load(
    path: str | os.PathLike[str],
    *,
    ship: Literal["path", "bytes"] = "path",
    providers: Sequence[str] | None = None,
    threads: int | None = None,
    precision: Literal["full", "fast"] = "full",
) -> Tagger:
    """Load a bundle as a tagger.

    Parameters
    ----------
    path : path-like
        A bundle: the name of a shipped bundle such as ``"jet-classifier-small"`` or of one in ``COFFEA_FM_PATH``, a
        folder, a ``.zip`` of the folder, or an fsspec URL of either. Or a model on a Triton server, by its HTTP port:
        ``"triton://host:8000/model"``, with TLS ``"tritons://host/model"``.
    ship : {"path", "bytes"}
        What is sent to workers: the location of the bundle, or the bundle itself if they cannot see the file.
    providers : sequence of str, optional
        ``"cuda"``, ``"cpu"`` or onnxruntime's own names. By default CUDA if the worker has it, then CPU.
    threads : int, optional
        Number of threads; by default those of the dask worker, the batch job or this process. For a server, the number
        of requests at the same time; 4 by default.
    precision : {"full", "fast"}
        ``fast`` runs the variant of the bundle in 8-bit integers; see `coffea_fm.make_fast`. What it costs is in the
        manifest of the full one, under ``variants``.

    Raises
    ------
    BundleError
        If the bundle cannot be read, does not match its checksum, or has no such variant.
    ServerError
        If the server is away, or has no such model.
    """
    if threads is not None and threads < 1:
        raise InputError(f"threads={threads}: give at least 1, or leave it out")
    if ship not in ("path", "bytes"):
        raise InputError(f"ship={ship!r}: choose 'path' or 'bytes'")
    if precision not in ("full", "fast"):
        raise InputError(f"precision={precision!r}: choose 'full' or 'fast'")
    if is_triton(os.fspath(path)):
        if providers:
            raise InputError(f"providers={providers}: the server decides where {path} runs; leave providers out")
        if precision == "fast":
            raise InputError(
                f"precision='fast': {path} has the precision that was exported to its server; leave precision out"
            )
        return load_remote(os.fspath(path), ship=ship, threads=threads)
    bundle = process_cache.keep(load_bundle(path, precision=None if precision == "full" else precision))
    carried = bundle if ship == "bytes" else None
    chosen = tuple(providers) if providers else None
    return Tagger(bundle.source, bundle.checksum, carried, chosen, threads, bundle.calibration.checksum)
