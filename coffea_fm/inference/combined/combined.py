"""What taggers that combine others have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import awkward as ak

from coffea_fm.bundle.manifest import Output
from coffea_fm.errors import BundleError, InputError
from coffea_fm.inference.base import BaseTagger
from coffea_fm.names import nearest
from coffea_fm.tokens import Level


class CombinedTagger(BaseTagger):
    """Base class of taggers made of others, which take the same things and have the same named outputs."""

    taggers: tuple[BaseTagger, ...]

    @cached_property
    def outputs(self) -> tuple[Output, ...]:
        """Scores, and other outputs with named columns that all of the taggers have: vectors of two models differ."""
        first, *others = self.taggers
        return tuple(
            output
            for output in first.outputs
            if output.classes and not output.pairs and all(output in tagger.outputs for tagger in others)
        )

    @property
    def levels(self) -> tuple[Level, ...]:
        """What the models read."""
        return tuple(dict.fromkeys(level for tagger in self.taggers for level in tagger.levels))

    def output(self, name: str) -> Output:
        """Return the output with this name. Raises `BundleError` if there is none."""
        found = {output.name: output for output in self.outputs}
        if name not in found:
            raise BundleError(f"the tagger {self.name!r} has no output {name!r}: {nearest(name, list(found))}")
        return found[name]

    def level_of(self, output: str) -> str:
        """Name of the level at which the graph of an output runs, which is what a call takes."""
        return self.taggers[0].level_of(output)

    def columns(self, jets: ak.Array) -> frozenset[str]:
        """Names of the branches that tagging these jets reads, by any of the models; see `BaseTagger.columns`."""
        return frozenset[str]().union(*(tagger.columns(jets) for tagger in self.taggers))

    def _names(self, outputs: str | Sequence[str] | None, collections: Mapping[str, ak.Array]) -> tuple[str, ...]:
        asked = [tagger._names(outputs, collections) for tagger in self.taggers]
        for name in asked[0]:
            self.output(name)
        return asked[0]

    def _reads(self, names: tuple[str, ...]) -> tuple[Level, ...]:
        levels = (level for tagger in self.taggers for level in tagger._reads(names))
        return tuple(dict.fromkeys(levels))


def refuse_different(taggers: Sequence[BaseTagger], what: str) -> None:
    """Check that taggers can be combined.

    Raises
    ------
    InputError
        If they are not taggers, take different things, or have different scores.
    """
    if len(taggers) < 2 or not all(isinstance(tagger, BaseTagger) for tagger in taggers):
        raise InputError(f"{what} needs at least two taggers, as coffea_fm.load returns them")
    first, *others = taggers
    for other in others:
        takes = [{level.name for level in tagger.levels} for tagger in (first, other)]
        if takes[0] != takes[1]:
            raise InputError(
                f"{what}: {first.name!r} takes {_listed(takes[0])}s, but {other.name!r} takes {_listed(takes[1])}s"
            )
        if first.output("scores") != other.output("scores"):
            raise InputError(
                f"{what}: {first.name!r} has the scores {', '.join(first.classes)}, and {other.name!r} "
                f"has {', '.join(other.classes)}: all must have the same, in the same order"
            )


def _listed(names: set[str]) -> str:
    return " and ".join(sorted(names))
