"""Events by a bundle whose scores anyone can recompute: sums over jets of embeddings, and of the jets as given."""

from __future__ import annotations

import pickle
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from tiny_bundles import EVENT_CLASSES, EVENT_WEIGHTS, level_of_events

import coffea_fm
from coffea_fm.errors import BundleError, InputError, InputWarning
from coffea_fm.shards import ShardDataset


@pytest.fixture
def tagger(event_bundle: Path) -> coffea_fm.Tagger:
    return coffea_fm.load(event_bundle)


def with_tokens(jets: ak.Array) -> ak.Array:
    return jets[ak.num(jets.constituents, axis=-1) > 0]


def reference(tagger: coffea_fm.Tagger, jets: ak.Array) -> np.ndarray:
    """Probability of signal by plain Python, event by event; the embedding as it is tested elsewhere."""
    found = []
    for event, vectors in zip(ak.to_list(jets[["pt", "mass"]]), ak.to_list(tagger.embed(jets)), strict=True):
        best = sorted(range(len(event)), key=lambda index: -event[index]["pt"])[:3]
        rows = np.array([[*vectors[index], event[index]["pt"], event[index]["mass"]] for index in best])
        if len(rows) < 2 or not np.isfinite(rows).all():
            found.append(np.nan)
        else:
            logits = rows.sum(axis=0) @ EVENT_WEIGHTS.astype(np.float64)
            found.append(1 / (1 + np.exp(logits[0] - logits[1])))
    return np.array(found)


def test_scores_are_those_of_a_plain_computation(tagger: coffea_fm.Tagger, jets: ak.Array) -> None:
    scores = tagger(jets.pt, FatJet=jets)
    assert str(scores.type) == "40 * {background: float32, signal: float32}"
    expected = reference(tagger, jets)
    assert 5 < np.isfinite(expected).sum() < 35
    np.testing.assert_allclose(ak.to_numpy(scores.signal), expected, atol=1e-5)


def test_events_without_a_score_are_counted(tagger: coffea_fm.Tagger, jets: ak.Array) -> None:
    counts = coffea_fm.report(tagger(jets.pt, FatJet=jets)).counts
    expected = reference(tagger, jets)
    too_few = ak.to_numpy(ak.num(jets)) < 2
    leading = jets[ak.argsort(-jets.pt, stable=True)][:, :3]
    assert counts == {
        "events": 40,
        "FatJet": ak.sum(ak.num(leading)),
        "too_few_FatJet": too_few.sum(),
        "with_unusable_FatJet": (np.isnan(expected) & ~too_few).sum(),
        "not_finite": 0,
        "out_of_range": 0,
    }
    assert counts["too_few_FatJet"] > 0
    assert counts["with_unusable_FatJet"] > 0


def test_embedding_and_head_in_two_steps_are_the_tagger(tagger: coffea_fm.Tagger, jets: ak.Array) -> None:
    jets = with_tokens(jets)
    held = ak.with_field(jets, tagger.embed(jets), "embedding")
    assert str(held.embedding.type) == "40 * var * 6 * float32"
    assert ak.array_equal(tagger.score(held.embedding, held), tagger(jets.pt, FatJet=jets), equal_nan=True)
    for select in (lambda array: array[array.pt > 400], lambda array: array[:, ::-1], lambda array: array[5:20]):
        chosen = select(held)
        expected = tagger(chosen.pt, FatJet=chosen)
        assert ak.array_equal(tagger.score(chosen.embedding, chosen), expected, equal_nan=True)
    assert coffea_fm.report(tagger.score(held.embedding, held)).counts["too_few_FatJet"] == ak.sum(ak.num(jets) < 2)


def test_shifted_jets_change_the_order_and_the_features_and_no_embedding(
    tagger: coffea_fm.Tagger, jets: ak.Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backbone reads the uncorrected jet: the head alone answers to a shift."""
    jets = with_tokens(jets)
    jets = ak.with_field(jets, jets[["pt", "mass"]], "uncorrected")
    held = ak.with_field(jets, tagger.embed(jets), "embedding")
    factor = ak.where(ak.local_index(jets.pt) % 2 == 0, 0.6, 1.5)
    shifted = ak.with_field(held, held.pt * factor, "pt")
    expected = tagger(shifted.pt, FatJet=shifted)
    assert not ak.array_equal(expected, tagger(held.pt, FatJet=held), equal_nan=True)
    opened: list[str] = []
    session = coffea_fm.Tagger._session
    monkeypatch.setattr(
        coffea_fm.Tagger, "_session", lambda tagger, graph: opened.append(graph.name) or session(tagger, graph)
    )
    assert ak.array_equal(tagger.score(held.embedding, shifted), expected, equal_nan=True)
    assert opened == ["event-head"]
    np.testing.assert_allclose(ak.to_numpy(expected.signal), reference(tagger, shifted), atol=1e-5)


def test_order_of_the_jets_does_not_matter(tagger: coffea_fm.Tagger, jets: ak.Array) -> None:
    jets = with_tokens(jets)
    np.testing.assert_allclose(
        ak.to_numpy(tagger(jets.pt, FatJet=jets[:, ::-1]).signal),
        ak.to_numpy(tagger(jets.pt, FatJet=jets).signal),
        atol=1e-6,
    )


def test_a_jet_that_is_not_read_cannot_spoil_an_event(tagger: coffea_fm.Tagger, jets: ak.Array) -> None:
    jets = with_tokens(jets)
    soft = ak.with_field(jets[:, :1], 1.0, "pt")
    broken = ak.with_field(soft, soft.constituents[:, :, :0], "constituents")
    full = ak.num(jets) >= 3
    assert ak.any(full)
    with_soft = ak.concatenate([jets, broken], axis=1)[full]
    expected = tagger(jets.pt[full], FatJet=jets[full])
    assert ak.array_equal(tagger(with_soft.pt, FatJet=with_soft), expected, equal_nan=True)


def test_lists_and_jets_that_are_none(tagger: coffea_fm.Tagger, jets: ak.Array) -> None:
    jets = with_tokens(jets)
    cut = jets.pt > 400
    expected = tagger(jets.pt, FatJet=jets[cut])
    assert ak.array_equal(tagger(jets.pt, FatJet=ak.mask(jets, cut)), expected, equal_nan=True)
    odd = np.arange(40) % 2 == 1
    masked = tagger(jets.pt, FatJet=ak.mask(jets[cut], odd))
    assert len(masked) == 40
    assert np.isnan(ak.to_numpy(masked.signal)[~odd]).all()
    np.testing.assert_array_equal(ak.to_numpy(masked.signal)[odd], ak.to_numpy(expected.signal)[odd])


def test_numbers_that_are_not_finite_stay_in_their_event(tagger: coffea_fm.Tagger, jets: ak.Array) -> None:
    jets = with_tokens(jets)
    clean = ak.to_numpy(tagger(jets.pt, FatJet=jets).signal)
    event = int(np.flatnonzero(np.isfinite(clean))[0])
    mass = ak.where((np.arange(40) == event) & (ak.local_index(jets.pt) == 0), np.nan, jets.mass)
    with pytest.warns(InputWarning, match=r"FatJet\.mass.* is NaN or infinite in 1 of 40 events"):
        scores = tagger(jets.pt, FatJet=ak.with_field(jets, mass, "mass"))
    assert coffea_fm.report(scores).counts["not_finite"] == 0
    assert coffea_fm.report(scores).counts["with_unusable_FatJet"] == 1
    clean[event] = np.nan
    np.testing.assert_array_equal(ak.to_numpy(scores.signal), clean)


@pytest.mark.parametrize("cut", [1e9, 0.0])
def test_no_jets_and_no_events(tagger: coffea_fm.Tagger, jets: ak.Array, cut: float) -> None:
    chosen = jets[jets.pt > cut][:0] if cut == 0 else jets[jets.pt > cut]
    scores = tagger(chosen.pt, FatJet=chosen)
    assert str(scores.type) == f"{len(chosen)} * {{background: float32, signal: float32}}"
    assert np.isnan(ak.to_numpy(scores.signal)).all()
    assert coffea_fm.report(scores).counts["too_few_FatJet"] == len(chosen)


def test_the_type_is_the_same_under_a_trace(tagger: coffea_fm.Tagger, jets: ak.Array) -> None:
    real = tagger(jets.pt, FatJet=jets)
    traced_jets = ak.to_backend(jets, "typetracer")
    traced = tagger(traced_jets.pt, FatJet=traced_jets)
    assert traced.layout.form.type == real.layout.form.type
    held = ak.to_backend(ak.with_field(jets, tagger.embed(jets), "embedding"), "typetracer")
    assert tagger.score(held.embedding, held).layout.form.type == real.layout.form.type
    assert {"pt", "mass", "constituents.pt"} <= tagger.columns(jets)
    assert "constituents.unused" not in tagger.columns(jets)


def test_the_tagger_travels(tagger: coffea_fm.Tagger, jets: ak.Array) -> None:
    again = pickle.loads(pickle.dumps(tagger))
    assert ak.array_equal(again(jets.pt, FatJet=jets), tagger(jets.pt, FatJet=jets), equal_nan=True)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda tagger, jets: tagger(jets),
            r"gives scores per event: call tagger\(events, FatJet=jets\)",
        ),
        (lambda tagger, jets: tagger(jets.pt, Jet=jets), r"was given Jet: call tagger\(events, FatJet=jets\)"),
        (
            lambda tagger, jets: tagger(jets.pt, "embedding", FatJet=jets),
            r"gives embedding per FatJet: call tagger\(jets, 'embedding'\)",
        ),
        (lambda tagger, jets: tagger(jets.pt[:5], FatJet=jets), "40 lists of jets for 5 events"),
        (
            lambda tagger, jets: tagger(ak.flatten(jets), FatJet=ak.flatten(jets)),
            "expected one list of jets for each event",
        ),
        (lambda tagger, jets: tagger(jets.pt, FatJet=ak.without_field(jets, "mass")), "FatJet|mass"),
        (lambda tagger, jets: tagger.score(tagger.embed(jets)), r"are per event: pass the jets as well"),
        (lambda tagger, jets: tagger.score(tagger.embed(jets)[:, :1], jets), "there must be one embedding per jet"),
        (lambda tagger, jets: tagger.score(tagger.embed(jets)[:, :, :5], jets), "vectors of 6 numbers"),
    ],
)
def test_calls_that_do_not_fit_are_named(tagger: coffea_fm.Tagger, jets: ak.Array, call: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        call(tagger, jets)  # type: ignore[operator]
    assert "\n" not in str(caught.value)


def test_an_output_that_is_not_there(tagger: coffea_fm.Tagger, jets: ak.Array) -> None:
    with pytest.raises(BundleError, match="no output mass"):
        tagger(jets.pt, "mass", FatJet=jets)


def test_a_model_of_jets_takes_no_collections(bundle: Path, jets: ak.Array) -> None:
    jet_tagger = coffea_fm.load(bundle)
    with pytest.raises(InputError, match=r"was given FatJet: call tagger\(jets\), because its model takes jets"):
        jet_tagger(jets.pt, FatJet=jets)
    with pytest.raises(InputError, match="are per jet: pass the embeddings alone"):
        jet_tagger.score(jet_tagger.embed(jets), jets)


def test_it_collects_events_as_it_reads_them(tagger: coffea_fm.Tagger, jets: ak.Array, tmp_path: Path) -> None:
    events = ak.Array({"event": np.arange(40)})
    chunk = {"dataset": "mine", "filename": "f.root", "entrystart": 0, "entrystop": 40}
    counts = tagger.collect(
        jets,
        np.arange(40) % 2,
        folder=tmp_path / "shards",
        events=Chunk(events, chunk),
        columns={"fold": np.arange(40) % 3},
    )
    expected = np.isfinite(reference(tagger, jets))
    assert counts["written"] == expected.sum()
    data = ShardDataset(tmp_path / "shards")
    assert (data.level, data.classes) == (level_of_events(), EVENT_CLASSES)
    np.testing.assert_array_equal(data.scalars("event")["event"], np.flatnonzero(expected))


class Chunk:
    """Events that know where they come from, as coffea's do."""

    def __init__(self, events: ak.Array, metadata: dict[str, object]) -> None:
        self.events, self.metadata, self.fields = events, metadata, events.fields

    def __len__(self) -> int:
        return len(self.events)

    def __getitem__(self, name: str) -> ak.Array:
        return self.events[name]


def test_jets_without_the_name_of_their_collection_are_refused(tagger: coffea_fm.Tagger, jets: ak.Array) -> None:
    with pytest.raises(InputError, match=r"tagger\(events, FatJet=jets\)"):
        tagger(jets.pt, jets)
