"""What every tagger does: a function of awkward arrays, in every mode of coffea."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import awkward as ak

from coffea_fm.bundle.manifest import Output
from coffea_fm.errors import InputError
from coffea_fm.inference.answer import Answer
from coffea_fm.inference.arrays import assemble, is_dask, is_typetracer, to_typetracer, touch
from coffea_fm.inference.calibrated_tagger import CalibratedTagger
from coffea_fm.inference.naming import named
from coffea_fm.inference.reports import Report, attach
from coffea_fm.inference.requests import things_of
from coffea_fm.inference.reuse.memory import Recall
from coffea_fm.inference.reuse.variations import run_variations
from coffea_fm.inference.things import Things
from coffea_fm.inference.trace import branches
from coffea_fm.timing import TAGGING, stage
from coffea_fm.tokens import Level


class BaseTagger(CalibratedTagger):
    """Base class of taggers.

    A tagger is a function of jets, or of events with their jets. It can be an attribute of a processor: it pickles to a
    few hundred bytes and holds no session. A new kind of tagger gives the names and levels below, its
    calibration, and `_answer`.
    """

    @property
    @abstractmethod
    def outputs(self) -> tuple[Output, ...]:
        """What it can return."""

    @property
    @abstractmethod
    def levels(self) -> tuple[Level, ...]:
        """What its models read; all of them take the same things, jets or events."""

    @abstractmethod
    def _names(self, outputs: str | Sequence[str] | None, collections: Mapping[str, ak.Array]) -> tuple[str, ...]:
        """Names of the requested outputs. Raises an error if they or the collections are not those of the model."""

    @abstractmethod
    def _reads(self, names: tuple[str, ...]) -> tuple[Level, ...]:
        """What must be read for these outputs."""

    @abstractmethod
    def _answer(self, things: Things, names: tuple[str, ...]) -> Answer:
        """Compute outputs of things that hold data."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the scores.

        Raises
        ------
        BundleError
            If there are no scores.
        """
        return self.output("scores").classes

    @abstractmethod
    def level_of(self, output: str) -> str:
        """Name of the level at which the graph of an output runs, which is what a call takes."""

    @abstractmethod
    def output(self, name: str) -> Output:
        """Return the output with this name. Raises `BundleError` if there is none."""

    def __call__(self, jets: ak.Array, outputs: str | Sequence[str] | None = None, **collections: ak.Array) -> ak.Array:
        """Tag jets, or events if the bundle takes events: ``tagger(events, FatJet=selected_jets)``.

        Parameters
        ----------
        jets : awkward.Array
            Jets with the fields that the bundle reads, under any lists and options. Virtual, eager, typetracer or
            dask-awkward. For a bundle of events, the events; only their number is used.
        outputs : str or sequence of str, optional
            Name of one output, or several names for a record of outputs. By default the scores; for a bundle without
            scores its first output, such as the embedding.
        **collections : awkward.Array
            For a bundle of events, the jets, by the name of their collection: a list of jets per event, after the
            selection and corrections of the analysis.

        Returns
        -------
        awkward.Array
            In exactly the layout of `jets`. Scores are a record with one float32 field per class; the embedding is a
            float32 vector of fixed length. An output per token has one more level, in the layout of
            ``jets.constituents``. The result is NaN for jets without tokens or with non-finite inputs, and for tokens
            beyond the number that the model reads. A bundle of events returns one row per event, NaN if the event has
            too few jets, or if a jet that is read has no constituents or a non-finite input.
            ``coffea_fm.report(result)`` returns how many, and which bundle was used.

        Raises
        ------
        InputError
            If a field is missing from the jets.
        BundleError
            If this worker cannot read the bundle, or has no such output.

        Warns
        -----
        InputWarning
            Once per process: non-finite fields, implausible units, jets outside the trained range.
        """
        return self._run(jets, outputs, collections)

    def variations(
        self,
        jets: ak.Array,
        shifted: Mapping[str, ak.Array],
        outputs: str | Sequence[str] | None = None,
        **collections: ak.Array,
    ) -> dict[str, ak.Array]:
        """Tag jets and their systematic variations. Networks run only for jets whose inputs differ.

        A jet is recognised by where its constituents are stored in memory, and by the values of its own fields that the
        model reads. So corrected momenta that no network reads cost nothing, jets that are selected in addition are
        added, and if only fields that a head reads are shifted, only the head runs again. Constituents that were
        changed, or copied, are new.

        Parameters
        ----------
        jets, outputs, **collections
            As for a call.
        shifted : mapping of str to awkward.Array
            For each variation, the jets with shifted fields, after its selection. For a model of events, the jets in
            place of those in `collections`.

        Returns
        -------
        dict of str to awkward.Array
            What a call gives, as ``nominal`` and by the names of the variations, each with its own report.

        Raises
        ------
        InputError
            If a variation is called ``nominal``, or as for a call.

        Examples
        --------
        >>> up = ak.with_field(jets, jets.pt * 1.02, "pt")
        >>> scores = tagger.variations(jets[jets.pt > 300], {"jes_up": up[up.pt > 300]})
        """
        return run_variations(self._run, jets, shifted, outputs, collections)

    def embed(self, jets: ak.Array) -> ak.Array:
        """The embedding of each jet, a float32 vector of fixed length in the layout of `jets`."""
        return self(jets, "embedding")

    def columns(self, jets: ak.Array) -> frozenset[str]:
        """Names of the branches that tagging these jets reads, or of the fields if the jets do not come from a file.

        Parameters
        ----------
        jets : awkward.Array
            A collection of NanoEvents, e.g. ``events.FatJet``, or any jets.
        """
        of_events = [member for level in self.levels for member in level.collections]
        with named(self.name, self.levels, jets):
            if of_events:
                return branches(lambda jets: self(jets, **{of_events[0].name: jets}), jets, of_events)
            return branches(self, jets, self.levels)

    def __dask_tokenize__(self) -> tuple[object, ...]:
        return (f"coffea_fm.{type(self).__name__}", self.checksum)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, checksum={self.checksum[:12]!r})"

    def _details(self) -> dict[str, Any]:
        """What a report says about the tagger beside its counts."""
        return {}

    def _run(
        self,
        jets: ak.Array,
        outputs: str | Sequence[str] | None,
        collections: Mapping[str, ak.Array],
        recall: Recall | None = None,
    ) -> ak.Array:
        """Tag in the mode of the arrays."""
        names = self._names(outputs, collections)
        given = self._given(jets, collections)
        if is_dask(given):
            import dask_awkward

            return dask_awkward.map_partitions(self, jets, outputs, label=f"tag-{self.name}", **collections)
        if not isinstance(given, ak.Array):
            raise InputError(f"expected an awkward array of jets, got {type(given).__name__}: pass e.g. events.FatJet")
        record = outputs is not None and not isinstance(outputs, str)
        with stage(TAGGING), named(self.name, self.levels, given):
            things = self._things(jets, collections)
            if is_typetracer(given):
                for level in self._reads(names):
                    empty = touch(things, level)
                return to_typetracer(self._tag(Things(empty, given), names, record=record))
            return self._tag(Things(things, given, recall=recall), names, record=record)

    def _given(self, jets: ak.Array, collections: Mapping[str, ak.Array]) -> ak.Array:
        """The jets that the user passed."""
        return next(iter(collections.values()), jets)

    def _things(self, jets: ak.Array, collections: Mapping[str, ak.Array]) -> ak.Array:
        """What is tagged: the jets, or events that hold them."""
        return things_of(jets, collections)

    def _tag(self, things: Things, names: tuple[str, ...], *, record: bool) -> ak.Array:
        """Outputs of things in the layout that they were passed in, with the report attached."""
        answer = self._answer(things, names)
        outputs = [self.output(name) for name in names]
        asked = {output.level for output in outputs}
        read = (member for level in self._reads(names) for member in level.members)
        of_members = next((member for member in read if member.name in asked), None)
        members = None if of_members is None else things.chosen(of_members)
        tagged = assemble(answer.results, outputs, things.rewrap, record=record, members=members)
        return attach(tagged, Report(self.name, self.checksum, answer.findings.counts, self._details()))
