"""What two runs gave, compared event by event."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from coffea_fm.analysis.histogram_files import read_histograms


@dataclass(frozen=True)
class Comparison:
    """How a run differs from the undisturbed one.

    Parameters
    ----------
    lost, twice : int
        Events that are in no histogram, and events that are there more often than once.
    differences : list of str
        Everything else.
    """

    lost: int
    twice: int
    differences: list[str]

    @property
    def equal(self) -> bool:
        """Whether there is no difference at all."""
        return not (self.lost or self.twice or self.differences)


def compare(found: Path, wanted: Path, *, keeps_parts: bool = False) -> Comparison:
    """Compare histograms bin by bin, the cutflow, and the rows of all shards and friends.

    Parameters
    ----------
    found, wanted : Path
        Output folders.
    keeps_parts : bool
        Whether parts of friends stay, as they do with checkpoints.
    """
    differences = []
    counted, expected = bins(found), bins(wanted)
    keys = counted["entries"].keys() | expected["entries"].keys()
    nothing = np.zeros(next(iter(expected["entries"].values())).shape)
    gap = [counted["entries"].get(key, nothing) - expected["entries"].get(key, nothing) for key in keys]
    for name in expected:
        if any(not np.array_equal(counted[name].get(key), expected[name][key]) for key in expected[name]):
            differences.append(f"histogram {name}")
    if _cutflow(found) != _cutflow(wanted):
        differences.append("cutflow")
    for kind, pattern in (("shard", "shards/*.parquet"), ("friend tree", "friends/**/*.parquet")):
        left, right = (_tables(run, pattern) for run in (found, wanted))
        if [name for name, _ in left] != [name for name, _ in right]:
            differences.append(f"{kind}s: {len(left)} instead of {len(right)}, or others")
        else:
            differences += [
                f"{kind} {name}"
                for (name, one), (_, other) in zip(left, right, strict=True)
                if not _same_rows(one, other)
            ]
    rest = [path.name for path in found.rglob("*") if path.name.endswith(".tmp")]
    rest += [".parts"] * (not keeps_parts and (found / "friends" / ".parts").exists())
    differences += [f"left behind: {name}" for name in rest]
    lost = int(sum(-part[part < 0].sum() for part in gap))
    return Comparison(lost, int(sum(part[part > 0].sum() for part in gap)), differences)


def bins(run: Path) -> dict[str, dict[str, Any]]:
    """Bins of each histogram by dataset, whose order depends on which chunk came first."""
    histograms = read_histograms(run / "histograms.zip")
    return {
        name: {key: np.asarray(one[{"dataset": key}].view(flow=True)) for key in one.axes["dataset"]}
        for name, one in histograms.items()
    }


def named_exactly(run: Path, wanted: Path) -> bool:
    """Whether the entries that an incomplete run names as missing are those that it has not counted, and no others."""
    summary = json.loads((run / "summary.json").read_text())
    missing = {
        (part["dataset"], entry)
        for part in summary["missing"]
        for start, stop in part["ranges"]
        for entry in range(start, stop)
    }
    counted, everything = (
        {
            (key, entry)
            for key, values in bins(place)["entries"].items()
            for entry in np.flatnonzero(values[1:-1])  # without under- and overflow
        }
        for place in (run, wanted)
    )
    return missing == everything - counted and not missing & counted


def _cutflow(run: Path) -> Any:
    return json.loads((run / "cutflow.json").read_text())


def _tables(run: Path, pattern: str) -> list[tuple[str, Path]]:
    """Tables with their names, without the end of these that depends on where the inputs are."""
    paths = [path for path in run.glob(pattern) if path.parent.name != ".parts"]
    return sorted((re.sub(r"_[0-9a-f]{10}\.parquet$", "", str(path.relative_to(run))), path) for path in paths)


def _same_rows(one: Path, other: Path) -> bool:
    return repr(pq.read_table(one).to_pydict()) == repr(pq.read_table(other).to_pydict())  # NaN equals NaN
