from __future__ import annotations

from collections import Counter
from functools import reduce
from importlib import import_module

import awkward as ak
import numpy as np
import pytest
from tiny_bundles import save_tiny_event

import coffea_fm
from coffea_fm.analysis.chunk import Chunk
from coffea_fm.analysis.folds import FOLDS, folds
from coffea_fm.errors import RecipeError
from coffea_fm.inference import tagger as tagger_module

pytestmark = pytest.mark.filterwarnings("ignore::coffea_fm.errors.InputWarning")


@pytest.fixture
def event_bundles(tmp_path):
    """One bundle a fold, alike but for their names, and so their checksums."""
    return [str(save_tiny_event(tmp_path / f"fold{fold}", f"fold{fold}")) for fold in range(FOLDS)]


@pytest.fixture
def runs(monkeypatch):
    """Rows and calls of every graph, by the names of its outputs."""
    rows, calls = Counter(), Counter()
    original = tagger_module.session

    class Counting:
        def __init__(self, inner):
            self.inner = inner

        def run(self, outputs, inputs):
            rows["+".join(outputs)] += len(next(iter(inputs.values())))
            calls["+".join(outputs)] += 1
            return self.inner.run(outputs, inputs)

        def get_providers(self):
            return self.inner.get_providers()

    monkeypatch.setattr(tagger_module, "session", lambda *arguments: Counting(original(*arguments)))
    return rows, calls


def test_every_backbone_runs_once_over_the_union_of_the_variations(hh4b, open_events, event_bundles, runs):
    rows, calls = runs
    events = open_events("X1000")
    variations = import_module("coffea_fm.analysis.variations")
    processor = hh4b(event=event_bundles, event_cut=0.5)
    cutflow = processor.process(events)["cutflow"]["X1000"]
    jets = events.FatJet[abs(events.FatJet.eta) < 2.4]
    selected = {}
    for variation in variations.JET_VARIATIONS:
        factor = variations._energy(variation, "FatJet", jets, events, processor.corrections)
        selected[variation] = jets.pt * factor > 250
    union = reduce(lambda one, other: one | other, selected.values())
    in_events_with_two = ak.sum(union[ak.num(jets[union]) >= 2])
    nominal = ak.sum(selected["nominal"][ak.num(jets[union]) >= 2])
    assert in_events_with_two > nominal
    assert cutflow["txbb_jets"] == in_events_with_two
    assert rows["embedding"] == in_events_with_two + cutflow["event_FatJets"]
    assert cutflow["event_FatJets"] <= in_events_with_two
    assert calls["scores"] >= FOLDS * len(variations.JET_VARIATIONS)
    events_of_heads = rows["scores"] - cutflow["txbb_jets"]
    assert 0 < events_of_heads <= len(events) * len(variations.JET_VARIATIONS)


def test_scores_of_a_variation_are_those_of_its_jets(hh4b, open_events, event_bundles):
    events = open_events("X1000")
    processor = hh4b(event=event_bundles)
    chunk = Chunk(events, {})
    large = processor.large_r_jets(chunk, folds(events), ("nominal", "jet_energy_scale_up"))
    tagger = coffea_fm.load(event_bundles[0])
    for variation in ("nominal", "jet_energy_scale_up"):
        jets = large.shifted(variation)
        at_once = processor.event.score(jets, folds(events))
        direct = tagger(events, FatJet=jets)
        expected = ak.to_numpy(direct.signal / (direct.signal + direct.background))
        np.testing.assert_allclose(at_once, expected, rtol=1e-5)
    nominal, shifted = (processor.event.score(large.shifted(name), folds(events)) for name in large.energy)
    assert not np.allclose(nominal, shifted, rtol=1e-4, atol=0, equal_nan=True)


def test_each_event_is_scored_by_the_bundle_of_its_fold(open_events):
    taggers = import_module("hh4b.taggers")
    events = open_events("TT")

    class Constant:
        def __init__(self, value):
            self.value = value

        def score(self, embedding, jets):  # noqa: ARG002
            return ak.zip({"signal": np.full(len(jets), self.value), "background": np.full(len(jets), 1 - self.value)})

    jets = ak.with_field(events.FatJet, events.FatJet.pt, "embedding")
    discriminant = taggers.EventTagger((Constant(0.0), Constant(0.25), Constant(0.5))).score(jets, folds(events))
    np.testing.assert_array_equal(discriminant, ak.to_numpy(events.event % 3) * 0.25)


def test_two_bundles_are_no_folds(hh4b, event_bundles):
    with pytest.raises(RecipeError, match="2 bundles were given for 3 folds"):
        hh4b(event=event_bundles[:2])


def test_one_bundle_is_for_all_folds(hh4b, open_events, event_bundles):
    one, three = (
        hh4b(event=bundles, event_cut=0.5)
        .process(open_events("X1000"))["histograms"]["X1000"]["boosted"]["mass"]
        .values()
        for bundles in (event_bundles[0], event_bundles)
    )
    np.testing.assert_allclose(one, three)
