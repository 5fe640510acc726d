"""Tensors of columns in the graph: as given, in the order of the model, and against all tokens of another level."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from onnx import TensorProto

from coffea_fm.importers.weaver_onnx.expressions import Column
from coffea_fm.importers.weaver_onnx.levels import JET
from coffea_fm.importers.weaver_onnx.nodes import Nodes, Source
from coffea_fm.tokens.levels import Level


class Given:
    """Columns as they are given to the graph: of tokens [n, slots], of jets [n, 1].

    Parameters
    ----------
    nodes : Nodes
    level : Level
        What the graph reads.
    """

    def __init__(self, nodes: Nodes, level: Level) -> None:
        self.nodes, self.level = nodes, level
        self._columns: dict[tuple[str, str], str] = {}

    def column(self, level: str, name: str) -> str:
        """A column of a level."""
        key = (level, name)
        if key not in self._columns:
            if level == JET:
                index = self.nodes.integers(self.level.names.index(name))
                self._columns[key] = self.nodes.add("Gather", JET, index, axis=1)
            else:
                index = self.nodes.constant(self.level.find(level).names.index(name), np.int64)
                self._columns[key] = self.nodes.add("Gather", level, index, axis=2)
        return self._columns[key]

    def missing(self, level: str, name: str) -> str:
        """Where a column of a level has no value; bool."""
        names = self.level.find(level).missing_names
        if name not in names:
            return self.nodes.add("Less", (column := self.column(level, name)), column)
        index = self.nodes.constant(names.index(name), np.int64)
        return self.nodes.add("Gather", f"{level}_missing", index, axis=2)


@dataclass(frozen=True)
class Stored:
    """Columns of the tokens of one level in the given order, [n, slots]; for the jet itself, [n, 1]."""

    given: Given
    level: str

    def column(self, column: Column) -> str:
        """Tensor of a column."""
        return self.given.column(column.owner or self.level, column.name)

    def missing(self, column: Column) -> str:
        """Where it has no value."""
        return self.given.missing(column.owner or self.level, column.name)

    def over(self, level: str) -> tuple[Source, str]:
        """The tokens against those of another level."""
        return against(self.given, self, level)


@dataclass(frozen=True)
class Ordered:
    """Columns of the selected tokens in the order of the model, [n, length]."""

    stored: Stored
    index: str

    def column(self, column: Column) -> str:
        """Tensor of a column."""
        return self._taken(column, self.stored.column(column))

    def missing(self, column: Column) -> str:
        """Where it has no value."""
        name = self.stored.missing(column)
        if column.owner:
            return name
        nodes = self.stored.given.nodes
        number = nodes.add("GatherElements", nodes.to(name, TensorProto.FLOAT), self.index, axis=1)
        return nodes.to(number, TensorProto.BOOL)

    def over(self, level: str) -> tuple[Source, str]:
        """The tokens against those of another level."""
        return against(self.stored.given, self, level)

    def _taken(self, column: Column, name: str) -> str:
        return name if column.owner else self.stored.given.nodes.add("GatherElements", name, self.index, axis=1)


@dataclass(frozen=True)
class Against:
    """Columns of tokens along one axis and of those of another level along a new last one: [n, length, others]."""

    given: Given
    own: Source
    level: str

    def column(self, column: Column) -> str:
        """Tensor of a column."""
        if column.owner == self.level:
            return self._unsqueezed(self.given.column(self.level, column.name), 1)
        return self._unsqueezed(self.own.column(column), 2)

    def missing(self, column: Column) -> str:
        """Where it has no value."""
        if column.owner == self.level:
            return self._unsqueezed(self.given.missing(self.level, column.name), 1)
        return self._unsqueezed(self.own.missing(column), 2)

    def over(self, level: str) -> tuple[Source, str]:
        """Not possible: the plan refuses functions over tokens inside others."""
        raise NotImplementedError(level)

    @cached_property
    def mask(self) -> str:
        """Which of the other tokens exist, bool [n, 1, others]."""
        return self._unsqueezed(f"{self.level}_mask", 1)

    def _unsqueezed(self, name: str, axis: int) -> str:
        return self.given.nodes.add("Unsqueeze", name, self.given.nodes.integers(axis))


def against(given: Given, own: Source, level: str) -> tuple[Source, str]:
    """Columns of tokens against those of another level, and the mask of the latter."""
    pairs = Against(given, own, level)
    return pairs, pairs.mask
