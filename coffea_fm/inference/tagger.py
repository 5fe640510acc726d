"""The tagger: a bundle as a function of awkward arrays, in every mode of coffea."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import awkward as ak
import numpy as np

from coffea_fm.bundle.load import Bundle
from coffea_fm.bundle.manifest import Graph, Manifest
from coffea_fm.errors import InputError
from coffea_fm.inference import resident
from coffea_fm.inference.arrays import assemble, flatten_vectors, is_dask, is_typetracer, to_typetracer, touch
from coffea_fm.inference.checks import Findings, inspect, warn_once
from coffea_fm.inference.events import Scored, score_embedded, tag_events
from coffea_fm.inference.providers import owned_threads
from coffea_fm.inference.reports import Report, attach
from coffea_fm.inference.requests import check_request, named_outputs
from coffea_fm.inference.run import run, run_head
from coffea_fm.inference.sessions import Session, session
from coffea_fm.inference.trace import branches, collection
from coffea_fm.tokens.pack import pack, token_places


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
        Its content hash.
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
    def classes(self) -> tuple[str, ...]:
        """Names of the scores.

        Raises
        ------
        BundleError
            If the bundle has none.
        """
        return self.manifest.output("scores").classes

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
            If this worker cannot read the bundle, or it lacks an output.

        Warns
        -----
        InputWarning
            Once a process: non-finite fields, implausible units, jets outside the trained range.
        """
        if outputs is None:
            outputs = self.manifest.first_output
        record = not isinstance(outputs, str)
        names = named_outputs(outputs, self.manifest)
        check_request(self.manifest, names, collections)
        given = next(iter(collections.values()), jets)
        if is_dask(given):
            import dask_awkward

            return dask_awkward.map_partitions(self, jets, outputs, label=f"tag-{self.manifest.name}", **collections)
        if not isinstance(given, ak.Array):
            raise InputError(f"expected an awkward array of jets, got {type(given).__name__}: give e.g. events.FatJet")
        tag = self._tag_events if collections else self._tag
        with self._named(given):
            if is_typetracer(given):
                read = touch(given, self.manifest.inputs, self.manifest.collection if collections else None)
                return to_typetracer(tag(read, names, record=record))
            if collections and len(jets) != len(given):
                raise InputError(f"there are {len(given)} lists of jets for {len(jets)} events: select both alike")
            return tag(given, names, record=record)

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
        scores = self.manifest.output("scores")
        if (scores.level == "event") != (jets is not None):
            what = "the jets as well: tagger.score(embedding, jets)" if jets is None else "the embeddings alone"
            raise InputError(
                f"the scores of the bundle {self.manifest.name!r} are those of {scores.level}s: give {what}"
            )
        if jets is not None:
            return self._score_events(embedding, jets)
        with self._named(embedding):
            if is_typetracer(embedding):
                ak.typetracer.touch_data(embedding)
                return to_typetracer(self.score(ak.Array(embedding.layout.form.length_zero_array(highlevel=False))))
            vectors, rewrap = flatten_vectors(embedding, self.manifest.output("embedding").dim)
            results = run_head(vectors, self.manifest, self._session, scores.name)
            counts = {"jets": len(vectors), "not_finite": int((~np.isfinite(vectors).all(axis=1)).sum())}
            tagged = assemble({scores.name: results}, [scores], rewrap, record=False)
            return attach(tagged, Report(self.manifest.name, self.checksum, counts))

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
            See `coffea_fm.shards.collect.Collector`, and `coffea_fm.shards.collect_events.EventCollector`.

        Returns
        -------
        dict of str to int
            How many were written, and how many left out for what reason.
        """
        from coffea_fm.inference.collecting import matching_collector

        names = tuple(classes) or (("all",) if target is None else self.classes)
        collect = matching_collector(self.manifest, folder, names)
        with self._named(jets):
            return collect(jets, target, events=events, weight=weight, columns=columns)

    def columns(self, jets: ak.Array) -> frozenset[str]:
        """Names of the branches that tagging these jets reads, or of their fields if no file is behind them.

        Parameters
        ----------
        jets : awkward.Array
            A collection of NanoEvents, e.g. ``events.FatJet``, or any jets.
        """
        collection = self.manifest.collection
        with self._named(jets):
            return branches(self._columns_read, jets, self.manifest.inputs, collection)

    def __dask_tokenize__(self) -> tuple[object, ...]:
        return ("coffea_fm.Tagger", self.checksum, self.providers, self.threads)

    def __repr__(self) -> str:
        return f"Tagger({self.source!r}, checksum={self.checksum[:12]!r})"

    @property
    def _bundle(self) -> Bundle:
        return resident.keep(self.carried) if self.carried else resident.find(self.source, self.checksum)

    def _session(self, graph: Graph) -> Session:
        return session(graph.sha256, self._bundle.graph_bytes(graph.name), self.providers)

    @contextmanager
    def _named(self, jets: ak.Array) -> Iterator[None]:
        """Say in every complaint about the jets which they are, and for which bundle."""
        try:
            yield
        except InputError as error:
            raise InputError(f"bundle {self.manifest.name!r} on {collection(jets)}: {error}") from error

    def _tag(self, jets: ak.Array, names: tuple[str, ...], *, record: bool) -> ak.Array:
        manifest = self.manifest
        packed, rewrap = pack(jets, manifest.inputs)
        findings = inspect(packed, manifest.inputs)
        self._say(jets)(findings)
        results = run(
            packed, manifest, self._session, names, sets=findings.scored, threads=self.threads or owned_threads()
        )
        outputs = [manifest.output(name) for name in names]
        places = None
        if any(output.level == "token" for output in outputs):
            places = token_places(jets, manifest.inputs.groups[0])
        tagged = assemble(results, outputs, rewrap, record=record, places=places)
        return attach(tagged, Report(manifest.name, self.checksum, findings.counts))

    def _tag_events(self, jets: ak.Array, names: tuple[str, ...], *, record: bool) -> ak.Array:
        threads = self.threads or owned_threads()
        scored = tag_events(jets, self.manifest, self._session, names, threads=threads, say=self._say(jets))
        return self._of_events(scored, names, record=record)

    def _score_events(self, embedding: ak.Array, jets: ak.Array) -> ak.Array:
        with self._named(jets):
            if is_typetracer(jets):
                ak.typetracer.touch_data(embedding)
                vectors = ak.Array(embedding.layout.form.length_zero_array(highlevel=False))
                features = replace(self.manifest.inputs, groups=(), jet=())
                return to_typetracer(self._score_events(vectors, touch(jets, features, self.manifest.collection)))
            names = ("scores",)
            scored = score_embedded(embedding, jets, self.manifest, self._session, names, say=self._say(jets))
            return self._of_events(scored, names, record=False)

    def _of_events(self, scored: Scored, names: tuple[str, ...], *, record: bool) -> ak.Array:
        outputs = [self.manifest.output(name) for name in names]
        tagged = assemble(scored.results, outputs, ak.Array, record=record)
        return attach(tagged, Report(self.manifest.name, self.checksum, scored.counts))

    def _say(self, jets: ak.Array) -> Callable[[Findings], None]:
        where = f"bundle {self.manifest.name!r} on {collection(jets)}"
        return lambda findings: warn_once(findings, self.checksum, where)

    def _columns_read(self, jets: ak.Array) -> ak.Array:
        read = self.manifest.collection
        return self(jets) if read is None else self(jets, **{read.name: jets})
