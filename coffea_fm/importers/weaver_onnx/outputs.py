"""The outputs of a model: which columns are scores, and whether they are probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coffea_fm.arrays import FloatArray
from coffea_fm.bundle.manifest import Output
from coffea_fm.errors import InputError, RecipeError
from coffea_fm.importers.weaver_onnx.mapping import Mapping, OutputInfo
from coffea_fm.importers.weaver_onnx.original import Original
from coffea_fm.importers.weaver_onnx.preprocess import Preprocess
from coffea_fm.names import nearest

_SUM = 1e-3
_REGRESSED = "target_"
"""How weaver's training configurations name what is regressed."""


@dataclass(frozen=True)
class OutputPlan:
    """How one output of the bundle is made.

    Parameters
    ----------
    name : str
    columns : tuple of int
        Columns of all outputs of the model, side by side.
    classes : tuple of str
        Names of the columns; empty for a vector.
    softmax : bool
        Whether a softmax is added.
    """

    name: str
    columns: tuple[int, ...]
    classes: tuple[str, ...]
    softmax: bool

    def described(self) -> Output:
        """Entry of the manifest."""
        return Output(name=self.name, dim=len(self.columns), classes=self.classes)

    def of(self, answers: FloatArray) -> FloatArray:
        """The output, given all columns of the model [n, columns]."""
        values = answers[:, list(self.columns)]
        if not self.softmax:
            return values
        powers = np.exp(values - values.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def plan_outputs(
    original: Original, preprocess: Preprocess, mapping: Mapping, answers: Sequence[FloatArray], name: str
) -> tuple[OutputPlan, ...]:
    """Plan the outputs of a bundle.

    Parameters
    ----------
    original : Original
    preprocess : Preprocess
    mapping : Mapping
    answers : sequence of float32 arrays of shape [n, dim]
        The outputs of the model for some jets.
    name : str
        Name of the mapping, for errors.

    Raises
    ------
    InputError
        If the model has another number of columns than names, or it is unclear whether scores are probabilities.
    RecipeError
        If the mapping names columns that the model does not have.
    """
    names = preprocess.output_names
    if len(set(names)) != len(names):
        raise InputError(f"output_names lists a name twice: {', '.join(names)}; every column needs a name of its own")
    widths = [answer.shape[1] if answer.ndim == 2 else 0 for answer in answers]
    if not names:
        raise InputError(
            f"the columns of {original.path} have no names: list them under output_names in preprocess.json, in their order "
            f"({', '.join(f'{output} has {width}' for output, width in zip(original.outputs, widths, strict=True))})"
        )
    named = _named_outputs(widths, len(names))
    if named is None:
        shapes = ", ".join(f"{output} has {width}" for output, width in zip(original.outputs, widths, strict=True))
        raise InputError(
            f"output_names lists {len(names)} names, but of the outputs of {original.path} {shapes} columns: the files do "
            "not belong together"
        )
    offsets = np.concatenate([[0], np.cumsum(widths)])
    where = dict(zip(names, [int(offsets[output]) + i for output in named for i in range(widths[output])], strict=True))
    values = np.concatenate([answer for answer, width in zip(answers, widths, strict=True) if width], axis=1)
    if not np.isfinite(values).all():
        raise InputError(
            f"{original.path} gives numbers that are not finite for random jets prepared as the files say: check that the "
            f"mapping {name} is the one for this model"
        )
    plans = []
    described = mapping.outputs if "outputs" in mapping.model_fields_set else _by_default(names)
    for output, info in described.items():
        unknown = [column for column in info.columns if column not in where]
        if unknown:
            raise RecipeError(
                f"mapping {name}: outputs.{output} lists {', '.join(unknown)}, which the model does not have: "
                f"{nearest(unknown[0], names)}"
            )
        taken = {column for other, others in described.items() if other != output for column in others.columns}
        classes = info.columns or tuple(column for column in names if column not in taken)
        columns = tuple(where[column] for column in classes)
        if info.kind == "detect" and not _are_probabilities(values[:, list(columns)]):
            raise InputError(
                f"the output {output!r} of {original.path} does not sum to 1: say in the mapping what it is, with "
                f"outputs: {{{output}: {{kind: logits}}}} (a softmax is added) or kind: values (kept as it is)"
            )
        plans.append(OutputPlan(output, columns, classes, info.kind == "logits"))
    for position, (output, width) in enumerate(zip(original.outputs, widths, strict=True)):
        if position not in named and width:
            plans.append(OutputPlan(output, tuple(range(offsets[position], offsets[position] + width)), (), False))
    return tuple(plans)


def _by_default(names: Sequence[str]) -> dict[str, OutputInfo]:
    """Scores, and apart from them what is regressed: a single column, and those that weaver names as targets."""
    targets = tuple(name for name in names if name.startswith(_REGRESSED) or len(names) == 1)
    outputs = {} if len(targets) == len(names) else {"scores": OutputInfo()}
    return outputs | ({"targets": OutputInfo(columns=targets, kind="values")} if targets else {})


def _named_outputs(widths: Sequence[int], count: int) -> list[int] | None:
    """Positions of the outputs whose columns have names: one of that width, or all together."""
    if count in widths:
        return [widths.index(count)]
    return list(range(len(widths))) if sum(widths) == count and all(widths) else None


def _are_probabilities(values: FloatArray) -> bool:
    within = ((values >= -_SUM) & (values <= 1 + _SUM)).all()
    return bool(within and (np.abs(values.sum(axis=1) - 1) < _SUM).all())
