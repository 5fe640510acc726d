"""Compare an imported bundle with the model as it came, over jets of all sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from coffea_fm.bundle.manifest import Manifest, NumericalCheck
from coffea_fm.errors import InputError
from coffea_fm.importers.weaver_onnx.examples import random_jets
from coffea_fm.importers.weaver_onnx.inputs import Layout
from coffea_fm.importers.weaver_onnx.outputs import OutputPlan
from coffea_fm.importers.weaver_onnx.plan import Plan
from coffea_fm.importers.weaver_onnx.reference import prepare, selected
from coffea_fm.importers.weaver_onnx.runs import Runnable, difference
from coffea_fm.inference.chain import Chain
from coffea_fm.inference.sessions import session

TOLERANCE = 1e-4
_BATCHES = (1, 2, 7, 24)


def check_import(
    manifest: Manifest,
    graph: bytes,
    original: Runnable,
    plan: Plan,
    layouts: Mapping[str, Layout],
    outputs: Sequence[OutputPlan],
    versions: dict[str, str],
) -> NumericalCheck:
    """Compare the chain of a bundle with the original model, run for one jet at a time.

    Parameters
    ----------
    manifest : Manifest
    graph : bytes
        The graph of the bundle.
    original : Runnable
        The model as it came. Its inputs are made by numpy, independently of the graph.
    plan : Plan
        With the lengths of the JSON.
    layouts : mapping of str to Layout
    outputs : sequence of OutputPlan
    versions : dict of str to str
        Versions to record.

    Raises
    ------
    InputError
        If they differ by more than the tolerance.
    """
    signed = manifest.graphs[0]
    chain = Chain(manifest, lambda _: session(signed.sha256, graph))
    rng = np.random.default_rng(0)
    most = max(entry.described.max_length or 0 for entry in plan.inputs)
    largest, cases = 0.0, 0
    for batch in _BATCHES:
        for counts in (np.full(batch, 1), np.full(batch, 2), np.linspace(most + 20, 1, batch).astype(np.int64)):
            packed = random_jets(plan.level, counts, rng)
            answers = chain.run(packed, plan.level, [output.name for output in outputs])
            for index in range(batch):
                jet = packed.take(np.array([index]))
                few = any(len(selected(plan, jet, group)) < group.minimum for group in plan.groups)
                values = np.concatenate([answer for answer in original(prepare(plan, jet, layouts)) if answer.ndim == 2], 1)
                for output in outputs:
                    answer = answers[output.name][index : index + 1]
                    if few and np.isnan(answer).all():
                        continue
                    largest = max(largest, difference(answer, output.of(values)))
            cases += 1
    if not largest <= TOLERANCE:
        raise InputError(
            f"the imported graph differs from the original model by {largest:.2g} on random jets, allowed is {TOLERANCE:g}: "
            "nothing was written; please report this model"
        )
    return NumericalCheck(maximal_difference=largest, tolerance=TOLERANCE, cases=cases, versions=versions)
