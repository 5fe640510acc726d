"""The tagger of a bundle."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import awkward as ak

from coffea_fm.bundle import Bundle, Calibration, Graph, Manifest
from coffea_fm.bundle.manifest import Output
from coffea_fm.bundle.show import bundle_html
from coffea_fm.inference import process_cache
from coffea_fm.inference.answer import Answer
from coffea_fm.inference.base import BaseTagger
from coffea_fm.inference.chain import Chain
from coffea_fm.inference.naming import named
from coffea_fm.inference.requests import check_request, named_outputs
from coffea_fm.inference.reuse.recalled import answer_things
from coffea_fm.inference.scoring import score_embedding
from coffea_fm.inference.sessions import Session, session
from coffea_fm.inference.things import Things
from coffea_fm.inference.threads import owned_threads
from coffea_fm.timing import LOADING, stage
from coffea_fm.tokens import Level
from coffea_fm.tokens.levels import without_ranges


@dataclass(frozen=True, repr=False)
class Tagger(BaseTagger):
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
    measured : str
        Checksum of the model's measurements. Workers refuse others than those that were loaded.
    """

    source: str
    checksum: str
    carried: Bundle | None = field(default=None, compare=False, repr=False)
    providers: tuple[str, ...] | None = None
    threads: int | None = None
    measured: str = field(default="", compare=False)

    @property
    def manifest(self) -> Manifest:
        """The bundle's description."""
        return self._bundle.manifest

    @property
    def calibration(self) -> Calibration:
        """Measurements of the model: temperature and working points."""
        return self._bundle.calibration

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.manifest.name

    @property
    def outputs(self) -> tuple[Output, ...]:
        """What the bundle can return."""
        return self.manifest.outputs

    @property
    def levels(self) -> tuple[Level, ...]:
        """What the model reads."""
        return (self.manifest.level,)

    @property
    def chain(self) -> Chain:
        """The graphs with their sessions, for data that is already packed, such as shards."""
        return Chain(self.manifest, self._session, self.threads or owned_threads())

    def output(self, name: str) -> Output:
        """Return the output with this name. Raises `BundleError` if there is none."""
        return self.manifest.output(name)

    def level_of(self, output: str) -> str:
        """Name of the level at which the graph of an output runs, which is what a call takes."""
        return self.chain.level_of(output)

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
        return score_embedding(self.chain, self.checksum, embedding, jets)

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
        with named(self.name, self.levels, jets):
            return collect(jets, target, events=events, weight=weight, columns=columns)

    def __dask_tokenize__(self) -> tuple[object, ...]:
        return (*super().__dask_tokenize__(), self.providers, self.threads, self.measured)

    def __repr__(self) -> str:
        return f"Tagger({self.source!r}, checksum={self.checksum[:12]!r})"

    def _repr_html_(self) -> str:
        return bundle_html(self.manifest, self.calibration)

    def _names(self, outputs: str | Sequence[str] | None, collections: Mapping[str, ak.Array]) -> tuple[str, ...]:
        names = named_outputs(outputs, self.manifest)
        check_request(self.chain, names, collections)
        return names

    def _reads(self, names: tuple[str, ...]) -> tuple[Level, ...]:
        return (self.chain.reads(names),)

    def _answer(self, things: Things, names: tuple[str, ...]) -> Answer:
        return answer_things(self.chain, things, names, self.checksum)

    @property
    def _bundle(self) -> Bundle:
        with stage(LOADING):
            return process_cache.find(self.source, self.checksum, self.measured, self.carried)

    def _session(self, graph: Graph) -> Session:
        with stage(LOADING):
            return session(graph.sha256, self._bundle.graph_bytes(graph.name), self.providers)
