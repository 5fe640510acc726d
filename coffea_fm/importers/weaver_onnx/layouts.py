"""Compare what a model reads with what its JSON describes, and find the axes of each input."""

from __future__ import annotations

from coffea_fm.errors import InputError
from coffea_fm.importers.weaver_onnx.inputs import Layout
from coffea_fm.importers.weaver_onnx.original import Dims, Original
from coffea_fm.importers.weaver_onnx.plan import InputPlan, Plan


def find_layouts(original: Original, plan: Plan, described_by: str) -> dict[str, Layout]:
    """The order of the axes of each input.

    Raises
    ------
    InputError
        If the model has other inputs than described, or an input has another shape.
    """
    planned = {entry.name for entry in plan.inputs}
    if planned != set(original.inputs):
        both = f"the model reads {', '.join(original.inputs)}, and {described_by} describes {', '.join(planned)}"
        raise InputError(f"{original.path} and {described_by} do not belong together: {both}")
    return {entry.name: _layout(entry, original.inputs[entry.name], original, described_by) for entry in plan.inputs}


def fixed_lengths(original: Original, plan: Plan, layouts: dict[str, Layout]) -> dict[str, tuple[int, int]]:
    """Lengths of the inputs whose number of tokens is a constant of the model, which the JSON may not say."""
    found = {}
    for entry in plan.inputs:
        if not entry.group.tokens:
            continue
        length = original.inputs[entry.name][1 if layouts[entry.name] == "tokens" else 2]
        if length is not None:
            found[entry.name] = (length, length)
    return found


def _layout(entry: InputPlan, dims: Dims, original: Original, described_by: str) -> Layout:
    variables = len(entry.formulas)
    shape = f"[{', '.join('*' if dim is None else str(dim) for dim in dims)}]"
    if not entry.group.tokens:
        if len(dims) == 2 and dims[1] in (None, variables):
            return "vector"
        if len(dims) == 3 and dims[1] in (None, variables) and dims[2] in (None, 1):
            return "vector of length 1"
    elif len(dims) == 3:
        if dims[1] == variables or (dims[1] is None and dims[2] != variables):
            return "channels"
        if dims[2] == variables:
            return "tokens"
    raise InputError(
        f"the input {entry.name!r} of {original.path} has the shape {shape}, and {described_by} describes {variables} "
        f"variables of {entry.group.tokens or 'the jet'}: the files do not belong together"
    )
