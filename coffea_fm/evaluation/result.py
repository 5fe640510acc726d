"""The result of an evaluation, with its display for notebooks and terminals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

from coffea_fm.arrays import Scores, Targets
from coffea_fm.bundle import Calibration, WorkingPoint
from coffea_fm.calibration.lines import recorded_lines
from coffea_fm.evaluation.classification import Metrics
from coffea_fm.evaluation.domain_shift import Shift
from coffea_fm.evaluation.jets import JetData
from coffea_fm.evaluation.page import render_summary
from coffea_fm.evaluation.report import write_evaluation
from coffea_fm.evaluation.sculpting import Divergence
from coffea_fm.evaluation.tables import Table, headline, separation_table, shift_tables, working_point_table
from coffea_fm.plots.style import SIMULATION, Label


@dataclass(frozen=True, repr=False)
class Evaluation:
    """The performance of a bundle on labelled jets.

    Parameters
    ----------
    bundle, checksum : str
        Name and checksum of the bundle.
    data : sequence of str
        The data, by name.
    scores : float32 array of shape [n_jets, n_classes]
        Scores of the jets with a true class; NaN for jets without a score.
    target : int64 array of shape [n_jets]
        True class.
    metrics : Metrics
        Figures of merit.
    working_points : sequence of WorkingPoint
        Cuts over all jets on the scores as they are, with their efficiencies.
    left_out : dict of str to int
        Number of jets left out, by reason.
    skipped : dict of str to str
        Why a file was left out.
    jets : JetData
        Kinematics and embeddings of the jets.
    sculpting : dict of str to Divergence
        By working point: what it does to the mass of the background.
    shift : Shift, optional
        How far other data are.
    calibration : Calibration, optional
        What `record` writes to the bundle: the calibration of its scores, and working points as they were asked for,
        e.g. by pT.
    forgotten : sequence of str
        Working points that the bundle had before, and that recording removed, because these jets do not give them.
    written : list of Path
        Files that `write` wrote.
    """

    bundle: str
    checksum: str
    data: Sequence[str]
    scores: Scores
    target: Targets
    metrics: Metrics
    working_points: Sequence[WorkingPoint]
    left_out: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    jets: JetData = field(default_factory=JetData)
    sculpting: dict[str, Divergence] = field(default_factory=dict)
    shift: Shift | None = None
    calibration: Calibration | None = None
    forgotten: Sequence[str] = ()
    written: list[Path] = field(default_factory=list)

    @property
    def measured_on(self) -> str:
        """The data in a phrase: ``20000 jets of a.root and 9 more``."""
        return f"{self.metrics.jets} jets of {files_in_words(self.data)}"

    @property
    def remarks(self) -> list[str]:
        """One sentence for each reason that jets, files or working points were left out."""
        jets = [f"left out: {number} jets {why}" for why, number in self.left_out.items()]
        points = [] if self.calibration is None else self._points_left_out(self.calibration)
        return [*jets, *(f"skipped: {reason}" for reason in self.skipped.values()), *points]

    def _points_left_out(self, calibration: Calibration) -> list[str]:
        there = {point.name for point in calibration.working_points}
        sentences = []
        if missed := [point.name for point in self.working_points if point.name not in there]:
            sentences.append(
                f"too few background jets pass for working points as they were asked for: {', '.join(missed)} left out"
            )
        if self.forgotten:
            sentences.append(
                f"working points that the bundle had, and that these jets do not give, are removed: {', '.join(self.forgotten)}"
            )
        return sentences

    def summary(self) -> dict[str, Any]:
        """The result as plain values."""
        return {
            "bundle": self.bundle,
            "checksum": self.checksum,
            "data": list(self.data),
            "left_out": self.left_out,
            "skipped": self.skipped,
        }

    def write(self, folder: Path, *, label: Label = SIMULATION) -> Evaluation:
        """Write numbers, tables, figures and the report page to a folder; returns a copy with `written` set."""
        written = write_evaluation(
            folder,
            self.scores,
            self.target,
            self.metrics,
            self.working_points,
            self.summary(),
            jets=self.jets,
            sculpting=self.sculpting,
            shift=self.shift,
            warnings=self.remarks,
            label=label,
        )
        return replace(self, written=written)

    @property
    def _more_tables(self) -> list[Table]:
        return [] if self.shift is None else shift_tables(self.shift)

    def __repr__(self) -> str:
        tables = (separation_table(self.metrics), working_point_table(self.working_points))
        parts = [
            f"{self.bundle} on {self.measured_on}",
            headline(self.metrics),
            *(table.markdown() for table in tables),
            *(f"{table.title}\n\n{table.markdown()}" for table in self._more_tables),
            *([] if self.calibration is None else recorded_lines(self.calibration)),
            *self.remarks,
        ]
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        title = f"{self.bundle} on {self.measured_on}"
        return render_summary(title, self.metrics, self.working_points, self.remarks, self._more_tables)


def files_in_words(files: Sequence[str]) -> str:
    """The names of files in a phrase, without their folders: ``a.root and 9 more``."""
    first = PurePath(files[0]).name
    return first if len(files) == 1 else f"{first} and {len(files) - 1} more"
