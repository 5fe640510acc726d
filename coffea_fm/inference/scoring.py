"""Scores from stored embeddings: only the head of a model runs."""

from __future__ import annotations

import awkward as ak

from coffea_fm.errors import InputError
from coffea_fm.inference.answer import answer
from coffea_fm.inference.arrays import assemble, is_typetracer, to_typetracer, touch
from coffea_fm.inference.chain import Chain
from coffea_fm.inference.embedded import pack_embedded, pack_vectors
from coffea_fm.inference.naming import named
from coffea_fm.inference.reports import Report, attach
from coffea_fm.timing import TAGGING, stage
from coffea_fm.tokens import Level

SCORES = ("scores",)


def score_embedding(chain: Chain, checksum: str, embedding: ak.Array, jets: ak.Array | None) -> ak.Array:
    """Compute scores from embeddings; see `coffea_fm.Tagger.score`."""
    manifest = chain.manifest
    level = chain.reads(SCORES, known=("embedding",))
    if bool(level.members) != (jets is not None):
        what = "the jets as well: tagger.score(embedding, jets)" if jets is None else "the embeddings alone"
        raise InputError(f"the scores of the bundle {manifest.name!r} are per {level.name}: pass {what}")
    if embedding.fields:
        raise InputError(f"score takes vectors of the embedding, not a record of {', '.join(embedding.fields)}")
    with stage(TAGGING), named(manifest.name, (manifest.level,), embedding if jets is None else jets):
        if is_typetracer(embedding):
            return to_typetracer(_scores(chain, checksum, *_touched(embedding, jets, level), level))
        return _scores(chain, checksum, embedding, jets, level)


def _touched(embedding: ak.Array, jets: ak.Array | None, level: Level) -> tuple[ak.Array, ak.Array | None]:
    ak.typetracer.touch_data(embedding)
    vectors = ak.Array(embedding.layout.form.length_zero_array(highlevel=False))
    return vectors, None if jets is None else touch(jets, level.members[0])


def _scores(chain: Chain, checksum: str, embedding: ak.Array, jets: ak.Array | None, level: Level) -> ak.Array:
    dim = chain.manifest.output("embedding").dim
    packed, rewrap = pack_vectors(embedding, dim) if jets is None else pack_embedded(embedding, jets, level, dim)
    made = answer(chain, packed, level, SCORES, embedding if jets is None else jets, checksum)
    scores = assemble(made.results, [chain.manifest.output("scores")], rewrap, record=False)
    return attach(scores, Report(chain.manifest.name, checksum, made.findings.counts))
