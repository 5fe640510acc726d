"""Several taggers on the same jets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup

from coffea_fm.evaluation.compared_page import render_comparison, render_comparison_summary
from coffea_fm.evaluation.draw_comparison import draw_comparison
from coffea_fm.evaluation.paired import Paired
from coffea_fm.evaluation.result import Evaluation
from coffea_fm.evaluation.tables import Name, Table, shift_tables, tagger_table, versus_table
from coffea_fm.files import atomic
from coffea_fm.names import safe_name
from coffea_fm.plots.names import display_name
from coffea_fm.plots.style import SIMULATION, Label, save


@dataclass(frozen=True, repr=False)
class Comparison:
    """How good several bundles are on the same labelled jets.

    Parameters
    ----------
    evaluations : mapping of str to Evaluation
        By bundle, all of the jets that every one of them scores; the first is what the others are compared with.
    differences : mapping of str to Paired
        By bundle: what a paired bootstrap over the jets says.
    written : list of Path
        Files that `write` wrote.
    """

    evaluations: Mapping[str, Evaluation]
    differences: Mapping[str, Paired]
    written: list[Path] = field(default_factory=list)

    @property
    def first(self) -> Evaluation:
        """That of the first bundle."""
        return next(iter(self.evaluations.values()))

    @property
    def title(self) -> str:
        """Which bundles on what, in a phrase."""
        return f"{', '.join(self.evaluations)} on {self.first.measured_on}"

    @property
    def tables(self) -> list[Table]:
        """Accuracy by bundle; AUC and rejection by class and bundle; what each sees of a shift."""
        return self._tables(str)

    def _tables(self, shown: Name) -> list[Table]:
        metrics = {name: evaluation.metrics for name, evaluation in self.evaluations.items()}
        shifts = [
            replace(table, title=f"{table.title}, as {name} sees it")
            for name, part in self.evaluations.items()
            for table in ([] if part.shift is None else shift_tables(part.shift))
        ]
        return [tagger_table(metrics, self.differences), versus_table(metrics, self.differences, shown), *shifts]

    def write(self, folder: Path, *, label: Label = SIMULATION) -> Comparison:
        """Write the page, tables and figures of the comparison, and each evaluation into a folder of its own."""
        parts = {name: part.write(folder / safe_name(name), label=label) for name, part in self.evaluations.items()}
        content = {
            "bundles": {name: part.summary() for name, part in parts.items()},
            "differences": {name: asdict(part) for name, part in self.differences.items()},
        }
        written = [path for part in parts.values() for path in part.written]
        for name, text in (
            ("comparison.json", json.dumps(content, indent=2, allow_nan=False) + "\n"),
            ("comparison.md", "\n\n".join(table.markdown() for table in self.tables) + "\n"),
        ):
            with atomic(folder / name) as path:
                path.write_text(text)
            written.append(folder / name)
        images = {}
        for name, figure in draw_comparison(parts, label=label).items():
            images[name], pdf = save(figure, folder / "figures" / name)
            written += [images[name], pdf]
        page = folder / "report.html"
        with atomic(page) as path:
            path.write_text(
                render_comparison(
                    ", ".join(parts),
                    self.first.measured_on,
                    self._tables(display_name),
                    images,
                    self.first.remarks,
                    _about(parts),
                )
            )
        return replace(self, evaluations=parts, written=[*written, page])

    def __repr__(self) -> str:
        parts = [self.title, *(f"{table.title}\n\n{table.markdown()}" for table in self.tables), *self.first.remarks]
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        return render_comparison_summary(self.title, self._tables(display_name), self.first.remarks)


def _about(parts: Mapping[str, Evaluation]) -> dict[str, str]:
    return {
        "data": ", ".join(next(iter(parts.values())).data),
        **{
            name: Markup('checksum <code>{}</code>, <a href="{}/report.html">its own page</a>').format(
                part.checksum, quote(safe_name(name))
            )
            for name, part in parts.items()
        },
    }
