from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from tiny_bundles import WEIGHTS, save_tiny, save_tiny_event

import coffea_fm
from coffea_fm.errors import BundleError, InputError


def same(left: ak.Array, right: ak.Array) -> bool:
    return bool(ak.array_equal(left, right, equal_nan=True))


@pytest.fixture
def taggers(tmp_path: Path) -> list[coffea_fm.Tagger]:
    return [
        coffea_fm.load(save_tiny(tmp_path / f"tiny-{index}", f"{tmp_path.name}-{index}", (index - 1) * WEIGHTS))
        for index in range(3)
    ]


def test_mean_of_several(taggers: list[coffea_fm.Tagger], jets: ak.Array, rows_run: Counter[str]) -> None:
    ensemble = coffea_fm.Ensemble(taggers)
    scores = ensemble(jets)
    assert rows_run["backbone"] * 3 == rows_run["head"]  # the backbone is the same graph
    assert str(scores.type) == "40 * var * {QCD: float32, Hbb: float32, Tbqq: float32}"
    expected = sum(tagger(jets).Hbb for tagger in taggers) / 3
    np.testing.assert_allclose(ak.to_numpy(ak.flatten(scores.Hbb)), ak.to_numpy(ak.flatten(expected)), atol=1e-6)
    assert coffea_fm.report(scores).counts == coffea_fm.report(taggers[0](jets)).counts
    assert coffea_fm.report(scores).checksum == ensemble.checksum
    assert (coffea_fm.report(scores) + coffea_fm.report(ensemble(jets))).counts["jets"] == 2 * ak.count(jets.pt)


def test_each_event_is_scored_by_the_model_of_its_fold(taggers: list[coffea_fm.Tagger], jets: ak.Array) -> None:
    ensemble = pickle.loads(pickle.dumps(coffea_fm.Ensemble(taggers, folds="event")))
    event = np.random.default_rng(0).integers(0, 2**52, len(jets))
    scores = ensemble(jets, event=event)
    for fold, tagger in enumerate(taggers):
        assert same(scores[event % 3 == fold], tagger(jets[event % 3 == fold]))
    assert coffea_fm.report(scores).counts == coffea_fm.report(taggers[0](jets)).counts
    held = ak.with_field(jets, event, "event")
    assert same(ensemble(held), scores)
    assert same(ensemble(held[held.pt > 400][:, ::-1]), scores[jets.pt > 400][:, ::-1])
    masked = ak.mask(jets, jets.pt > 400)
    assert same(ensemble(masked, event=event), ak.mask(scores, jets.pt > 400))
    with pytest.raises(InputError, match=r"pass event=events\.event"):
        ensemble(jets)
    with pytest.raises(InputError, match="integers"):
        ensemble(jets, event=event / 2)
    with pytest.raises(InputError, match="one number per event"):
        ensemble(jets, event=event[:5])


def test_folds_of_events(tmp_path: Path, jets: ak.Array) -> None:
    taggers = [coffea_fm.load(save_tiny_event(tmp_path / f"e{n}", f"{tmp_path.name}-{n}", n)) for n in (1, 2)]
    events = ak.Array({"event": np.arange(len(jets))})
    ensemble = coffea_fm.Ensemble(taggers, folds="event")
    scores = ensemble(events, FatJet=jets)
    for fold, tagger in enumerate(taggers):
        assert same(scores[fold::2], tagger(events[fold::2], FatJet=jets[fold::2]))
    counts = [coffea_fm.report(t(events[n::2], FatJet=jets[n::2])).counts for n, t in enumerate(taggers)]
    assert coffea_fm.report(scores).counts == {
        n: counts[0].get(n, 0) + counts[1].get(n, 0) for n in {**counts[0], **counts[1]}
    }
    shifted = ak.with_field(jets, jets.pt * 1.2, "pt")
    varied = ensemble.variations(events, {"up": shifted}, FatJet=jets)
    assert same(varied["up"], ensemble(events, FatJet=shifted))


def test_an_ensemble_is_a_tagger(taggers: list[coffea_fm.Tagger], jets: ak.Array) -> None:
    for ensemble, more in ((coffea_fm.Ensemble(taggers), {}), (coffea_fm.Ensemble(taggers, "event"), {"event"})):
        assert ensemble.columns(jets) == taggers[0].columns(jets) | set(more)
        assert len(pickle.dumps(ensemble)) < 3000
        assert ensemble.__dask_tokenize__() != taggers[0].__dask_tokenize__()
        held = ak.with_field(jets, np.arange(len(jets)), "event")
        traced = ak.Array(held.layout.to_typetracer(forget_length=True))
        assert ensemble(traced).fields == ["QCD", "Hbb", "Tbqq"]
        assert same(
            ensemble.discriminant(ensemble(held), "Hbb", "QCD"),
            ensemble(held).Hbb / (ensemble(held).Hbb + ensemble(held).QCD),
        )
        with pytest.raises(BundleError, match="no output 'embedding'"):
            ensemble(held, "embedding")
        with pytest.raises(BundleError, match="no working points"):
            ensemble.passes(held, "Hbb_medium")


def test_models_that_do_not_fit_together(taggers: list[coffea_fm.Tagger], tmp_path: Path) -> None:
    events = coffea_fm.load(save_tiny_event(tmp_path / "event", f"{tmp_path.name}-event"))
    with pytest.raises(InputError, match=r"takes jets, but .* takes events"):
        coffea_fm.Ensemble([taggers[0], events])
    with pytest.raises(InputError, match="at least two"):
        coffea_fm.Ensemble(taggers[:1])
    with pytest.raises(InputError, match="choose 'event'"):
        coffea_fm.Ensemble(taggers, folds="run")
    with pytest.raises(InputError, match="was given event"):
        coffea_fm.Ensemble(taggers)(ak.Array([]), event=[])
