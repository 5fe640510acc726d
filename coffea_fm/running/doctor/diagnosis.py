"""What was found on a worker, beside this machine, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["ok", "note", "bad"]


@dataclass(frozen=True)
class Finding:
    """One line of a diagnosis.

    Parameters
    ----------
    what : str
        What was looked at.
    here, there : str
        On this machine and on the worker.
    verdict : {"ok", "note", "bad"}
        Whether a run works with it; a note may matter.
    advice : str
        What to do.
    """

    what: str
    here: str
    there: str
    verdict: Verdict = "ok"
    advice: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """What `coffea_fm.doctor` found; it prints as a table.

    Parameters
    ----------
    cluster : str
        The cluster.
    worker : str
        Name of the machine of the worker.
    findings : sequence of Finding
    """

    cluster: str
    worker: str
    findings: Sequence[Finding]

    @property
    def ok(self) -> bool:
        """Whether nothing is bad."""
        return all(finding.verdict != "bad" for finding in self.findings)

    def summary(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "cluster": self.cluster,
            "worker": self.worker,
            "ok": self.ok,
            "findings": [vars(finding) for finding in self.findings],
        }

    def __str__(self) -> str:
        rows = [("", "", "here", f"worker on {self.worker}")]
        rows += [(finding.verdict, finding.what, finding.here, finding.there) for finding in self.findings]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = []
        for row, finding in zip(rows, [None, *self.findings], strict=True):
            lines.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
            if finding is not None and finding.advice:
                lines.append(f"{' ' * (widths[0] + 2)}-> {finding.advice}")
        bad = sum(finding.verdict == "bad" for finding in self.findings)
        notes = sum(finding.verdict == "note" for finding in self.findings)
        end = f"{bad} of {len(self.findings)} are bad" if bad else "a run can use this cluster"
        return "\n".join([*lines, "", end + (f"; {notes} to note" if notes else "")])
