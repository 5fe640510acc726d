"""Export any torch module that reads padded arrays."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import awkward as ak
import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from coffea_fm.bundle import Graph, Manifest, NumericalCheck, Output, Provenance, save_bundle
from coffea_fm.errors import InputError, warn
from coffea_fm.export.card import draft_card
from coffea_fm.export.cases import Case, cases
from coffea_fm.export.check import TOLERANCE, Answers, ExportError, compare, open_session
from coffea_fm.export.distorted import Distorted
from coffea_fm.export.export import versions
from coffea_fm.export.graphs import dynamic_axes, example_arrays, to_onnx
from coffea_fm.export.ranges import with_trained_ranges
from coffea_fm.inference.chain import Chain
from coffea_fm.names import nearest
from coffea_fm.nn.inputs import Inputs, not_finite
from coffea_fm.tokens import Level, Packed, array_names, pack, pad

Outputs = Mapping[str, Sequence[str] | int]
_LOOKED_AT = 1000


class _ModuleGraph(nn.Module):
    """A module, called with the arrays of a level in order: 0 in empty slots, and NaN where an input is not finite."""

    def __init__(self, module: nn.Module, level: Level, outputs: tuple[Output, ...]) -> None:
        super().__init__()
        self.module, self.level, self.outputs = module, level, outputs
        self.names = array_names(level)
        self.reads = _reads(module, self.names)

    def forward(self, *arrays: Tensor) -> tuple[Tensor, ...]:
        given = dict(zip(self.names, arrays, strict=True))
        for member in self.level.members:
            empty = ~given[f"{member.name}_mask"].unsqueeze(-1)
            given[member.name] = given[member.name].masked_fill(empty, 0.0)
        undefined = not_finite(Inputs.from_arrays(given, self.level))
        returned = self.module(**{name: given[name] for name in self.reads})
        found = _named(returned, self.outputs)
        return tuple(_checked(found[output.name], output, len(arrays[0])) + undefined for output in self.outputs)


def export_module(
    module: nn.Module,
    output: str | os.PathLike[str],
    *,
    level: Level,
    outputs: Outputs,
    jets: ak.Array | Packed,
    permutation_invariant: bool = True,
    card: str | None = None,
) -> Manifest:
    """Export a module to a bundle, after comparing onnxruntime with the module itself.

    Parameters
    ----------
    module : torch.nn.Module
        Its ``forward`` takes the padded arrays of the level by name (see `coffea_fm.tokens.pad`), e.g. ``jet``,
        ``constituents`` and ``constituents_mask``, as many as it needs; empty slots are 0. It returns a tensor
        [jets, columns], or a dict of them. It is exported in evaluation mode.
    output : path-like
        Folder of the bundle; its name is the name of the model.
    level : Level
        What the module reads; see `coffea_fm.tokens.jet_level`.
    outputs : dict of str to sequence of str, or int
        What it returns: the name of each output, with the names of its columns or their number.
    jets : ak.Array or Packed
        Real jets, or other things of this level, from the training data: for the check and for the ranges.
    permutation_invariant : bool
        Whether the result does not depend on the order of the members, which is then checked.
    card : str, optional
        The model card in Markdown; a draft by default.

    Raises
    ------
    InputError
        If the module takes or returns something else, or the jets do not have what the level names.
    ExportError
        If torch cannot export the module, or the graph does not reproduce it; nothing is written in this case.
    """
    if not level.members or any(member.members for member in level.members):
        raise InputError(f"{level.name} must have members that have no members themselves: give a level of jets")
    if not outputs:
        raise InputError("outputs is empty: name what the module returns, such as {'scores': ('QCD', 'Hbb')}")
    described = tuple(_output(name, columns, level) for name, columns in outputs.items())
    packed = jets if isinstance(jets, Packed) else pack(jets, level)[0]
    if not len(packed.at((level.members[0].name,))):
        raise InputError(
            f"the examples for the numerical check have no {level.members[0].name}: give others that have some"
        )
    graph = _ModuleGraph(module, level, described)
    names = tuple(item.name for item in described)
    manifest = Manifest(
        name=Path(output).resolve().name,
        level=with_trained_ranges(level, packed),
        outputs=described,
        graphs=(Graph(name="model", file="model.onnx", level=level.name, inputs=graph.names, outputs=names),),
        provenance=Provenance(recipe={"module": type(module).__qualname__}, versions=versions()),
    )
    training = module.training
    graph.eval()
    try:
        _answers(graph, packed.take(np.arange(min(2, len(packed)))))  # errors of the module itself, before the export
        exported = _to_onnx(graph, manifest.graphs[0])
        check = _check(exported, graph, manifest, packed, shuffled=permutation_invariant)
        _warn_of_no_probabilities(_answers(graph, packed.take(np.arange(min(_LOOKED_AT, len(packed))))), described)
    finally:
        module.train(training)
    checked = manifest.model_copy(update={"check": check})
    return save_bundle(output, checked, {"model": exported}, draft_card(checked) if card is None else card)


def _reads(module: nn.Module, names: tuple[str, ...]) -> tuple[str, ...]:
    """The arrays that ``forward`` takes."""
    parameters = inspect.signature(module.forward).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return names
    for parameter in parameters:
        needed = parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL
        if needed and parameter.name not in names:
            hint = nearest(parameter.name, names, "the arrays of this level are")
            raise InputError(
                f"forward of {type(module).__name__} takes {parameter.name!r}, which is not an array: {hint}"
            )
    return tuple(parameter.name for parameter in parameters if parameter.name in names)


def _output(name: str, columns: Sequence[str] | int, level: Level) -> Output:
    if isinstance(columns, int):
        return Output(name=name, dim=columns, level=level.name)
    if isinstance(columns, str):
        raise InputError(f"outputs: {name!r} needs the names of its columns, such as ({columns!r},), or their number")
    if len(set(columns)) < len(columns):
        raise InputError(f"outputs: {name!r} has a column's name twice: {', '.join(columns)}")
    return Output(name=name, dim=len(columns), classes=tuple(columns), level=level.name)


def _warn_of_no_probabilities(answers: Answers, outputs: tuple[Output, ...]) -> None:
    """Discriminants and working points divide scores, which gives nonsense for logits."""
    for output in outputs:
        values = answers[output.name][np.isfinite(answers[output.name])]
        if (
            output.name == "scores"
            and output.classes
            and values.size
            and not 0 <= values.min() <= values.max() <= 1 + 1e-5
        ):
            warn(
                f"the scores of {', '.join(output.classes)} lie between {values.min():.3g} and {values.max():.3g}, so they "
                "are no probabilities: discriminants and working points need a softmax at the end of forward"
            )


def _named(returned: object, outputs: tuple[Output, ...]) -> Mapping[str, Tensor]:
    names = [output.name for output in outputs]
    if isinstance(returned, Tensor) and len(names) == 1:
        return {names[0]: returned}
    if not isinstance(returned, Mapping):
        raise InputError(f"the module returns a {type(returned).__name__}: return a dict of {', '.join(names)}")
    if set(returned) != set(names):
        raise InputError(f"the module returns {', '.join(map(str, returned))}, but outputs= names {', '.join(names)}")
    return returned


def _checked(values: Tensor, output: Output, n_things: int) -> Tensor:
    if values.dim() != 2 or values.shape[1] != output.dim or values.shape[0] != n_things:
        expected = f"[{n_things}, {output.dim}] for {n_things} of {output.level}"
        raise InputError(f"the module returns {output.name} of shape {list(values.shape)}, not {expected}")
    return values.float()


def _to_onnx(graph: _ModuleGraph, described: Graph) -> bytes:
    axes = dynamic_axes(graph.level) | {name: {0: graph.level.name} for name in described.outputs}
    try:
        return to_onnx(graph, described, example_arrays(graph.level), axes)
    except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ExportError(f"torch cannot export {type(graph.module).__name__} to ONNX: {reason}") from error


@torch.no_grad()
def _answers(graph: _ModuleGraph, packed: Packed) -> Answers:
    """Outputs of the module in torch."""
    arrays = pad(packed, graph.level)
    values = graph(*(torch.as_tensor(arrays[name]) for name in graph.names))
    return {output.name: value.numpy() for output, value in zip(graph.outputs, values, strict=True)}


def _check(
    exported: bytes, graph: _ModuleGraph, manifest: Manifest, packed: Packed, *, shuffled: bool
) -> NumericalCheck:
    """Compare with the module, also with more empty slots, and with members in another order if that must not matter."""
    session = open_session(exported)
    other = Distorted(session, manifest.graphs[0], graph.level, graph.outputs, shuffled)
    chains = [Chain(manifest, lambda _: session), Chain(manifest, lambda _: other)]
    names = [output.name for output in graph.outputs]
    largest, count = 0.0, 0
    for case in _scored(cases(packed, graph.level)):
        reference = _answers(graph, case.packed)
        for chain in chains:
            found = chain.run(case.packed, graph.level, names, usable=np.ones(len(case.packed), np.bool_))
            try:
                largest = max(largest, compare(case, found, reference, None, TOLERANCE))
            except ExportError as error:
                order = "the order of members, " if shuffled else ""
                raise ExportError(
                    f"{error}. Does the module depend on empty slots, {order}other things of the batch, random numbers, or an "
                    "'if' on values, which ONNX does not follow?"
                ) from error
        count += 1
    used = {"onnxruntime": onnxruntime.__version__, "torch": str(torch.__version__)}
    return NumericalCheck(maximal_difference=largest, tolerance=TOLERANCE, cases=count, versions=used)


def _scored(found: Iterator[Case]) -> Iterator[Case]:
    """Only things with enough members to be scored: a tagger does not run the others."""
    for case in found:
        members = ((case.packed.members[member.name].counts, member.minimum) for member in case.level.members)
        rows = np.flatnonzero(np.all([counts >= minimum for counts, minimum in members], axis=0))
        if len(rows):
            yield replace(case, packed=case.packed.take(rows), undefined=case.undefined[rows])
