"""The jets, or events, of one call of a tagger: flat, and packed once for each level that is read."""

from __future__ import annotations

import awkward as ak

from coffea_fm.arrays import IntArray
from coffea_fm.inference.reuse.memory import Recall
from coffea_fm.tokens import Level, Packed, flatten
from coffea_fm.tokens.jagged import Rewrap, Rows
from coffea_fm.tokens.pack import Chosen, chosen_members, pack_rows, require


class Things:
    """Jets, or events that hold them, without the lists and options above them.

    Parameters
    ----------
    array : awkward.Array
        Records under any lists and options.
    given : awkward.Array
        The jets passed by the user, for warnings.
    rows : Rows, optional
        Which of the records; by default all that are not None.
    recall : Recall, optional
        What was computed for other things that were mostly the same.

    Attributes
    ----------
    rewrap : callable
        Puts a layout with one element per record, of all of them, back under the lists and options of `array`.
    """

    def __init__(
        self, array: ak.Array, given: ak.Array, rows: Rows | None = None, recall: Recall | None = None
    ) -> None:
        self.rewrap: Rewrap
        self.rows, self.rewrap = flatten(array) if rows is None else (rows, _cannot_rewrap)
        self.array, self.given, self.recall = array, given, recall
        self._packed: dict[Level, Packed] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def packed(self, level: Level) -> Packed:
        """Their fields and members, as `coffea_fm.tokens.pack` gives them.

        Raises
        ------
        InputError
            If a field is missing.
        """
        if level not in self._packed:
            self.require(level)
            self._packed[level] = pack_rows(self.rows, level)
        return self._packed[level]

    def require(self, level: Level) -> None:
        """Check that they have every field and member of a level. Raises `InputError` if one is missing."""
        require(self.array, level)

    def take(self, rows: IntArray) -> Things:
        """Some of them, in this order. What is packed already is not packed again."""
        some = Things(self.array, self.given, self.rows.take(rows), self.recall)
        some._packed = {level: packed.take(rows) for level, packed in self._packed.items()}
        return some

    def chosen(self, member: Level) -> Chosen:
        """The members that are read, and where they come from."""
        return chosen_members(self.rows, member)

    def members(self, member: Level) -> Things:
        """The members that are read, as things of their own: the jets of events."""
        return Things(self.array[member.name], self.given, self.chosen(member).rows, self.recall)


def _cannot_rewrap(content: object) -> ak.Array:
    raise NotImplementedError("a selection of things has no layout of its own")
