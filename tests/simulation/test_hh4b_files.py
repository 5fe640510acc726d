from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import chain
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from coffea.nanoevents import NanoEventsFactory

from coffea_fm.analysis.normalisation import normalisation
from coffea_fm.classes import JET_CLASSES
from coffea_fm.errors import RecipeError
from coffea_fm.kinematics import wrap
from coffea_fm.schemas import PFNanoAODSchema
from coffea_fm.simulation.hh4b.production import EventSettings, first_event, produce_events, write_event_file
from coffea_fm.simulation.hh4b.selection import SELECTION
from coffea_fm.simulation.sample_files import Part

SMALL = EventSettings(seed=3, events_per_file=30)
COMMAND = [sys.executable, "-c", "from coffea_fm.cli import main; main()", "simulate", "hh4b"]
Momenta = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hh4b")
    produce_events(folder, SMALL, ("X1000", "QCD", "TT"), events_per_process=30, workers=1)
    return folder


def open_events(sample: Path, name: str) -> ak.Array:
    path = str(sample / f"{name}_0000.root")
    return NanoEventsFactory.from_root({path: "Events"}, schemaclass=PFNanoAODSchema, mode="eager").events()


def four_momentum(rows: ak.Array) -> Momenta:
    px, py, pz = rows.pt * np.cos(rows.phi), rows.pt * np.sin(rows.phi), rows.pt * np.sinh(rows.eta)
    return px, py, pz, np.sqrt(px**2 + py**2 + pz**2 + rows.mass**2)


@pytest.mark.parametrize("collection", ["FatJet", "Jet"])
def test_constituents_of_both_radii_close_on_the_jet(sample: Path, collection: str) -> None:
    for name in ("X1000", "QCD", "TT"):
        jets = ak.flatten(open_events(sample, name)[collection])
        total = [ak.to_numpy(ak.sum(component, axis=1)) for component in four_momentum(jets.constituents)]
        for found, expected in zip(total, four_momentum(jets), strict=True):
            np.testing.assert_allclose(found, expected, atol=2e-3 * float(ak.max(jets.pt)))
        np.testing.assert_allclose(np.hypot(total[0], total[1]), jets.pt, rtol=1e-3)
        assert ak.to_list(ak.num(jets.constituents)) == ak.to_list(jets.nConstituents)
        assert ak.all(jets.uncorrected.pt == jets.pt)


def test_candidates_are_stored_once_for_both_radii(sample: Path) -> None:
    tree = uproot.open(sample / "X1000_0000.root")["Events"]
    names = ["FatJetPFCands_pFCandsIdx", "JetPFCands_pFCandsIdx", "PFCands_pt", "PFCands_eta", "PFCands_phi"]
    for event in tree.arrays(names):
        large, small = set(event[names[0]]), set(event[names[1]])
        assert len(large) == len(event[names[0]])
        assert len(small) == len(event[names[1]])
        assert large & small
        assert large | small == set(range(len(event.PFCands_pt)))
        assert len(set(zip(event.PFCands_pt, event.PFCands_eta, event.PFCands_phi, strict=True))) == len(
            event.PFCands_pt
        )


def test_events_pass_the_selection(sample: Path) -> None:
    for name in ("X1000", "QCD", "TT"):
        events = open_events(sample, name)
        small = events.Jet[events.Jet.pt > SELECTION.small_pt]
        resolved = (ak.num(small) >= SELECTION.n_small) & (ak.sum(small.pt, axis=1) > SELECTION.ht)
        boosted = ak.sum(events.FatJet.pt > SELECTION.large_pt, axis=1) >= SELECTION.n_large
        assert ak.all(resolved | boosted)
        assert ak.all(abs(events.Jet.eta) < 2.4)
        assert ak.all(events.FatJet.pt[:, :-1] >= events.FatJet.pt[:, 1:])


def test_which_jet_holds_which_higgs(sample: Path) -> None:
    events = open_events(sample, "X1000")
    assert ak.all(events.GenPart.pdgId[:, 0] == 5100039)
    jets = events.FatJet[events.FatJet.genPartIdx >= 0]
    higgs = events.GenPart[jets.genPartIdx]
    assert ak.all(higgs.pdgId == 25)
    assert set(ak.flatten(jets.label)) == {JET_CLASSES.index("Hbb")}
    assert ak.mean(ak.num(jets) == 2) > 0.5
    assert ak.all(ak.num(jets) <= 2)
    quarks = events.GenPart[abs(events.GenPart.pdgId) == 5]
    assert ak.all(ak.num(quarks) == 4)
    pairs = ak.cartesian([jets, quarks], nested=True)
    jet, quark = pairs["0"], pairs["1"]
    inside = np.hypot(jet.eta - quark.eta, wrap(jet.phi - quark.phi)) < 0.81
    assert ak.all(inside[quark.genPartIdxMother == jet.genPartIdx])
    assert ak.mean(jets.nBHadrons == 2) > 0.8
    assert 90 < np.median(ak.to_numpy(ak.flatten(jets.msoftdrop))) < 135


def test_flavour_of_small_jets(sample: Path) -> None:
    jets = ak.flatten(open_events(sample, "X1000").Jet)
    from_b = abs(jets.partonFlavour) == 5
    assert ak.mean(jets.hadronFlavour[from_b] == 5) > 0.95
    assert ak.mean(jets.hadronFlavour[~from_b] == 5) < 0.2
    assert ak.mean(ak.flatten(open_events(sample, "QCD").Jet).hadronFlavour == 0) > 0.7
    events = open_events(sample, "TT")
    jets = events.Jet[events.Jet.genPartIdx >= 0]
    partons = events.GenPart[jets.genPartIdx]
    assert ak.all(partons.pdgId == jets.partonFlavour)
    assert ak.all(np.hypot(jets.eta - partons.eta, wrap(jets.phi - partons.phi)) < 0.41)


def test_weights_add_up_to_the_cross_section(sample: Path) -> None:
    signal, multijet = (normalisation([sample / f"{name}_0000.root"]) for name in ("X1000", "QCD"))
    events = open_events(sample, "X1000")
    accepted = signal.pb_per_weight * float(ak.sum(events.genWeight)) / signal.cross_section
    assert 0.8 < accepted <= 1.0
    weights = ak.to_numpy(open_events(sample, "QCD").genWeight)
    assert np.ptp(weights) > 0
    nanobarn = multijet.pb_per_weight * weights.sum() / 1000
    assert 10 < nanobarn < 100
    runs = uproot.open(sample / "QCD_0000.root")["Runs"].arrays(library="np")
    assert runs["genEventCount"][0] > 60
    assert runs["genEventSumw"][0] ** 2 <= runs["genEventCount"][0] * runs["genEventSumw2"][0]


def test_event_numbers_are_unique_and_know_the_seed(sample: Path) -> None:
    numbers = [open_events(sample, name).event.tolist() for name in ("X1000", "QCD", "TT")]
    assert len(set(chain(*numbers))) == 90
    starts = {
        first_event(name, seed, k) for name in ("X600", "QCD", "Hjets") for seed in (0, 1, 99) for k in (0, 65535)
    }
    assert len(starts) == 18
    assert min(abs(a - b) for a in starts for b in starts if a != b) >= 2**20
    assert max(starts) + 2**20 < 2**63
    assert numbers[0][0] == first_event("X1000", 3, 0)


def test_seed_and_index_decide_everything(tmp_path: Path) -> None:
    def contents(path: Path) -> ak.Array:
        return uproot.open(path)["Events"].arrays()

    few = replace(SMALL, events_per_file=5)
    for name, index, settings in (("a", 0, few), ("b", 0, few), ("c", 1, few), ("d", 0, replace(few, seed=4))):
        write_event_file(Part("X800", index, tmp_path / name), settings)
    first, same, *others = (contents(tmp_path / name) for name in "abcd")
    assert ak.array_equal(first, same)
    for other in others:
        assert ak.to_list(other.FatJet_pt) != ak.to_list(first.FatJet_pt)


def test_complete_files_are_kept_and_other_settings_refused(sample: Path) -> None:
    assert produce_events(sample, SMALL, ("X1000", "QCD"), events_per_process=10, workers=1) == []
    with pytest.raises(RecipeError, match="spectrum = flat, not falling"):
        produce_events(sample, replace(SMALL, spectrum="falling"), ("QCD",), 10, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"events_per_file": 0}, "0 events"), ({"seed": -1}, "seed -1"), ({"seed": 2**20}, "seed 1048576")],
)
def test_impossible_settings(options: dict[str, int], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        EventSettings(**options)


def test_command(tmp_path: Path) -> None:
    options = ["--events-per-process", "4", "--events-per-file", "4", "--processes", "HH", "--seed", "2"]
    done = subprocess.run(
        [*COMMAND, str(tmp_path), *options, "--pythia", "Tune:pp = 21"], capture_output=True, text=True, check=True
    )
    assert "wrote 1 file" in done.stdout
    assert len(uproot.open(tmp_path / "HH_0000.root")["Events"].arrays(["event"])) == 4
    unknown = subprocess.run(
        [*COMMAND, str(tmp_path), "--processes", "XX"], capture_output=True, text=True, check=False
    )
    assert unknown.returncode == 1
    assert "unknown process 'XX'; the processes are X600" in unknown.stderr
