"""What is looked at on a worker, and on this machine to compare.

The module travels with the call, because a worker may have no coffea-fm; therefore it imports everything late.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import tempfile
from importlib import metadata
from typing import Any

PACKAGES = ("coffea-fm", "coffea", "awkward", "uproot", "onnxruntime", "numpy", "distributed", "cloudpickle")
_THINGS = 64


def examine(source: str, files: dict[str, str]) -> dict[str, Any]:
    """Look at this process, run a bundle, and open files.

    Parameters
    ----------
    source : str
        Path or URL of a bundle, or nothing.
    files : dict of str to str
        Files with the names of their trees.

    Returns
    -------
    dict
        Numbers and text only. What failed is text under ``"error"``.
    """
    temporary = tempfile.gettempdir()
    found: dict[str, Any] = {
        "host": socket.gethostname(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "plugins": sorted(point.name for point in metadata.entry_points(group="fsspec.specs")),
        "temporary": {"folder": temporary, "free": shutil.disk_usage(temporary).free},
        "threads": _threads(),
    }
    found["bundle"] = _tried(lambda: _run(source)) if source else {}
    found["files"] = {file: _tried(lambda file=file, tree=tree: _open(file, tree)) for file, tree in files.items()}
    found["memory"] = _resident()
    return found


def _tried(function: Any) -> dict[str, Any]:
    try:
        return dict(function())
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        return {"error": f"{type(error).__name__}: {error}".splitlines()[0]}


def _version(package: str) -> str:
    for name in (package, f"{package}-gpu"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return ""


def _threads() -> dict[str, Any]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found: dict[str, Any] = {"cores": cores, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "")}
    try:
        import distributed

        found["worker"] = distributed.get_worker().state.nthreads
    except ValueError:  # this is not a worker
        found["worker"] = None
    return found


def _resident() -> int:
    import psutil  # type: ignore[import-untyped]

    return int(psutil.Process().memory_info().rss)


def _run(source: str) -> dict[str, Any]:
    import onnxruntime

    import coffea_fm
    from coffea_fm.inference.threads import owned_threads

    tagger = coffea_fm.load(source)
    level = tagger.manifest.level
    name = tagger.outputs[0].name
    (output,) = tagger.chain.run(_things(level, _THINGS), level, [name]).values()
    return {
        "checksum": tagger.checksum,
        "threads": owned_threads(),
        "providers": onnxruntime.get_available_providers(),
        "output": output.tolist(),
    }


def _things(level: Any, number: int) -> Any:
    """Things that a model reads, with the same random numbers everywhere."""
    import numpy as np

    random = np.random.default_rng(0)

    def make(level: Any, number: int) -> Any:
        from coffea_fm.tokens.packed import Members, Packed

        columns = []
        for field in level.fields:
            low, high = field.trained or field.plausible or (0.0, 1.0)
            columns.append(random.uniform(low, high, number))
        values = np.stack(columns, axis=1).astype(np.float32) if columns else np.zeros((number, 0), np.float32)
        members = {}
        for member in level.members:
            counts = random.integers(max(member.minimum, 1), max(member.minimum, 1) + 8, number)
            counts = np.minimum(counts, member.maximum or counts.max())
            members[member.name] = Members(counts, make(member, int(counts.sum())))
        return Packed(values, np.zeros((number, len(level.missing_names)), bool), members)

    return make(level, number)


def _open(file: str, tree: str) -> dict[str, Any]:
    if file.endswith((".parquet", ".parq")):
        import fsspec
        import pyarrow.parquet as pq

        with fsspec.open(file) as opened:
            return {"entries": pq.ParquetFile(opened).metadata.num_rows}
    import uproot

    with uproot.open(file) as opened:
        return {"entries": int(opened[tree].num_entries) if tree in opened else len(opened.keys())}
