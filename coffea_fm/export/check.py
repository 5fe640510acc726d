"""Compare onnxruntime with torch at every export, for all shapes and adversarial inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import onnxruntime
import torch

from coffea_fm.arrays import FloatArray
from coffea_fm.bundle import Graph, Manifest, NumericalCheck, Output
from coffea_fm.errors import CoffeaFMError, InputError
from coffea_fm.export.cases import Case, cases
from coffea_fm.export.distorted import Distorted
from coffea_fm.export.graphs import describe
from coffea_fm.inference.chain import Chain
from coffea_fm.nn.batches import make_inputs
from coffea_fm.nn.heads import Head
from coffea_fm.nn.model import Model
from coffea_fm.tokens import Packed
from coffea_fm.tokens.padding import scatter, slot_mask

TOLERANCE = 1e-4
_MICRO_TOKENS = 4096
_DISTORTED = 16
"""Batches up to this size are also run with a distorted layout."""
_EVENTS = 64
"""Number of real events to use."""

Answers = dict[str, FloatArray]


class ExportError(CoffeaFMError):
    """An exported graph does not reproduce the network."""


def check_graphs(
    graphs: Mapping[str, bytes],
    model: Model,
    packed: Packed,
    *,
    temperature: float = 1.0,
    tolerance: float = TOLERANCE,
) -> NumericalCheck:
    """Compare the outputs of exported graphs with those of the network.

    Each batch is run through the chain in the same way as in a tagger. All but the largest are run again with their
    members in shuffled slots (unless their order matters) and additional empty slots filled with NaN.

    Parameters
    ----------
    graphs : mapping of str to bytes
        From `coffea_fm.export.make_graphs`.
    model : Model
        The network that was exported.
    packed : Packed
        Real jets or events, from which batches of all sizes are made.
    temperature : float
        The one passed to `make_graphs`.
    tolerance : float
        Largest allowed absolute difference; for a regression, in standard deviations of its target; for an embedding
        with numbers above 1, relative to the largest.

    Returns
    -------
    NumericalCheck
        The largest difference found, for the manifest.

    Raises
    ------
    ExportError
        If a difference is larger, the output of an empty jet is not finite, or a NaN in the inputs gives a finite
        output or affects other jets.
    InputError
        If nothing has members of the first group.
    """
    for first in model.backbone.level.members[:1]:
        if not len(packed.at((*model.level.path(model.backbone.level.name), first.name))):
            raise InputError(f"the examples for the numerical check have no {first.name}: give others that have some")
    runs = _runs(graphs, model)
    training = model.training
    model.eval()
    largest, count = 0.0, 0
    try:
        for case in map(partial(_decided, model), cases(_with_embeddings(model, packed), model.level)):
            if len(case.packed) == 0:
                continue
            reference = _reference(model, case, temperature)
            for run in runs if len(case.packed) <= _DISTORTED else runs[:1]:
                largest = max(largest, compare(case, run(case), reference, model.head, tolerance))
            count += 1
    finally:
        model.train(training)
    if not count:
        raise ExportError(
            "nothing could be compared: the codes of all examples depend on rounding; has the codebook collapsed?"
        )
    versions = {"onnxruntime": onnxruntime.__version__, "torch": str(torch.__version__)}
    return NumericalCheck(maximal_difference=largest, tolerance=tolerance, cases=count, versions=versions)


def _runs(graphs: Mapping[str, bytes], model: Model) -> list[Callable[[Case], Answers]]:
    """Functions that run the chain on a case: with the normal and with the distorted layout."""
    described, outputs = describe(model)
    pairs = next((output for output in outputs if output.pairs), None)
    if pairs is not None:  # a chain has no pair outputs: get the token vectors from it, then run the head
        vectors = Output(name="token_vectors", dim=model.backbone.dim, level=pairs.level)
        described, outputs = described[:1], (vectors, *(output for output in outputs if output is not pairs))
    manifest = Manifest(name="check", level=model.level, graphs=described, outputs=outputs)
    sessions = {name: open_session(graph) for name, graph in graphs.items()}

    def distorted(graph: Graph) -> Distorted:
        level, shuffled = model.level.find(graph.level), not model.backbone.ordered
        return Distorted(sessions[graph.name], graph, level, outputs, shuffled=shuffled)

    def answers(chain: Chain, case: Case) -> Answers:
        names = [output.name for output in outputs if case.level.name == chain.level_of(output.name)]
        found = chain.run(case.packed, case.level, names, usable=np.ones(len(case.packed), np.bool_))
        if pairs is not None and "token_vectors" in found:
            mask = slot_mask(case.packed.members[pairs.level].counts)
            given = {"token_vectors": scatter(found.pop("token_vectors"), mask)}
            (scores,) = sessions["head"].run([pairs.name], given)
            found[pairs.name] = scores[mask[:, :, np.newaxis] & mask[:, np.newaxis]][:, np.newaxis]
        return found

    chains = [Chain(manifest, lambda graph: sessions[graph.name]), Chain(manifest, distorted)]
    return [lambda case, chain=chain: answers(chain, case) for chain in chains]  # type: ignore[misc]


def compare(case: Case, exported: Answers, reference: Answers, head: Head | None, tolerance: float) -> float:
    """Largest difference of the outputs for one batch; raise an `ExportError` where it is too large."""
    largest = 0.0
    for name, expected in reference.items():
        values = exported[name]
        # An embedding has no scale of its own: large numbers are rounded in proportion.
        largest_number = max(1.0, float(np.abs(expected[np.isfinite(expected)]).max(initial=0.0)))
        unit = np.asarray(head.unit, np.float32) if head is not None and name == head.output else largest_number
        undefined = _spread(case, len(values), pairs=head is not None and name == head.output and head.pairs)
        if not np.isnan(values[undefined]).all():
            raise ExportError(f"{name} of {case.name} is finite where an input is NaN or infinite")
        if not np.isfinite(values[~undefined]).all():
            raise ExportError(f"{name} of {case.name} is not finite where all inputs are")
        difference = float(np.abs((values[~undefined] - expected[~undefined]) / unit).max(initial=0.0))
        if difference > tolerance:
            raise ExportError(
                f"{name} of {case.name} differs from torch by {difference:.2g}, and at most {tolerance:g} is allowed"
            )
        largest = max(largest, difference)
    return largest


def _spread(case: Case, n_rows: int, *, pairs: bool) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which rows of an output are undefined, for outputs of things, of their members, or of pairs of members."""
    if n_rows == len(case.undefined) and not pairs:
        return case.undefined
    counts = case.packed.members[case.level.members[0].name].counts
    return np.repeat(case.undefined, counts**2 if pairs else counts)


def _decided(model: Model, case: Case) -> Case:
    """Leave out things whose output depends on rounding."""
    if case.level.name != model.backbone.level.name:
        return case
    undecided = model.backbone.undecided(make_inputs(case.packed, case.level, _MICRO_TOKENS)).numpy() & ~case.undefined
    if not undecided.any():
        return case
    rows = np.flatnonzero(~undecided)
    return replace(case, packed=case.packed.take(rows), undefined=case.undefined[rows])


@torch.no_grad()
def _with_embeddings(model: Model, packed: Packed) -> Packed:
    """Add the embeddings from torch, if the backbone embeds the members."""
    name = model.backbone.level.name
    if name == model.level.name:
        return packed
    packed = packed.take(np.arange(min(_EVENTS, len(packed))))
    inputs = make_inputs(packed, model.level, _MICRO_TOKENS)
    embedding = model.known(inputs)[f"{name}_embedding"][inputs.members[name].mask].numpy()
    return packed.with_known((name,), {"embedding": embedding})


@torch.no_grad()
def _reference(model: Model, case: Case, temperature: float) -> Answers:
    """Outputs of torch: of the whole network for the top level, else of the backbone."""
    inputs = make_inputs(case.packed, case.level, _MICRO_TOKENS)
    reference: Answers = {}
    known: dict[str, torch.Tensor] = {}
    if case.level.name == model.backbone.level.name:
        known = model.known(inputs) if case.level.name == model.level.name else model.backbone(inputs)._asdict()
        reference["embedding"] = known["embedding"].numpy()
    head = model.head
    if case.level.name == model.level.name and head is not None:
        known = known or model.known(inputs)
        answer = head.answer(head(*(known[name] for name in head.reads)) / temperature)
        if head.level != case.level.name:
            mask = inputs.members[head.level].mask
            answer = answer[mask[:, :, None] & mask[:, None]].unsqueeze(-1) if head.pairs else answer[mask]
        reference[head.output] = answer.numpy()
    return reference


def open_session(graph: bytes) -> Any:
    """Open a single-threaded onnxruntime session."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
