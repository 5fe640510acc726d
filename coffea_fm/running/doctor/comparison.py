"""Compare what was seen on a worker with what was seen here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from coffea_fm.errors import InputError
from coffea_fm.running.doctor.diagnosis import Finding, Verdict
from coffea_fm.running.memory import Need, check_models
from coffea_fm.running.workers import Workers

_SAME = frozenset({"coffea-fm", "coffea", "awkward", "distributed", "cloudpickle"})
"""Packages whose objects travel between this machine and the workers."""
_TOLERANCE = 1e-4
_SKEW = 2.0
"""Seconds that a clock may be wrong: proxies and TLS certificates begin and end at a time."""
_SPACE = 2**30
_FULL = 0.7
"""Part of the memory limit that leaves little for chunks."""

Seen = Mapping[str, Any]


def compare(here: Seen, there: Seen, skew: float, uncertainty: float) -> Iterator[Finding]:
    """One finding after the other, from versions to files."""
    yield from _versions(here, there)
    yield _plugins(here["plugins"], there["plugins"])
    if here["bundle"]:
        yield from _bundle(here["bundle"], there["bundle"])
    yield _threads(there)
    yield _clock(skew, uncertainty)
    yield _temporary(there["temporary"])
    for file, seen in there["files"].items():
        yield _file(file, here["files"][file], seen)


def python(here: str, there: str) -> Finding:
    """Compare the versions of Python: code travels only between equal ones."""
    if here == there:
        return Finding("python", here, there)
    if here.split(".")[:2] == there.split(".")[:2]:
        return Finding("python", here, there, "note")
    advice = "processors travel as code, which another Python cannot run: start the workers with the same one"
    return Finding("python", here, there, "bad", advice)


def _versions(here: Seen, there: Seen) -> Iterator[Finding]:
    yield python(here["python"], there["python"])
    for name, version in here["packages"].items():
        other = there["packages"][name]
        if version == other:
            yield Finding(name, version or "missing", other or "missing")
        elif not other:
            extra = {"coffea-fm": "coffea-fm[cpu]", "onnxruntime": "coffea-fm[cpu]"}.get(name, name)
            yield Finding(name, version, "missing", "bad", f"on the workers: pip install '{extra}'")
        elif name in _SAME:
            yield Finding(name, version, other, "bad", f"on the workers: pip install '{name}=={version}'")
        else:
            yield Finding(name, version or "missing", other, "note")


def _plugins(here: list[str], there: list[str]) -> Finding:
    missing = sorted(set(here) - set(there))
    verdict: Verdict = "bad" if missing else "ok"
    advice = f"files of these protocols cannot be opened there: {', '.join(missing)}" if missing else ""
    return Finding("fsspec plugins", ", ".join(here) or "none", ", ".join(there) or "none", verdict, advice)


def _bundle(here: Seen, there: Seen) -> Iterator[Finding]:
    if "error" in here:
        advice = "it does not run here, so that scores cannot be compared"
        yield Finding("bundle", here["error"], there.get("error", "loads"), "note", advice)
        return
    if "error" in there:
        advice = "the workers must see the same file, or send the bundle along: coffea_fm.load(..., ship='bytes')"
        if there["error"].startswith("ModuleNotFoundError"):
            advice = "install what is missing, see above"
        yield Finding("bundle", here["checksum"][:12], there["error"], "bad", advice)
        return
    same = here["checksum"] == there["checksum"]
    advice = "" if same else "another model has this name or path there"
    yield Finding("bundle", here["checksum"][:12], there["checksum"][:12], "ok" if same else "bad", advice)
    ours, theirs = np.asarray(here["output"], float), np.asarray(there["output"], float)
    if not same or ours.shape != theirs.shape:
        return
    difference = float(np.nanmax(np.abs(ours - theirs), initial=0))
    equal = np.allclose(ours, theirs, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True)
    told = f"differ by {difference:.1e}"
    advice = "" if equal else f"more than {_TOLERANCE:.0e}: install the same onnxruntime on the workers"
    yield Finding(
        "scores",
        f"{len(ours)} random {'things' if len(ours) != 1 else 'thing'}",
        told,
        "ok" if equal else "bad",
        advice,
    )
    have, has = (
        ", ".join(name.removesuffix("ExecutionProvider") for name in side["providers"]) for side in (here, there)
    )
    yield Finding("providers", have, has, "ok" if have == has else "note")


def _threads(there: Seen) -> Finding:
    threads = there["threads"]
    tagger = there["bundle"].get("threads", threads["worker"])
    told = f"{tagger} of {threads['cores']} cores, OMP_NUM_THREADS={threads['OMP_NUM_THREADS'] or 'not set'}"
    if threads["OMP_NUM_THREADS"]:
        return Finding("threads", "", told)
    advice = "libraries take all cores: set OMP_NUM_THREADS=1 before the workers start, or as many as they have threads"
    return Finding("threads", "", told, "note", advice)


def memories(need: Need, workers: Mapping[str, tuple[Workers, int]], examined: str, used: int) -> Iterator[Finding]:
    """Compare what a run predicts that a worker needs with the limit of each, as the run will.

    Of the workers that were not examined, only the one with the least room is told, and only if it is too little.

    Parameters
    ----------
    need : Need
        Of the bundle.
    workers : mapping of str to (Workers, int)
        Each worker by itself, and the bytes that it uses, by address.
    examined : str
        Address of the worker on which the bundle has run.
    used : int
        Bytes in its memory after that.
    """
    yield _memory("memory", need, workers[examined][0], used)
    others = {address: worker for address, worker in workers.items() if address != examined}
    if others:
        address = max(others, key=lambda address: _fullness(need, *others[address]))
        tightest = _memory(f"memory of {address}", need, *others[address])
        if tightest.verdict != "ok":
            yield tightest


def _memory(what: str, need: Need, worker: Workers, used: int) -> Finding:
    told = f"{_mib(used)} used, {_mib(need.fixed)} predicted before the first chunk, of {worker.limit}"
    try:
        check_models(need, worker)
    except InputError as error:
        return Finding(what, "", told, "bad", str(error))
    if _fullness(need, worker, used) < _FULL:
        return Finding(what, "", told)
    return Finding(what, "", told, "note", "little is left for chunks: dask pauses a worker at 80% of its limit")


def _fullness(need: Need, worker: Workers, used: int) -> float:
    return max(need.fixed, used) / worker.limit.size


def _clock(skew: float, uncertainty: float) -> Finding:
    told = f"{skew:+.1f} s, known to {uncertainty:.1f} s"
    bad = abs(skew) - uncertainty > _SKEW
    return Finding("clock", "", told, "bad" if bad else "ok", "proxies and certificates may fail there" if bad else "")


def _temporary(seen: Seen) -> Finding:
    told = f"{_mib(seen['free'])} free in {seen['folder']}"
    if seen["free"] > _SPACE:
        return Finding("temporary folder", "", told)
    advice = "dask spills to it when memory is short: set TMPDIR, or 'scratch' of the --cluster-config"
    return Finding("temporary folder", "", told, "bad", advice)


def _file(file: str, here: Seen, there: Seen) -> Finding:
    ours, theirs = (seen.get("error") or f"{seen['entries']:,} entries" for seen in (here, there))
    verdict: Verdict = "bad" if "error" in there else "ok" if ours == theirs else "note"
    advice = "the workers cannot open it: they need the same path, or the same proxy" if "error" in there else ""
    return Finding(file, ours, theirs, verdict, advice)


def _mib(size: float) -> str:
    return f"{size / 2**20:,.0f} MiB"
