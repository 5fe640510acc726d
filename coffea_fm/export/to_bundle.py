"""The function behind ``coffea-fm export``, for notebooks and scripts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from coffea_fm.errors import InputError
from coffea_fm.export.export import export_checkpoint


@dataclass(frozen=True)
class ExportResult:
    """Result of an export.

    Parameters
    ----------
    bundle : str
        Folder of the bundle.
    checksum : str
        Checksum of its content.
    bytes : int
        Total size of its files.
    maximal_difference : float or None
        Between onnxruntime and torch, over `cases` batches.
    cases : int
    """

    bundle: str
    checksum: str
    bytes: int
    maximal_difference: float | None
    cases: int

    def __str__(self) -> str:
        """Summary in two lines."""
        written = f"wrote {self.bundle} ({self.bytes / 1e6:.2f} MB)"
        if self.maximal_difference is None:
            return written
        return (
            f"onnxruntime and torch differ by at most {self.maximal_difference:.1e} in {self.cases} batches\n{written}"
        )

    def __repr__(self) -> str:
        """Same as `str`."""
        return str(self)


def export(
    checkpoint: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    card: str | os.PathLike[str] | None = None,
    data: str | os.PathLike[str] | None = None,
    temperature: float = 1.0,
) -> ExportResult:
    """Export a checkpoint to ONNX graphs with a manifest, after comparing them with torch.

    Parameters
    ----------
    checkpoint : path-like
        Folder such as ``runs/NAME/best``.
    output : path-like
        Folder of the bundle; its name is the name of the model.
    card : path-like, optional
        File with the model card in Markdown; a draft by default.
    data : path-like, optional
        Folder of shards with real jets for the check; the training data by default.
    temperature : float
        Logits are divided by it before the softmax.

    Raises
    ------
    ExportError
        If the graphs do not reproduce the network; nothing is written in this case.
    InputError
        If the checkpoint, the card or the data cannot be read.
    """
    text = None
    if card is not None:
        try:
            text = Path(card).read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"cannot read the model card {card}: {error.strerror}") from error
    manifest = export_checkpoint(checkpoint, output, card=text, data=data, temperature=temperature)
    check = manifest.check
    size = sum(path.stat().st_size for path in Path(output).iterdir())
    difference = check.maximal_difference if check else None
    return ExportResult(str(output), manifest.checksum, size, difference, check.cases if check else 0)
