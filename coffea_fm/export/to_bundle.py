"""The function behind ``coffea-fm export``, for notebooks and scripts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import awkward as ak
from torch import nn

from coffea_fm.errors import InputError
from coffea_fm.export.any_module import export_module
from coffea_fm.export.export import export_checkpoint
from coffea_fm.tokens import Level, Packed


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
    model: str | os.PathLike[str] | nn.Module,
    output: str | os.PathLike[str],
    *,
    card: str | os.PathLike[str] | None = None,
    data: str | os.PathLike[str] | None = None,
    temperature: float = 1.0,
    level: Level | None = None,
    outputs: Mapping[str, Sequence[str] | int] | None = None,
    jets: ak.Array | Packed | None = None,
    permutation_invariant: bool = True,
) -> ExportResult:
    """Export a checkpoint, or any torch module, to ONNX graphs with a manifest, after comparing them with torch.

    Parameters
    ----------
    model : path-like or torch.nn.Module
        Folder such as ``runs/NAME/best``; or a module, which also needs `level`, `outputs` and `jets`.
    output : path-like
        Folder of the bundle; its name is the name of the model.
    card : path-like, optional
        File with the model card in Markdown; a draft by default.
    data : path-like, optional
        Only for a checkpoint: folder of shards with real jets for the check; the training data by default.
    temperature : float
        Only for a checkpoint: logits are divided by it before the softmax.
    level, outputs, jets, permutation_invariant
        Only for a module; see `coffea_fm.export.any_module.export_module`.

    Raises
    ------
    ExportError
        If the graphs do not reproduce the network; nothing is written in this case.
    InputError
        If the checkpoint, the card or the data cannot be read, or the module does not fit its description.
    """
    text = None if card is None else _read(card)
    if isinstance(model, nn.Module):
        if level is None or outputs is None or jets is None:
            raise InputError("a module needs level=, outputs= and jets=: what it reads, what it returns, and real jets")
        if data is not None or temperature != 1.0:
            raise InputError("data and temperature belong to a checkpoint: leave them out for a module")
        manifest = export_module(
            model,
            output,
            level=level,
            outputs=outputs,
            jets=jets,
            permutation_invariant=permutation_invariant,
            card=text,
        )
    else:
        given: object = model
        if not isinstance(given, str | os.PathLike):
            what = f"the class {given.__name__}" if isinstance(given, type) else f"a {type(given).__name__}"
            raise InputError(
                f"cannot export {what}: give a torch.nn.Module, made and trained, or a checkpoint's folder"
            )
        if not (level is None and outputs is None and jets is None):
            raise InputError("level, outputs and jets describe a module: a checkpoint has its own, so leave them out")
        manifest = export_checkpoint(model, output, card=text, data=data, temperature=temperature)
    check = manifest.check
    size = sum(path.stat().st_size for path in Path(output).iterdir())
    difference = check.maximal_difference if check else None
    return ExportResult(str(output), manifest.checksum, size, difference, check.cases if check else 0)


def _read(card: str | os.PathLike[str]) -> str:
    try:
        return Path(card).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read the model card {card}: {error.strerror}") from error
