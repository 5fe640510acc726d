"""Compare an imported bundle with the model as it came, over jets of all sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from coffea_fm.arrays import FloatArray
from coffea_fm.bundle.manifest import Manifest, NumericalCheck
from coffea_fm.errors import InputError
from coffea_fm.importers.weaver_onnx.examples import random_jets
from coffea_fm.importers.weaver_onnx.inputs import Layout
from coffea_fm.importers.weaver_onnx.outputs import OutputPlan
from coffea_fm.importers.weaver_onnx.plan import Plan
from coffea_fm.importers.weaver_onnx.reference import Arrays, prepare, selected
from coffea_fm.importers.weaver_onnx.runs import Runnable, difference
from coffea_fm.inference.chain import Chain
from coffea_fm.inference.sessions import session
from coffea_fm.tokens import Packed

TOLERANCE = 1e-4
_BATCHES = (1, 2, 7, 24)
_ROUNDING = 2e-7
"""Relative size of the changes that show how much rounding matters to the original model."""
_DRAWS = 16
_FACTOR = 10.0


@dataclass(frozen=True)
class ImportCheck:
    """Result of a check.

    Parameters
    ----------
    check : NumericalCheck
        With the largest difference among the jets to which rounding of the inputs does not matter.
    remark : str
        What was found for other jets, if there are any.
    """

    check: NumericalCheck
    remark: str


@dataclass(frozen=True)
class Checker:
    """Compares a bundle with the original model, run for one jet at a time on inputs made by numpy.

    Parameters
    ----------
    original : Runnable
        The model as it came.
    plan : Plan
        With the lengths of the JSON.
    layouts : mapping of str to Layout
    outputs : sequence of OutputPlan
    """

    original: Runnable
    plan: Plan
    layouts: Mapping[str, Layout]
    outputs: Sequence[OutputPlan]

    def __call__(self, manifest: Manifest, graph: bytes, versions: dict[str, str]) -> ImportCheck:
        """Compare over batches of jets of all sizes.

        Raises
        ------
        InputError
            If they differ by more than the tolerance, and by more than rounding changes the original.
        """
        chain = Chain(manifest, lambda described: session(described.sha256, graph))
        rng = np.random.default_rng(0)
        most = max(entry.described.max_length or 0 for entry in self.plan.inputs)
        names = [output.name for output in self.outputs]
        largest, sensitive, cases = 0.0, [], 0
        for batch in _BATCHES:
            for counts in (np.full(batch, 1), np.full(batch, 2), np.linspace(most + 20, 1, batch).astype(np.int64)):
                packed = random_jets(self.plan.level, counts, rng)
                answers = chain.run(packed, self.plan.level, names)
                for index in range(batch):
                    own = {name: answer[index : index + 1] for name, answer in answers.items()}
                    found = self._difference(packed.take(np.array([index])), own)
                    if found <= TOLERANCE:
                        largest = max(largest, found)
                    else:
                        sensitive.append(found)
                cases += 1
        n_jets = 3 * sum(_BATCHES)
        if 2 * len(sensitive) > n_jets:
            raise InputError(
                f"the scores of the original model change when its inputs are rounded differently, for {len(sensitive)} of "
                f"{n_jets} random jets by up to {max(sensitive):.1e}: a check would show nothing, and nothing was written"
            )
        check = NumericalCheck(maximal_difference=largest, tolerance=TOLERANCE, cases=cases, versions=versions)
        return ImportCheck(check, _remark(sensitive))

    def _difference(self, jet: Packed, answers: Mapping[str, FloatArray]) -> float:
        """Largest difference for one jet."""
        if any(len(selected(self.plan, jet, group)) < group.minimum for group in self.plan.groups):
            few = all(np.isnan(answer).all() for answer in answers.values())
            return 0.0 if few else np.inf
        inputs = prepare(self.plan, jet, self.layouts)
        expected = self._run(inputs)
        found = _largest(answers, expected)
        if found <= TOLERANCE:
            return found
        rng = np.random.default_rng(0)
        draws = (_largest(self._rounded_run(jet, rng), expected) for _ in range(_DRAWS))
        if not any(found <= _FACTOR * rounding for rounding in draws):
            raise InputError(
                f"the imported graph differs from the original model by {found:.2g} on random jets, and at "
                f"most {TOLERANCE:g} is allowed: nothing was written; please report this model"
            )
        return found

    def _rounded_run(self, jet: Packed, rng: np.random.Generator) -> dict[str, FloatArray]:
        """The outputs after other roundings of the raw columns, whose differences formulas enlarge, and of the inputs."""
        inputs = prepare(self.plan, _rounded(jet, rng), self.layouts)
        return self._run({name: _slightly_changed(array, rng) for name, array in inputs.items()})

    def _run(self, inputs: Arrays) -> dict[str, FloatArray]:
        values = np.concatenate([answer for answer in self.original(inputs) if answer.ndim == 2], axis=1)
        return {output.name: output.of(values) for output in self.outputs}


def _largest(answers: Mapping[str, FloatArray], expected: Mapping[str, FloatArray]) -> float:
    return max(difference(answers[name], expected[name]) for name in expected)


def _rounded(packed: Packed, rng: np.random.Generator) -> Packed:
    """With other roundings of all values that are not whole numbers, which stand for charges and identities."""
    values = packed.values
    changed = np.where(values == np.rint(values), values, _slightly_changed(values, rng))
    members = {name: replace(listed, things=_rounded(listed.things, rng)) for name, listed in packed.members.items()}
    return replace(packed, values=changed, members=members)


def _slightly_changed(array: FloatArray, rng: np.random.Generator) -> FloatArray:
    return np.asarray(array * (1 + _ROUNDING * rng.standard_normal(array.shape)), dtype=np.float32)


def _remark(sensitive: Sequence[float]) -> str:
    if not sensitive:
        return ""
    return (
        f"For {len(sensitive)} of the random jets of the check the difference was up to {max(sensitive):.1e}; the original "
        "model changes the scores of these as much when its inputs are rounded differently."
    )
