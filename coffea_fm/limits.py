"""Cores and memory that the batch system, a container, or a shell lets this process use."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

ROOT = Path("/")
_UNLIMITED = 2**60
"""Control groups of version 1 write a number near 2**63 for no limit."""


@dataclass(frozen=True, order=True)
class MemoryLimit:
    """How much memory a process may use, and who says so.

    Parameters
    ----------
    size : int
        In bytes.
    source : str
        Completes the sentence "the limit is set by ...".
    """

    size: int
    source: str

    def __str__(self) -> str:
        return f"{self.size / 2**30:.2f} GiB ({self.source})"


def core_limit(environment: Mapping[str, str] = os.environ, root: Path = ROOT) -> int:
    """Number of cores that this process may keep busy.

    The smallest of its CPU affinity (which includes cpusets), the quota of its control groups, version 1 or 2, rounded
    up, and ``SLURM_CPUS_PER_TASK``: Slurm does not confine tasks to their cores on every site.

    Parameters
    ----------
    environment : mapping of str to str
    root : Path
        Where ``/proc`` and ``/sys`` are.
    """
    limits = [_affinity()]
    if (slurm := first_number(environment.get("SLURM_CPUS_PER_TASK", ""))) is not None:
        limits.append(slurm)
    limits += [max(1, math.ceil(quota / period)) for quota, period in _quotas(root) if quota > 0 and period > 0]
    return min(limits)


def memory_limit(sharing: int = 1, root: Path = ROOT) -> MemoryLimit:
    """The tightest limit on the memory of this process.

    The smallest of the limits of its control groups, version 1 or 2, of ``ulimit`` (``-v``, ``-d``, ``-m``), and of the
    memory of the machine.

    Parameters
    ----------
    sharing : int
        Number of processes that share the control group and the machine.
    root : Path
        Where ``/proc`` and ``/sys`` are.
    """
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limits = [MemoryLimit(machine // sharing, "the memory of the machine")]
    for size in _group_memory(root):
        limits.append(MemoryLimit(size // sharing, "the control group of the job or container"))
    return min([*limits, *_ulimits()])


def first_number(text: str) -> int | None:
    """The first number of a list such as ``"4,2"``, as ``OMP_NUM_THREADS`` may be; None unless it is positive."""
    first = text.partition(",")[0].strip()
    return int(first) if first.isascii() and first.isdigit() and int(first) > 0 else None


def _affinity() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _ulimits() -> Iterator[MemoryLimit]:
    try:
        import resource
    except ImportError:  # Windows
        return
    for name, flag in (("RLIMIT_AS", "-v"), ("RLIMIT_DATA", "-d"), ("RLIMIT_RSS", "-m")):
        soft, _ = resource.getrlimit(getattr(resource, name))
        if soft != resource.RLIM_INFINITY:
            yield MemoryLimit(soft, f"ulimit {flag}")


@lru_cache  # every call of a tagger asks, and a job keeps its control group
def _quotas(root: Path) -> tuple[tuple[int, int], ...]:
    """Quota and period in microseconds, of this process's control group and those above it."""
    found = []
    for group in _groups("cpu", root):
        if (text := _text(group / "cpu.max")) is not None:
            quota, period = text.split()
            if quota != "max":
                found.append((int(quota), int(period)))
        elif (text := _text(group / "cpu.cfs_quota_us")) is not None:
            found.append((int(text), int(_text(group / "cpu.cfs_period_us") or 0)))
    return tuple(found)


def _group_memory(root: Path) -> Iterator[int]:
    for group in _groups("memory", root):
        for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
            text = _text(group / name)
            if text and text != "max" and int(text) < _UNLIMITED:
                yield int(text)


def _groups(controller: str, root: Path) -> Iterator[Path]:
    """Folders of the control group of this process and of those above it, as far as they are visible here.

    In a container, ``/proc/self/cgroup`` may name the path on the host, while only the container's own group is
    mounted: at the top.
    """
    mounted = root / "sys/fs/cgroup"
    for line in (_text(root / "proc/self/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        names = dict.fromkeys([controllers, controller] if controllers else ["", "unified"])
        inside = PurePosixPath(*(part for part in PurePosixPath(path).parts if part not in ("/", "..")))
        for top in (mounted / name for name in names):
            yield from (top / group for group in (inside, *inside.parents))


def _text(path: Path) -> str | None:
    with suppress(OSError):
        return path.read_text().strip()
    return None
