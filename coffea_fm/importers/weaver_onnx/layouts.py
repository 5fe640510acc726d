"""Compare what a model reads with what its JSON describes, and find the axes of each input."""

from __future__ import annotations

from coffea_fm.errors import InputError
from coffea_fm.importers.weaver_onnx.inputs import Layout
from coffea_fm.importers.weaver_onnx.original import Dims, Original
from coffea_fm.importers.weaver_onnx.plan import InputPlan, Plan
from coffea_fm.importers.weaver_onnx.preprocess import Preprocess


def read_inputs(original: Original, preprocess: Preprocess, described_by: str) -> Preprocess:
    """Keep the described inputs that the model reads. An exporter leaves out inputs that a network does not use.

    Raises
    ------
    InputError
        If the model reads inputs that are not described.
    """
    if unknown := set(original.inputs) - set(preprocess.input_names):
        raise InputError(
            f"{original.path} and {described_by} do not belong together: the model reads {', '.join(sorted(unknown))}, but "
            f"{', '.join(preprocess.input_names)} are described"
        )
    names = tuple(name for name in preprocess.input_names if name in original.inputs)
    return preprocess.model_copy(update={"input_names": names})


def find_layouts(original: Original, plan: Plan, described_by: str) -> dict[str, Layout]:
    """The order of the axes of each input.

    Raises
    ------
    InputError
        If an input has another shape than described.
    """
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
