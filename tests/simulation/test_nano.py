from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from coffea.nanoevents import NanoEventsFactory, PFNanoAODSchema

from coffea_fm.classes import FINE_CLASSES, JET_CLASSES
from coffea_fm.simulation.jetclass import write_jetclass
from coffea_fm.simulation.nano import write_nano


class Schema(PFNanoAODSchema):  # type: ignore[misc]
    warn_missing_crossrefs = False


@pytest.fixture(scope="module")
def nano(qcd_jets: ak.Array, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nano") / "jets.root"
    write_nano(path, qcd_jets, run=3, block=4)
    return path


@pytest.fixture(scope="module")
def events(nano: Path) -> ak.Array:
    return NanoEventsFactory.from_root({str(nano): "Events"}, schemaclass=Schema, mode="eager").events()


def test_coffea_links_the_constituents(events: ak.Array, qcd_jets: ak.Array) -> None:
    pf = ak.flatten(events.FatJet.constituents.pf)
    assert ak.to_list(ak.num(pf)) == ak.to_list(ak.num(qcd_jets.constituents))
    for name in ("pt", "eta", "phi"):
        np.testing.assert_allclose(ak.flatten(pf[name]), ak.flatten(qcd_jets.constituents[name]), rtol=2e-4)
    jets = ak.flatten(events.FatJet)
    px, py = (ak.sum(pf.pt * f(pf.phi), axis=1) for f in (np.cos, np.sin))
    np.testing.assert_allclose(np.hypot(px, py), jets.pt, rtol=1e-3)


def test_explicit_links_agree_with_the_counts(nano: Path, qcd_jets: ak.Array) -> None:
    tree = uproot.open(nano)["Events"]
    links = tree.arrays(["FatJetPFCands_jetIdx", "FatJetPFCands_pFCandsIdx", "FatJet_nConstituents", "PFCands_pt"])
    assert ak.any(ak.num(links.FatJet_nConstituents) == 2)
    for event in links:
        jet = np.repeat(np.arange(len(event.FatJet_nConstituents)), event.FatJet_nConstituents)
        assert event.FatJetPFCands_jetIdx.tolist() == jet.tolist()
        assert event.FatJetPFCands_pFCandsIdx.tolist() == list(range(len(event.PFCands_pt)))
    assert ak.sum(links.FatJet_nConstituents) == ak.count(qcd_jets.constituents.pt)


def test_units_and_sentinels(events: ak.Array, qcd_jets: ak.Array) -> None:
    part, flat = ak.flatten(qcd_jets.constituents), ak.flatten(events.PFCands)
    charged = ak.to_numpy(flat.charge) != 0
    for branch, name in (("d0", "d0"), ("d0Err", "d0_error"), ("dz", "dz"), ("dzErr", "dz_error")):
        np.testing.assert_allclose(10 * flat[branch][charged], part[name][charged], rtol=3e-3)
        assert np.all(ak.to_numpy(flat[branch][~charged]) == -1)
    assert np.all(ak.to_numpy(flat.puppiWeight) == 1)
    np.testing.assert_allclose(10 * flat.truthVertexX, part.truth_x, rtol=2e-4, atol=6e-4)
    assert ak.to_list(flat.truthOrigin) == ak.to_list(part.truth_origin)


def test_event_numbers_and_truth(events: ak.Array, qcd_jets: ak.Array) -> None:
    assert set(events.run.tolist()) == {3}
    assert set(events.luminosityBlock.tolist()) == {4}
    assert events.event.tolist() == list(range(1, len(events) + 1))
    assert len(events) == len(np.unique(qcd_jets.event))
    jets = ak.flatten(events.FatJet)
    assert ak.to_list(jets.label) == [0] * len(jets)
    assert set(ak.to_list(jets.rawFactor)) == {0.0}
    assert all(FINE_CLASSES[label].startswith("QCD") for label in jets.fineLabel)
    matched = events.FatJet[events.FatJet.genPartIdx >= 0]
    partons = events.GenPart[matched.genPartIdx]
    assert ak.mean(matched.delta_r(partons) < 0.8) == 1.0


def test_jetclass_layout(qcd_jets: ak.Array, tmp_path: Path, shared_data: Path) -> None:
    write_jetclass(tmp_path / "jets.root", qcd_jets)
    tree = uproot.open(tmp_path / "jets.root")["tree"]
    there = uproot.open(shared_data / "jets" / "train_QCD_0.root")["tree"]
    assert set(there.keys()) <= set(tree.keys())
    jets = tree.arrays()
    np.testing.assert_allclose(np.hypot(*(ak.sum(jets[f"part_p{a}"], axis=1) for a in "xy")), jets.jet_pt, rtol=1e-3)
    np.testing.assert_allclose(ak.sum(jets.part_energy, axis=1), jets.jet_energy, rtol=1e-3)
    eta = np.arcsinh(jets.part_pz / np.hypot(jets.part_px, jets.part_py))
    sign = np.where(jets.jet_eta < 0, -1, 1)
    np.testing.assert_allclose(ak.flatten(jets.part_deta * sign), ak.flatten(eta - jets.jet_eta), atol=2e-3)
    flags = [jets[f"part_is{kind}"] for kind in ("ChargedHadron", "NeutralHadron", "Photon", "Electron", "Muon")]
    assert ak.all(sum(flags) == 1)
    assert [bool(ak.all(jets[f"label_{name}"])) for name in JET_CLASSES] == [True] + [False] * 9
    assert ak.all(jets.part_d0val[jets.part_charge == 0] == 0)
    assert ak.to_list(jets.jet_nparticles) == ak.to_list(ak.num(jets.part_px))
