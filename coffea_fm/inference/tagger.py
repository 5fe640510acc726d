"""The tagger: a bundle as a function of awkward arrays, in every mode of coffea."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import awkward as ak

from coffea_fm.bundle import Bundle, Calibration, Graph, Manifest
from coffea_fm.bundle.show import bundle_html
from coffea_fm.errors import InputError
from coffea_fm.inference import process_cache
from coffea_fm.inference.arrays import is_dask, is_typetracer, to_typetracer, touch
from coffea_fm.inference.chain import Chain
from coffea_fm.inference.discriminants import discriminant, find_working_point
from coffea_fm.inference.embedded import pack_embedded, pack_vectors
from coffea_fm.inference.providers import owned_threads
from coffea_fm.inference.requests import check_request, named_outputs, things_of
from coffea_fm.inference.sessions import Session, session
from coffea_fm.inference.tagging import Tagging
from coffea_fm.inference.trace import branches, collection
from coffea_fm.tokens.levels import without_ranges


@dataclass(frozen=True)
class Tagger:
    """A model as a function of jets; made by `load`.

    It may be an attribute of a processor: it pickles to a few hundred bytes, holds no session, and every copy of it in
    a process shares one.

    Parameters
    ----------
    source : str
        Absolute path or URL of the bundle.
    checksum : str
        Checksum of its model.
    carried : Bundle, optional
        The bundle itself, for workers that do not see `source`.
    providers : tuple of str, optional
        Execution providers; by default what the worker has.
    threads : int, optional
        Threads to run on; by default what the worker owns.
    """

    source: str
    checksum: str
    carried: Bundle | None = field(default=None, compare=False, repr=False)
    providers: tuple[str, ...] | None = None
    threads: int | None = None

    @property
    def manifest(self) -> Manifest:
        """The bundle's description."""
        return self._bundle.manifest

    @property
    def calibration(self) -> Calibration:
        """What was measured of the model: temperature and working points."""
        return self._bundle.calibration

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the scores.

        Raises
        ------
        BundleError
            If the bundle has none.
        """
        return self.manifest.output("scores").classes

    @property
    def chain(self) -> Chain:
        """The graphs with their sessions, for what is packed already, such as shards."""
        return Chain(self.manifest, self._session, self.threads or owned_threads())

    def __call__(self, jets: ak.Array, outputs: str | Sequence[str] | None = None, **collections: ak.Array) -> ak.Array:
        """Tag jets; or events, if the bundle is one of events: ``tagger(events, FatJet=selected_jets)``.

        Parameters
        ----------
        jets : awkward.Array
            Jets with the fields that the bundle reads, under any lists and options; virtual, eager, typetracer or
            dask-awkward. For a bundle of events the events, of which only the number is used.
        outputs : str or sequence of str, optional
            One output by name, or several as a record of them. The scores by default, or what the bundle gives
            instead; the embedding if it has no head.
        **collections : awkward.Array
            For a bundle of events, by the name of its collection: a list of jets for each event, after the analysis'
            own selection and corrections.

        Returns
        -------
        awkward.Array
            In exactly the layout of `jets`. Scores are a record of float32, one field a class; the embedding is a
            float32 vector of fixed length. An output of tokens has one more level, in the layout of
            ``jets.constituents``. Jets without tokens or with non-finite inputs give NaN, and so do tokens beyond the
            number that the model reads. Of events there is one row each, NaN where there are too few jets, or one that
            is read has no constituents or a number that is not finite. ``coffea_fm.report(result)`` tells how many,
            and which bundle made it.

        Raises
        ------
        InputError
            If the jets lack a field.
        BundleError
            If this worker cannot read the bundle, or has no such output.

        Warns
        -----
        InputWarning
            Once a process: non-finite fields, implausible units, jets outside the trained range.
        """
        record = outputs is not None and not isinstance(outputs, str)
        names = named_outputs(outputs, self.manifest)
        chain = self.chain
        check_request(chain, names, collections)
        given = next(iter(collections.values()), jets)
        if is_dask(given):
            import dask_awkward

            return dask_awkward.map_partitions(self, jets, outputs, label=f"tag-{self.manifest.name}", **collections)
        if not isinstance(given, ak.Array):
            raise InputError(f"expected an awkward array of jets, got {type(given).__name__}: give e.g. events.FatJet")
        level = chain.reads(names)
        with self._named(given):
            things = things_of(jets, collections)
            if is_typetracer(given):
                return to_typetracer(self._tagging.tag(touch(things, level), level, names, given, record=record))
            return self._tagging.tag(things, level, names, given, record=record)

    def embed(self, jets: ak.Array) -> ak.Array:
        """The embedding of each jet, a float32 vector of fixed length in the layout of `jets`."""
        return self(jets, "embedding")

    def score(self, embedding: ak.Array, jets: ak.Array | None = None) -> ak.Array:
        """The scores of embeddings that `embed` gave: the head alone, for when the backbone's work is kept.

        Parameters
        ----------
        embedding : awkward.Array
            Vectors under any lists and options, e.g. one selection of ``tagger.embed(jets)``.
        jets : awkward.Array, optional
            For a bundle of events the jets that the embeddings are of, as shifted or corrected as may be: the head
            reads their fields.

        Returns
        -------
        awkward.Array
            A record of scores for each vector, or for each event; NaN where an embedding is.

        Raises
        ------
        InputError
            If these are not vectors of the bundle's width, or the bundle's scores need more than the embedding.
        BundleError
            If the bundle has no scores.
        """
        chain = self.chain
        level = chain.reads(("scores",), known=("embedding",))
        if bool(level.members) != (jets is not None):
            what = "the jets as well: tagger.score(embedding, jets)" if jets is None else "the embeddings alone"
            raise InputError(f"the scores of the bundle {self.manifest.name!r} are those of {level.name}s: give {what}")
        with self._named(embedding if jets is None else jets):
            if is_typetracer(embedding):
                ak.typetracer.touch_data(embedding)
                vectors = ak.Array(embedding.layout.form.length_zero_array(highlevel=False))
                return to_typetracer(self.score(vectors, None if jets is None else touch(jets, level.members[0])))
            dim = self.manifest.output("embedding").dim
            packed, rewrap = (
                pack_vectors(embedding, dim) if jets is None else pack_embedded(embedding, jets, level, dim)
            )
            given = embedding if jets is None else jets
            return self._tagging.run(packed, level, ("scores",), rewrap, given)

    def discriminant(self, scores: ak.Array, signal: str | Sequence[str], background: str | Sequence[str]) -> ak.Array:
        """``signal / (signal + background)`` of scores, e.g. ``tagger.discriminant(scores, "Hbb", "QCD")``.

        Raises
        ------
        InputError
            If a class is not among the scores.
        """
        return discriminant(scores, signal, background)

    def passes(self, jets: ak.Array, working_point: str, **collections: ak.Array) -> ak.Array:
        """Whether jets pass a working point: its discriminant is cut, not a score.

        Parameters
        ----------
        jets, **collections : awkward.Array
            As given to the tagger.
        working_point : str
            Name of one in ``tagger.calibration.working_points``, which also tells its formula and efficiencies.

        Returns
        -------
        awkward.Array
            Booleans in the layout of `jets`; False for a jet that has no score.

        Raises
        ------
        BundleError
            If the bundle has no such working point.
        """
        point = find_working_point(self.calibration, working_point, self.manifest.name)
        return discriminant(self(jets, "scores", **collections), point.signal, point.background) >= point.cut

    def collect(
        self,
        jets: ak.Array,
        target: str | ak.Array | None = None,
        *,
        folder: str | os.PathLike[str],
        events: ak.Array,
        weight: str | ak.Array | None = None,
        classes: Sequence[str] = (),
        columns: Mapping[str, ak.Array | str] | Sequence[str] = (),
    ) -> dict[str, int]:
        """Write jets, or events, as training examples with the inputs that this bundle reads: to fine-tune it on them.

        Parameters
        ----------
        jets : awkward.Array
            As they are tagged: after the analysis' own selection. A list of them for each event, if the bundle is one
            of events: these are written then.
        folder : path-like
            Where the shards go.
        classes : sequence of str
            Names of the classes that `target` counts; those of the scores by default.
        target, events, weight, columns
            See `coffea_fm.shards.collector.Collector`.

        Returns
        -------
        dict of str to int
            How many were written, and how many left out for what reason.
        """
        from coffea_fm.shards.collect import shard_folder
        from coffea_fm.shards.collector import Collector

        names = tuple(classes) or (("all",) if target is None else self.classes)
        collect = Collector(shard_folder(folder), without_ranges(self.manifest.level), names)
        with self._named(jets):
            return collect(jets, target, events=events, weight=weight, columns=columns)

    def columns(self, jets: ak.Array) -> frozenset[str]:
        """Names of the branches that tagging these jets reads, or of their fields if no file is behind them.

        Parameters
        ----------
        jets : awkward.Array
            A collection of NanoEvents, e.g. ``events.FatJet``, or any jets.
        """
        level = self.manifest.level
        of_events = [member for member in level.members if member.members]
        with self._named(jets):
            if of_events:
                (member,) = of_events
                return branches(lambda jets: self(jets, **{member.name: jets}), jets, member)
            return branches(self, jets, level)

    def __dask_tokenize__(self) -> tuple[object, ...]:
        return ("coffea_fm.Tagger", self.checksum, self.providers, self.threads)

    def __repr__(self) -> str:
        return f"Tagger({self.source!r}, checksum={self.checksum[:12]!r})"

    def _repr_html_(self) -> str:
        return bundle_html(self.manifest, self.calibration)

    @property
    def _bundle(self) -> Bundle:
        return self.carried or process_cache.find(self.source, self.checksum)

    @property
    def _tagging(self) -> Tagging:
        return Tagging(self.chain, self.checksum)

    def _session(self, graph: Graph) -> Session:
        return session(graph.sha256, self._bundle.graph_bytes(graph.name), self.providers)

    @contextmanager
    def _named(self, jets: ak.Array) -> Iterator[None]:
        """Say in every complaint about the jets which they are, and for which bundle."""
        try:
            yield
        except InputError as error:
            raise InputError(f"bundle {self.manifest.name!r} on {collection(jets)}: {error}") from error
