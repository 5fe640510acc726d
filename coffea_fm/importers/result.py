"""What an import returns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ImportResult:
    """Result of an import.

    Parameters
    ----------
    bundle : str
        Folder of the bundle.
    checksum : str
        Checksum of the model.
    classes : tuple of str
        Names of the scores.
    maximal_difference : float
        Largest difference from the original model, over `cases` batches.
    cases : int
    bytes : int
        Total size of the files of the bundle.
    """

    bundle: str
    checksum: str
    classes: tuple[str, ...]
    maximal_difference: float
    cases: int
    bytes: int

    def __str__(self) -> str:
        """Summary in three lines."""
        return (
            f"scores: {', '.join(self.classes)}\n"
            f"on the same variables, differs from the original by at most {self.maximal_difference:.1e} in {self.cases} batches\n"
            f"wrote {self.bundle} ({self.bytes / 1e6:.2f} MB)"
        )

    def __repr__(self) -> str:
        """Same as `str`."""
        return str(self)
