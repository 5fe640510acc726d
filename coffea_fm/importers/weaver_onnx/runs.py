"""Run a model as it came, and find out by runs what its graph allows: batches, padding, shorter inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import ModelProto

from coffea_fm.arrays import FloatArray
from coffea_fm.errors import InputError, first_line
from coffea_fm.importers.weaver_onnx.examples import random_jets
from coffea_fm.importers.weaver_onnx.inputs import Layout
from coffea_fm.importers.weaver_onnx.original import Original
from coffea_fm.importers.weaver_onnx.plan import Plan
from coffea_fm.importers.weaver_onnx.reference import Arrays, prepare, stacked

SAME = 1e-4
"""Largest difference of two runs of the same network, relative to numbers above 1."""
_SHORTER = (1, 2, 4, 8, 16, 17, 24, 32, 48, 64)
_EXTRA = 7


@dataclass(frozen=True)
class Runnable:
    """A model in onnxruntime.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    """

    session: Any

    def __call__(self, arrays: Arrays) -> list[FloatArray]:
        """All outputs of one batch."""
        try:
            return [np.asarray(output) for output in self.session.run(None, arrays)]
        except Exception as error:
            raise InputError(f"the original model cannot be run: {first_line(error)}") from error


@dataclass(frozen=True)
class Allowed:
    """What the graph of a model allows.

    Parameters
    ----------
    batches : bool
        Several jets at once, each with the answer that it has alone.
    padding : bool
        More padding than a jet needs does not change its answer.
    lengths : dict of str to (int, int)
        Minimal and maximal lengths of inputs that are always filled up according to the JSON, but need not be.
    """

    batches: bool
    padding: bool
    lengths: Mapping[str, tuple[int, int]]

    @property
    def one_by_one(self) -> bool:
        """Whether jets must be run one at a time."""
        return not (self.batches and self.padding)


def open_model(model: ModelProto, what: str) -> Runnable:
    """Open a model in onnxruntime.

    Raises
    ------
    InputError
        If onnxruntime cannot open it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise InputError(f"onnxruntime {onnxruntime.__version__} cannot open {what}: {first_line(error)}") from error
    return Runnable(session)


def without_fixed_batch(model: ModelProto) -> ModelProto:
    """A copy whose inputs and outputs have a symbolic first axis, and with no shapes noted for what is between."""
    free = ModelProto()
    free.CopyFrom(model)
    constants = {tensor.name for tensor in free.graph.initializer}
    for value in (*free.graph.input, *free.graph.output):
        dims = value.type.tensor_type.shape.dim
        if value.name not in constants and dims:
            dims[0].Clear()
            dims[0].dim_param = "n"
    del free.graph.value_info[:]
    return free


def without_harmful_padding(original: Original, plan: Plan, layouts: Mapping[str, Layout]) -> Plan:
    """The plan with inputs as long as each jet needs, if padding them as the JSON says makes the model's answer NaN.

    weaver-core 0.5's export of ParT divides 0 by 0 for padded four-momenta of 0.
    """
    free = {
        entry.name: (1, entry.described.max_length or 0)
        for entry in plan.inputs
        if entry.group.tokens
        and entry.padding == "constant"
        and original.inputs[entry.name][token_axis(layouts[entry.name])] is None
    }
    if not free or _finite(original, plan, layouts):
        return plan
    unpadded = plan.with_lengths(free)
    return unpadded if _finite(original, unpadded, layouts) else plan


def _finite(original: Original, plan: Plan, layouts: Mapping[str, Layout]) -> bool:
    model = open_model(original.model, str(original.path))
    packed = random_jets(plan.level, np.array([5, 20]), np.random.default_rng(3))
    jets = [prepare(plan, packed.take(np.array([index])), layouts) for index in range(len(packed))]
    try:
        return all(np.isfinite(output).all() for jet in jets for output in model(jet))
    except Exception:  # noqa: BLE001 - find_allowed says what is wrong
        return False


def token_axis(layout: Layout) -> int:
    """Axis of the tokens in an input."""
    return 1 if layout == "tokens" else 2


def find_allowed(original: Original, plan: Plan, layouts: Mapping[str, Layout]) -> Allowed:
    """Find out what the graph of a model allows.

    Raises
    ------
    InputError
        If the model does not run on inputs that are made as its JSON says.
    """
    alone = open_model(original.model, str(original.path))
    rng = np.random.default_rng(1)
    most = max(entry.described.max_length or 0 for entry in plan.inputs)
    packed = random_jets(plan.level, np.array([most // 2, 3, max(most // 3, 1), 1, most]), rng)
    jets = [prepare(plan, packed.take(np.array([index])), layouts) for index in range(len(packed))]
    try:
        truth = [alone(jet) for jet in jets]
    except Exception as error:
        raise InputError(
            f"{original.path} does not run on a jet prepared as its preprocess.json says: {first_line(error)}"
        ) from error
    padded = [stacked(plan, [jet], layouts, extra=_EXTRA) for jet in jets]
    padding = _agree(alone, padded, truth)
    together = stacked(plan, jets, layouts)
    try:
        free = open_model(without_fixed_batch(original.model), str(original.path))
        batches = _same(
            [output[index : index + 1] for output in free(together) for index in range(len(jets))],
            [jet[position] for position in range(len(truth[0])) for jet in truth],
        )
    except Exception:  # noqa: BLE001 - whatever goes wrong means that this graph takes one jet at a time
        batches = False
    if not padding and not batches:
        # jets of one length may still go together, but lengths differ from jet to jet
        return Allowed(batches=False, padding=False, lengths={})
    shorter = _shorter(original, plan, layouts, alone) if batches else {}
    return Allowed(batches, padding, shorter)


def _shorter(
    original: Original, plan: Plan, layouts: Mapping[str, Layout], model: Runnable
) -> dict[str, tuple[int, int]]:
    """Shortest length, of those tried, that gives the answers of the full one, for inputs that are always filled up."""
    found: dict[str, tuple[int, int]] = {}
    for group in plan.groups:
        entries = [
            entry
            for entry in plan.inputs
            if entry.group == group and entry.group.tokens and entry.described.min_length == entry.described.max_length
        ]
        free = [original.inputs[entry.name][token_axis(layouts[entry.name])] is None for entry in entries]
        if not entries or not all(free) or any(entry.padding == "wrap" for entry in entries):
            continue
        most = max(entry.described.max_length or 0 for entry in entries)
        for length in (length for length in _SHORTER if length < most):
            lengths = {
                entry.name: (min(length, entry.described.max_length or 0), entry.described.max_length or 0)
                for entry in entries
            }
            if _short_enough(plan, plan.with_lengths({**found, **lengths}), layouts, model, length):
                found |= lengths
                break
    return found


def _short_enough(plan: Plan, short: Plan, layouts: Mapping[str, Layout], model: Runnable, length: int) -> bool:
    rng = np.random.default_rng(length)
    counts = np.array([1, 2, max(length // 2, 1), max(length - 1, 1), length, length + 1, 2 * length, 3 * length + 1])
    packed = random_jets(plan.level, counts, rng)
    jets = [packed.take(np.array([index])) for index in range(len(packed))]
    truth = [model(prepare(plan, jet, layouts)) for jet in jets]
    return _agree(model, [prepare(short, jet, layouts) for jet in jets], truth)


def _agree(model: Runnable, jets: Sequence[Arrays], truth: Sequence[Sequence[FloatArray]]) -> bool:
    try:
        answers = [model(jet) for jet in jets]
    except Exception:  # noqa: BLE001 - this graph does not take inputs of that length
        return False
    return all(_same(answer, expected) for answer, expected in zip(answers, truth, strict=True))


def _same(answers: Sequence[FloatArray], expected: Sequence[FloatArray]) -> bool:
    return all(difference(*pair) < SAME for pair in zip(answers, expected, strict=True))


def difference(answer: FloatArray, expected: FloatArray) -> float:
    """Largest difference, relative to numbers above 1; infinite if shapes differ or a number is not finite."""
    if answer.shape != expected.shape or not (np.isfinite(answer).all() and np.isfinite(expected).all()):
        return np.inf
    return float((np.abs(answer - expected) / np.maximum(1.0, np.abs(expected))).max(initial=0.0))
