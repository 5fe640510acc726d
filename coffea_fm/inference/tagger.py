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
from coffea_fm.inference.fitting import instead
from coffea_fm.inference.providers import owned_threads
from coffea_fm.inference.requests import check_request, named_outputs, things_of
from coffea_fm.inference.sessions import Session, session
from coffea_fm.inference.tagging import Tagging
from coffea_fm.inference.trace import branches, collection
from coffea_fm.tokens.levels import without_ranges


@dataclass(frozen=True)
class Tagger:
    """A model as a function of jets; created by `load`.

    It can be an attribute of a processor: it pickles to a few hundred bytes and holds no session. All copies in a
    process share one session.

    Parameters
    ----------
    source : str
        Absolute path or URL of the bundle.
    checksum : str
        Checksum of the model.
    carried : Bundle, optional
        The bundle itself, for workers that cannot see `source`.
    providers : tuple of str, optional
        Execution providers; by default those of the worker.
    threads : int, optional
        Number of threads; by default those of the worker.
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
        """Measurements of the model: temperature and working points."""
        return self._bundle.calibration

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the scores.

        Raises
        ------
        BundleError
            If the bundle has no scores.
        """
        return self.manifest.output("scores").classes

    @property
    def chain(self) -> Chain:
        """The graphs with their sessions, for data that is already packed, such as shards."""
        return Chain(self.manifest, self._session, self.threads or owned_threads())

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
        record = outputs is not None and not isinstance(outputs, str)
        names = named_outputs(outputs, self.manifest)
        chain = self.chain
        check_request(chain, names, collections)
        given = next(iter(collections.values()), jets)
        if is_dask(given):
            import dask_awkward

            return dask_awkward.map_partitions(self, jets, outputs, label=f"tag-{self.manifest.name}", **collections)
        if not isinstance(given, ak.Array):
            raise InputError(f"expected an awkward array of jets, got {type(given).__name__}: pass e.g. events.FatJet")
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
        """Compute scores from embeddings of `embed`. Runs only the head, so that stored embeddings can be reused.

        Parameters
        ----------
        embedding : awkward.Array
            Vectors under any lists and options, e.g. one selection of ``tagger.embed(jets)``.
        jets : awkward.Array, optional
            For a bundle of events, the jets that belong to the embeddings, which may be corrected or shifted: the head
            reads their fields.

        Returns
        -------
        awkward.Array
            A record of scores per vector, or per event; NaN where an embedding is NaN.

        Raises
        ------
        InputError
            If the vectors do not have the bundle's width, or the scores need more than the embedding.
        BundleError
            If the bundle has no scores.
        """
        chain = self.chain
        level = chain.reads(("scores",), known=("embedding",))
        if bool(level.members) != (jets is not None):
            what = "the jets as well: tagger.score(embedding, jets)" if jets is None else "the embeddings alone"
            raise InputError(f"the scores of the bundle {self.manifest.name!r} are per {level.name}: pass {what}")
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
        """Whether jets pass a working point, which is a cut on a discriminant.

        Parameters
        ----------
        jets, **collections : awkward.Array
            As passed to the tagger.
        working_point : str
            Name of one in ``tagger.calibration.working_points``, which also holds its formula and efficiencies.

        Returns
        -------
        awkward.Array
            Booleans in the layout of `jets`; False for jets without a score.

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
        """Write jets, or events, as training examples with the inputs of this bundle, to fine-tune it on them.

        Parameters
        ----------
        jets : awkward.Array
            Jets after the selection of the analysis, as for tagging. For a bundle of events, a list of jets per
            event; the events are written.
        folder : path-like
            Folder to write the shards to.
        classes : sequence of str
            Names of the classes, in the order of the indices in `target`; by default those of the scores.
        target, events, weight, columns
            See `coffea_fm.shards.collector.Collector`.

        Returns
        -------
        dict of str to int
            Number of examples written, and left out by reason.
        """
        from coffea_fm.shards.collect import shard_folder
        from coffea_fm.shards.collector import Collector

        names = tuple(classes) or (("all",) if target is None else self.classes)
        collect = Collector(shard_folder(folder), without_ranges(self.manifest.level), names)
        with self._named(jets):
            return collect(jets, target, events=events, weight=weight, columns=columns)

    def columns(self, jets: ak.Array) -> frozenset[str]:
        """Names of the branches that tagging these jets reads, or of the fields if the jets do not come from a file.

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
        """Add the collection and the bundle to every error about the jets."""
        try:
            yield
        except InputError as error:
            other = instead(jets, self.manifest)
            raise InputError(f"bundle {self.manifest.name!r} on {collection(jets)}: {error}{other}") from error
