"""onnxruntime against torch, over all shapes and the nastiest jets, at every export."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch

from coffea_fm.bundle.manifest import NumericalCheck
from coffea_fm.errors import CoffeaFMError, InputError
from coffea_fm.export.cases import Case, cases
from coffea_fm.nn.build import Model
from coffea_fm.nn.inputs import BackboneOutput, Inputs
from coffea_fm.tokens.packed import PackedSets
from coffea_fm.tokens.spec import InputSpec

TOLERANCE = 1e-4

Arrays = dict[str, npt.NDArray[Any]]


class ExportError(CoffeaFMError):
    """An exported graph does not compute what the network computes."""


def check_graphs(
    graphs: Mapping[str, bytes],
    model: Model,
    spec: InputSpec,
    jets: PackedSets,
    *,
    temperature: float = 1.0,
    tolerance: float = TOLERANCE,
) -> NumericalCheck:
    """Compare what exported graphs give with what the network gives, jet by jet.

    Parameters
    ----------
    graphs : mapping of str to bytes
        As `coffea_fm.export.make_graphs` gives them.
    model : Model
        The network they were made of.
    spec : InputSpec
    jets : PackedSets
        Real jets, at least one with constituents; cases of every size are made of them.
    temperature : float
        As given to `make_graphs`.
    tolerance : float
        Largest absolute difference of any number; of a regression in standard deviations of its target.

    Returns
    -------
    NumericalCheck
        The largest difference found, for the manifest.

    Raises
    ------
    ExportError
        If a number differs by more, an empty jet gives no number, or a NaN gives one or spreads to other jets.
    InputError
        If no jet has constituents.
    """
    if not any(group.values.size for group in jets.groups.values()):
        raise InputError("the jets for the numerical check have no constituents: give others")
    sessions = {name: open_session(graph) for name, graph in graphs.items()}
    training = model.training
    model.eval()
    largest, count = 0.0, 0
    try:
        for case in cases(jets, spec):
            exported, reference = _run(sessions, case.arrays), _reference(model, case.arrays, spec, temperature)
            if model.head is not None:
                for answers in (exported, reference):
                    answers[model.head.output] = answers[model.head.output] / np.asarray(model.head.unit, np.float32)
            largest = max(largest, compare(case, exported, reference, tolerance))
            count += 1
    finally:
        model.train(training)
    versions = {"onnxruntime": onnxruntime.__version__, "torch": str(torch.__version__)}
    return NumericalCheck(maximal_difference=largest, tolerance=tolerance, cases=count, versions=versions)


def compare(case: Case, exported: Arrays, reference: Arrays, tolerance: float) -> float:
    """The largest difference of what is defined.

    Raises
    ------
    ExportError
        If it is larger than allowed, or what is not defined is a number.
    """
    largest = 0.0
    for name, expected in reference.items():
        values = exported[name]
        if values.shape != expected.shape:
            raise ExportError(f"{name} of {case.name} have the shape {values.shape}, torch gives {expected.shape}")
        if not np.isnan(values[case.undefined]).all():
            raise ExportError(f"{name} of {case.name} are a number where an input is none")
        defined = ~case.undefined
        if not np.isfinite(values[defined]).all():
            raise ExportError(f"{name} of {case.name} are not finite where all inputs are")
        difference = float(np.abs(values[defined] - expected[defined]).max(initial=0.0))
        if difference > tolerance:
            raise ExportError(f"{name} of {case.name} differ from torch by {difference:.2g}, allowed are {tolerance:g}")
        largest = max(largest, difference)
    return largest


def _run(sessions: Mapping[str, Any], arrays: Arrays) -> Arrays:
    outputs = outputs_of(sessions["backbone"], arrays)
    return outputs | outputs_of(sessions["head"], outputs) if "head" in sessions else outputs


def outputs_of(session: Any, arrays: Arrays) -> Arrays:
    """All outputs of a graph by name."""
    given = {entry.name: arrays[entry.name] for entry in session.get_inputs()}
    names = [entry.name for entry in session.get_outputs()]
    return dict(zip(names, session.run(names, given), strict=True))


@torch.no_grad()
def _reference(model: Model, arrays: Arrays, spec: InputSpec, temperature: float) -> Arrays:
    output: BackboneOutput = model.backbone(Inputs.from_arrays(arrays, spec))
    reference = {"embedding": output.embedding.numpy()}
    if (head := model.head) is not None:
        reference[head.output] = head.answer(head(getattr(output, head.reads)) / temperature).numpy()
    return reference


def open_session(graph: bytes) -> Any:
    """An onnxruntime session on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
