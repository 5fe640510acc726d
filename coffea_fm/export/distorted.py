"""Sessions with a distorted input layout, to check that the results of a graph do not depend on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from coffea_fm.bundle import Graph, Output
from coffea_fm.tokens import Level
from coffea_fm.tokens.padding import Arrays

_EXTRA = 3


@dataclass(frozen=True)
class Distorted:
    """A session that shuffles the slots of the members and adds empty slots filled with NaN.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    graph : Graph
        The graph that it runs.
    level : Level
        The level of the graph.
    outputs : tuple of Output
        Outputs of the model, to restore the order of those that belong to members.
    """

    session: Any
    graph: Graph
    level: Level
    outputs: tuple[Output, ...]

    def get_providers(self) -> list[str]:
        """Providers of the session."""
        providers: list[str] = self.session.get_providers()
        return providers

    def run(self, names: Sequence[str], arrays: Arrays) -> list[Any]:
        """Run the session; a correct graph returns the same results as without distortion."""
        arrays, order = dict(arrays), {}
        for member in self.level.members:
            mask = arrays.get(f"{member.name}_mask")
            if mask is None:
                continue
            slots = np.random.default_rng(0).permutation(mask.shape[1] + _EXTRA)
            order[member.name] = np.argsort(slots)[: mask.shape[1]]
            own = {"token_vectors"} if member is self.level.members[0] else set()
            for name in (name for name in arrays if name in {member.name, *own} or name.startswith(f"{member.name}_")):
                padded = np.pad(arrays[name], [(0, 0), (0, _EXTRA), *[(0, 0)] * (arrays[name].ndim - 2)])
                if padded.dtype == np.float32:
                    padded[~np.pad(mask, [(0, 0), (0, _EXTRA)])] = np.nan
                arrays[name] = padded[:, slots]
        results = self.session.run(names, arrays)
        return [self._undone(name, result, order) for name, result in zip(names, results, strict=True)]

    def _undone(self, name: str, result: Any, order: dict[str, Any]) -> Any:
        first = self.level.members[0].name if self.level.members else ""
        of_members = name == "token_vectors" or any(
            output.name == name and output.level == first for output in self.outputs
        )
        return result[:, order[first]] if of_members and first in order else result
