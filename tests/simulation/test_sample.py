from __future__ import annotations

import awkward as ak
import numpy as np

from coffea_fm.kinematics import wrap
from coffea_fm.simulation.sample import MAX_ETA, simulate

PT_RANGE = (500.0, 1000.0)


def test_jets_are_in_range_and_labelled(higgs_jets: ak.Array, qcd_jets: ak.Array) -> None:
    for jets, label in ((qcd_jets, 0), (higgs_jets, 1)):
        assert len(jets) > 20
        assert ak.all((jets.pt >= PT_RANGE[0]) & (jets.pt < PT_RANGE[1]) & (abs(jets.eta) < MAX_ETA))
        assert set(ak.to_list(jets.label)) == {label}


def test_both_b_quarks_are_in_the_jet(higgs_jets: ak.Array) -> None:
    quarks = higgs_jets.hard[(higgs_jets.hard.mother == higgs_jets.matched) & (abs(higgs_jets.hard.pdg_id) == 5)]
    assert ak.all(ak.num(quarks) == 2)
    delta_phi = wrap(ak.to_numpy(ak.flatten(quarks.phi - higgs_jets.phi)))
    assert np.all(np.hypot(delta_phi, ak.to_numpy(ak.flatten(quarks.eta - higgs_jets.eta))) < 0.8)
    matched = higgs_jets.hard[ak.singletons(higgs_jets.matched)]
    assert ak.all(matched.pdg_id == 25)
    assert np.median(higgs_jets.mass) > 100


def test_heavy_flavour_truth_of_the_constituents(higgs_jets: ak.Array, qcd_jets: ak.Array) -> None:
    assert ak.mean(higgs_jets.n_b_hadrons == 2) > 0.8
    assert ak.mean(qcd_jets.n_b_hadrons == 0) > 0.8
    part = ak.flatten(higgs_jets.constituents)
    tracks = part[part.charge != 0]
    from_b, other = tracks[tracks.truth_heavy_flavour == 5], tracks[tracks.truth_heavy_flavour == 0]
    significance = [np.median(np.abs(ak.to_numpy(t.d0 / t.d0_error))) for t in (from_b, other)]
    assert significance[0] > 2 * significance[1]


def test_neutrals_have_no_impact_parameter_and_tracks_do(qcd_jets: ak.Array) -> None:
    part = ak.flatten(qcd_jets.constituents)
    neutral = ak.to_numpy(part.charge) == 0
    for name in ("d0", "d0_error", "dz", "dz_error"):
        assert np.array_equal(np.isnan(ak.to_numpy(part[name])), neutral)
    assert set(np.abs(ak.to_numpy(part.pdg_id))) <= {211, 130, 22, 11, 13}
    assert np.array_equal(neutral, np.isin(ak.to_numpy(part.pdg_id), (130, 22)))


def test_seed_and_index_decide_everything(qcd_jets: ak.Array) -> None:
    same, other_index, other_seed = (
        next(simulate("QCD", PT_RANGE, seed=seed, index=index, batch=40)) for seed, index in ((1, 0), (1, 1), (2, 0))
    )
    assert ak.array_equal(qcd_jets, same, equal_nan=True)
    assert ak.to_list(other_index.pt[:3]) != ak.to_list(qcd_jets.pt[:3]) != ak.to_list(other_seed.pt[:3])


def test_events_are_counted_on() -> None:
    batches = simulate("Zqq", PT_RANGE, seed=9, index=0, batch=8)
    first, second = next(batches), next(batches)
    assert ak.max(first.event) < ak.min(second.event)
    assert ak.any(np.diff(first.event) == 0)
