from __future__ import annotations

import subprocess
import sys

import awkward as ak
import numpy as np
import pytest

import coffea_fm
from coffea_fm.analysis.normalisation import normalisation
from coffea_fm.errors import InputError, RecipeError
from coffea_fm.running.friends import friends_of
from coffea_fm.shards import ShardDataset

pytestmark = pytest.mark.filterwarnings("ignore::coffea_fm.errors.InputWarning")
LUMINOSITY = 138.0


def analyse(processor, events):
    """What a run over one chunk gives."""
    return processor.postprocess(processor.process(events))


def total(histogram, process, variation, region):
    return histogram[process, variation, region, :].sum(flow=True).value


def test_the_boosted_category_is_the_one_recomputed_jet_by_jet(hh4b, open_events, jets_bundle):
    events = open_events("X1000")
    processor = hh4b()
    output = analyse(processor, events)
    corrections, tagger = processor.corrections, coffea_fm.load(jets_bundle)
    jets = events.FatJet
    pt = jets.pt * corrections.energy("FatJet", jets)
    mass = jets.msoftdrop * corrections.energy("FatJet", jets) * corrections.mass("FatJet", jets, "nominal")
    scores = tagger(jets)
    expected = dict.fromkeys(("fail_low", "fail_high", "medium_low", "medium_high", "tight_low", "tight_high"), 0)
    for event in range(len(events)):
        rows = [
            (scores[event, jet].Hbb / (scores[event, jet].Hbb + scores[event, jet].QCD), mass[event, jet])
            for jet in range(len(jets[event]))
            if pt[event, jet] > 250 and abs(jets[event, jet].eta) < 2.4 and mass[event, jet] > 30
        ]
        if len(rows) < 2:
            continue
        (first, first_mass), (second, _) = sorted(rows, reverse=True)[:2]
        if first > 0.8:
            tag = "tight" if second >= 0.98 else "medium" if second >= 0.8 else "fail"
            expected[f"{tag}_{'high' if abs(first_mass - 125) < 0.16 * 125 else 'low'}"] += 1
    cutflow = output["cutflow"]["X1000"]
    assert {name: cutflow.get(f"boosted_{name}", 0) for name in expected} == expected
    assert sum(expected.values()) == cutflow["boosted"] > 50
    assert expected["tight_high"] > 10


def test_weights_are_events_expected_in_the_luminosity(hh4b, open_events):
    events = open_events("X1000")
    output = analyse(hh4b(uncalibrated=True), events)
    filled = output["boosted"]["discriminant"]["X1000", "nominal", :, :].sum(flow=True).value
    generated = normalisation([events.metadata["filename"]]).sum_of_weights
    weight = events.genWeight[0] * 0.01 / generated * 1000 * LUMINOSITY
    assert filled == pytest.approx(weight * output["cutflow"]["X1000"]["boosted"], rel=1e-5)
    assert output["luminosity"] == {LUMINOSITY}
    assert output["cross_section"] == {"X1000": {0.01}}
    assert output["mass"] == {"X1000": {1000}}


def test_scale_factors_multiply_and_vary(hh4b, open_events):
    events = open_events("X1000")
    with_factors = analyse(hh4b(), events)["boosted"]["mass"]
    without = analyse(hh4b(uncalibrated=True), events)["boosted"]["mass"]
    values = [total(with_factors, "X1000", name, "tight_high") for name in ("txbb_down", "nominal", "txbb_up")]
    assert values[0] < values[1] < values[2]
    assert values[1] != pytest.approx(total(without, "X1000", "nominal", "tight_high"))
    assert "txbb_up" not in list(without.axes["variation"])


def test_jet_energies_move_the_selection_and_the_mass(hh4b, open_events):
    mass = analyse(hh4b(), open_events("X1000"))["boosted"]["mass"]
    assert {"jet_energy_scale_up", "jet_energy_resolution_up", "jet_mass_scale_down"} <= set(mass.axes["variation"])

    def mean(variation):
        part = mass["X1000", variation, "tight_high", :]
        return np.average(part.axes[0].centers, weights=part.values())

    assert mean("jet_mass_scale_down") < mean("nominal") < mean("jet_mass_scale_up")


def test_events_with_two_b_quarks_are_left_to_the_enriched_sample(hh4b, open_events):
    events = open_events("QCD")
    cutflow = analyse(hh4b(), events)["cutflow"]["QCD"]
    assert cutflow["left_to_another_dataset"] == int(ak.sum(events.genTwoB)) > 0
    alone = analyse(hh4b(), open_events("QCD", drop=""))["cutflow"]["QCD"]
    assert "left_to_another_dataset" not in alone


@pytest.mark.parametrize("kind", ["data", "pseudo-data"])
def test_data_are_blinded_unless_asked(hh4b, open_events, kind):
    events = open_events("X1000", kind=kind)
    blinded, seen = (analyse(hh4b(unblind=unblind), events)["boosted"] for unblind in (False, True))
    for name in ("mass", "discriminant"):
        for region in ("medium_high", "tight_high"):
            assert total(blinded[name], "data", "nominal", region) == 0
            assert total(seen[name], "data", "nominal", region) > 0
        assert (
            total(blinded[name], "data", "nominal", "fail_high")
            == total(seen[name], "data", "nominal", "fail_high")
            > 0
        )
    assert list(seen["mass"].axes["variation"]) == ["nominal"]


def test_data_count_one_each(hh4b, open_events):
    output = analyse(hh4b(unblind=True), open_events("X1000", kind="data"))
    filled = output["boosted"]["discriminant"].sum(flow=True).value
    assert filled == output["cutflow"]["X1000"]["boosted"]
    assert not output["luminosity"]


def test_data_need_no_truth(hh4b, open_events):
    def without_truth(events):
        jets = events.FatJet[[name for name in events.FatJet.fields if name != "label"]]
        return ak.with_field(events, jets, "FatJet")

    cutflow = analyse(hh4b(), without_truth(open_events("X1000", kind="data")))["cutflow"]["X1000"]
    assert cutflow["boosted"] > 0
    with pytest.raises(InputError, match="these simulated jets have no 'label'"):
        analyse(hh4b(), without_truth(open_events("X1000")))


def test_another_sample_is_a_variation(hh4b, open_events):
    mass = analyse(hh4b(), open_events("X1000", variation="tune"))["boosted"]["mass"]
    assert list(mass.axes["variation"]) == ["tune"]


def test_negative_and_zero_weights_are_counted_and_kept(hh4b, open_events):
    events = open_events("X1000")
    changed = ak.with_field(
        events, np.where(np.arange(100) < 30, -1.0, np.where(np.arange(100) < 50, 0.0, 1.0)), "genWeight"
    )
    output = analyse(hh4b(uncalibrated=True), changed)
    cutflow = output["cutflow"]["X1000"]
    assert (cutflow["negative_weight"], cutflow["zero_weight"]) == (30, 20)
    positive = analyse(hh4b(uncalibrated=True), open_events("X1000"))["boosted"]["discriminant"].sum(flow=True).value
    assert output["boosted"]["discriminant"].sum(flow=True).value < 0.5 * positive


def test_a_weight_that_is_no_number_is_refused(hh4b, open_events):
    events = open_events("X1000")
    changed = ak.with_field(events, np.where(np.arange(100) == 7, np.nan, 1.0), "genWeight")
    with pytest.raises(InputError, match="not a finite number in 1 of 100 events of dataset 'X1000'"):
        analyse(hh4b(), changed)


def test_a_fileset_without_normalisation_is_refused(hh4b, open_events):
    with pytest.raises(RecipeError, match=r"no cross_section.*coffea-fm fileset"):
        analyse(hh4b(), open_events("X1000", cross_section=None))
    with pytest.raises(RecipeError, match=r"metadata of dataset 'X1000': kind: Input should be 'simulation'"):
        analyse(hh4b(), open_events("X1000", kind="toy"))


def test_events_with_one_jet_or_none_are_not_selected(hh4b, open_events):
    events = open_events("X1000")
    for most in (1, 0):
        output = analyse(hh4b(), ak.with_field(events, events.FatJet[:, :most], "FatJet"))
        assert output["cutflow"]["X1000"]["boosted"] == 0
        assert output["boosted"]["mass"].sum(flow=True).value == 0


def test_jets_without_constituents_are_counted_and_never_chosen(hh4b, open_events):
    events = open_events("X1000")
    jets = events.FatJet
    emptied = ak.with_field(jets, jets.constituents[ak.local_index(jets.constituents, axis=2) < 0], "constituents")
    changed = ak.with_field(events, emptied, "FatJet")
    cutflow = analyse(hh4b(), changed)["cutflow"]["X1000"]
    assert cutflow["txbb_without_constituents"] == cutflow["txbb_jets"] > 0
    assert cutflow["boosted"] == 0


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ({"txbb": 0.8}, r"txbb=0\.8 is not a medium and a tight cut"),
        ({"txbb": [0.98, 0.8]}, "the medium cut comes first"),
        ({"luminosity": "abc"}, "option 'luminosity' must be a number, such as 138.0, not 'abc'"),
        ({"txbb": [0.3, 0.5]}, r"belong to the cuts 0\.8, 0\.98, not to 0\.8, 0\.3, 0\.5.*uncalibrated=true"),
    ],
)
def test_options_that_mean_nothing_or_do_not_fit_the_scale_factors_are_refused(hh4b, option, complaint):
    with pytest.raises(RecipeError, match=complaint):
        hh4b(**option)


def test_other_cuts_are_free_without_scale_factors(hh4b):
    assert hh4b(uncalibrated=True, txbb=[0.3, 0.5], first_txbb=0).txbb == (0.3, 0.5)


def test_bundles_for_other_jets_and_without_scale_factors_are_refused(hh4b, jets_bundle, tmp_path):
    from made import make_bundle

    with pytest.raises(RecipeError, match="no class 'b' for b_score: its classes are QCD, Hbb"):
        hh4b(flavour=jets_bundle)
    with pytest.raises(RecipeError, match="no scale factors for the bundle 'counting'"):
        hh4b(jets=str(make_bundle(tmp_path / "counting")))
    with pytest.raises(
        RecipeError, match="'jet-classifier-small' of the option event does not separate events of signal from"
    ):
        hh4b(event=jets_bundle)
    with pytest.raises(RecipeError, match=r"the file of corrections nowhere\.json does not exist"):
        hh4b(corrections="nowhere.json")


def test_a_chunk_without_events(hh4b, open_events):
    events = open_events("X1000")
    output = analyse(hh4b(), events[:0])
    assert output["cutflow"]["X1000"]["events"] == 0
    assert output["boosted"]["mass"].sum(flow=True).value == 0


def test_it_travels_to_workers_without_its_modules(jets_bundle, tmp_path):
    here = (
        "import sys, cloudpickle; from coffea_fm.running.processors import load_processor; "
        "processor = load_processor('hh4b', {'jets': sys.argv[1]}); "
        "open(sys.argv[2], 'wb').write(cloudpickle.dumps(processor))"
    )
    there = (
        "import sys, pickle; processor = pickle.load(open(sys.argv[1], 'rb')); "
        "processor.corrections.require(processor.large_r.tagger); assert not any('hh4b' in name for name in sys.modules)"
    )
    file = str(tmp_path / "processor.pkl")
    subprocess.run([sys.executable, "-c", here, jets_bundle, file], check=True, cwd=tmp_path)
    subprocess.run([sys.executable, "-c", there, file], check=True, cwd=tmp_path)


def test_collected_events_are_those_that_are_selected(hh4b, open_events, tmp_path):
    events = open_events("X1000")
    selected = analyse(hh4b(), events)["cutflow"]["X1000"]["boosted"]
    counts = hh4b(folder=str(tmp_path)).process(events)["cutflow"]["X1000"]
    assert counts["collected_written"] == selected
    data = ShardDataset(tmp_path)
    columns = data.scalars("target", "weight", "fold", "event", "second_mass")
    assert set(columns["target"]) == {1}
    np.testing.assert_array_equal(columns["fold"], columns["event"].astype(np.uint64) % 3)
    assert len(set(columns["fold"])) == 3
    assert np.all(columns["second_mass"] > 30)


def test_data_are_nothing_to_learn_from(hh4b, open_events, tmp_path):
    counts = hh4b(folder=str(tmp_path)).process(open_events("X1000", kind="data"))["cutflow"]["X1000"]
    assert counts["collected_written"] == 0
    assert counts["collected_without_class"] == 100


def test_it_names_its_taggers_for_friends(hh4b, tmp_path):
    friends = friends_of(hh4b(), "scores", tmp_path)
    assert [(model.collection, model.bundle) for model in friends.models] == [("FatJet", "jet-classifier-small")]
