from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from coffea.nanoevents import NanoEventsFactory

from coffea_fm.errors import InputError, RecipeError
from coffea_fm.running.processors import load_processor
from coffea_fm.schemas import PFNanoAODSchema
from coffea_fm.shards import ShardDataset
from coffea_fm.simulation.events import Events
from coffea_fm.simulation.generator import generate
from coffea_fm.simulation.hard_events import HardEvent, hard_events_of
from coffea_fm.simulation.pairing import LARGEST_DISTANCE, count_partners, partners, varied_jets
from coffea_fm.simulation.processes import PROCESSES
from coffea_fm.simulation.production import SimulationSettings, produce, write_part
from coffea_fm.simulation.resimulation import Variation
from coffea_fm.simulation.sample import simulate
from coffea_fm.simulation.sample_files import Part
from coffea_fm.simulation.variations import NUMBERS, VARIATIONS

PT_RANGE = (500.0, 1000.0)
NO_MPI = ("PartonLevel:MPI = off",)  # quick, and its particles would hide the effect of the shower


@pytest.fixture(scope="module")
def hard() -> tuple[Events, list[HardEvent]]:
    """Thirty events with a pair of hadronic tops, and their hard processes."""
    accepted: list[HardEvent] = []
    batches = generate(PROCESSES["Tbqq"], PT_RANGE, max_eta=2.0, seed=1, batch=30, further=NO_MPI, accepted=accepted)
    events = next(batches)
    return events, hard_events_of(events, accepted)


@pytest.fixture(scope="module")
def again(hard: tuple[Events, list[HardEvent]]) -> dict[str, tuple[Events, list[HardEvent]]]:
    """The same hard processes, showered in every variation, and the hard processes as Pythia read them."""
    found = {}
    for name in VARIATIONS:
        variation = Variation(name, NO_MPI, (1, 8, 0))
        read: list[HardEvent] = []
        parts = []
        for event in hard[1]:
            parts.append(variation.shower([event])[0])
            read.append(HardEvent.of(variation._pythia.process))
        found[name] = _joined(parts), read
    return found


def _joined(parts: list[Events]) -> Events:
    """Only what the tests below read."""
    offsets = np.cumsum([0, *(len(part.pdg_id) for part in parts)])
    columns = {name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])}
    return Events(**columns | {"offsets": offsets})


@pytest.mark.parametrize("name", VARIATIONS)
def test_the_hard_process_stays_while_the_shower_changes(
    name: str, hard: tuple[Events, list[HardEvent]], again: dict[str, tuple[Events, list[HardEvent]]]
) -> None:
    events, hard_events = hard
    varied, read = again[name]
    for before, after in zip(hard_events, read, strict=True):
        assert [p.pdg_id for p in before.particles] == [p.pdg_id for p in after.particles]
        assert [p.status for p in before.particles] == [p.status for p in after.particles]
        assert [p.colours for p in before.particles] == [p.colours for p in after.particles]
        momenta = [np.array([p.momentum for p in event.particles]) for event in (before, after)]
        np.testing.assert_allclose(momenta[1], momenta[0], rtol=1e-9, atol=1e-6)
        assert after.scale == pytest.approx(before.scale)
    for event in range(len(events)):
        ours, theirs = (
            np.sort(
                e.px[e.offsets[event] : e.offsets[event + 1]][e.status[e.offsets[event] : e.offsets[event + 1]] > 0]
            )
            for e in (events, varied)
        )
        assert len(ours) != len(theirs) or not np.allclose(ours, theirs)


def test_fsr_up_raises_the_multiplicity_and_fsr_down_lowers_it(
    hard: tuple[Events, list[HardEvent]], again: dict[str, tuple[Events, list[HardEvent]]]
) -> None:
    def multiplicity(events: Events) -> np.ndarray:
        return np.bincount(events.event[events.status > 0], minlength=len(events))

    up, same, down = (multiplicity(again[name][0]) for name in ("fsr-up", "seed", "fsr-down"))
    difference = up - down
    assert difference.mean() > 3 * difference.std() / np.sqrt(len(difference))
    assert up.mean() > same.mean() > down.mean()
    change = multiplicity(hard[0]) - same
    assert abs(change.mean()) < 3 * change.std() / np.sqrt(len(change))


def test_a_failed_shower_does_not_shift_the_hard_processes(hard: tuple[Events, list[HardEvent]]) -> None:
    events, hard_events = hard
    extra = hard_events[0]._replace(
        particles=tuple(p._replace(momentum=(*p.momentum[:2], 1.0, *p.momentum[3:])) for p in hard_events[0].particles)
    )
    assert hard_events_of(events, [extra, hard_events[0], extra, *hard_events[1:]]) == hard_events
    with pytest.raises(InputError, match="not announced"):
        hard_events_of(events, hard_events[1:])


def test_hard_processes_that_cannot_be_showered_are_left_out(hard: tuple[Events, list[HardEvent]]) -> None:
    first = hard[1][0]
    colours = tuple(particle._replace(colours=(77, 0)) for particle in first.particles)
    broken = first._replace(particles=colours)
    events, numbers = Variation("seed", NO_MPI, (1, 8, 0)).shower([broken, first, broken, hard[1][1]])
    assert numbers.tolist() == [1, 3]
    np.testing.assert_allclose(events.pz[events.offsets[:-1] + 3], [hard.incoming[0] for hard in hard[1][:2]])
    with pytest.raises(InputError, match="could not shower any"):
        Variation("seed", NO_MPI, (1, 8, 0)).shower([broken])


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    settings = SimulationSettings(jets_per_file=6, seed=3, resimulate=("seed", "fsr-up"))
    produce(folder, settings, ("QCD",), jets_per_class=12, workers=2)
    return folder


def contents(path: Path) -> ak.Array:
    with uproot.open(path) as file:
        return file["Events"].arrays()


def test_files_do_not_depend_on_the_workers_or_the_other_variations(sample: Path, tmp_path: Path) -> None:
    path = tmp_path / "QCD_0001.root"
    write_part(Part("QCD", 1, path), SimulationSettings(jets_per_file=6, seed=3, resimulate=("fsr-up",)))
    ours, theirs = contents(path), contents(sample / path.name)
    kept = theirs.FatJet_variation != NUMBERS["seed"]
    assert ak.sum(kept) < ak.count(theirs.FatJet_pt)
    for name in ("pt", "pair", "variation", "genPartIdx", "fineLabel"):
        assert ak.array_equal(ours[f"FatJet_{name}"], theirs[f"FatJet_{name}"][kept])


def test_pairs_in_files(sample: Path) -> None:
    files = [contents(path) for path in sorted(sample.glob("*.root"))]
    pairs = [ak.to_numpy(ak.flatten(file.FatJet_pair)) for file in files]
    assert not set(pairs[0]) & set(pairs[1])
    for file, pair in zip(files, pairs, strict=True):
        variation = ak.to_numpy(ak.flatten(file.FatJet_variation))
        assert (variation == 0).sum() == 6
        assert len(set(zip(pair, variation, strict=True))) == len(pair)
        assert set(pair[variation > 0]) <= set(pair[variation == 0])
        nominal = {p: row for row, p in enumerate(pair) if variation[row] == 0}
        rows = np.array([nominal[p] for p in pair])
        eta, phi = (ak.to_numpy(ak.flatten(file[f"FatJet_{axis}"])) for axis in ("eta", "phi"))
        assert np.all(np.hypot(eta - eta[rows], np.angle(np.exp(1j * (phi - phi[rows])))) < LARGEST_DISTANCE)
    fractions = count_partners(sorted(sample.glob("*.root")), ("seed", "fsr-up"))
    together = np.concatenate([ak.to_numpy(ak.flatten(file.FatJet_variation)) for file in files])
    assert fractions == {name: (together == NUMBERS[name]).sum() / 12 for name in ("seed", "fsr-up")}
    assert min(fractions.values()) > 0.2


def test_nominal_jets_are_those_of_a_simulation_without_variations() -> None:
    alone = next(simulate("Hbb", PT_RANGE, seed=1, index=0, batch=10))
    jets = next(simulate("Hbb", PT_RANGE, seed=1, index=0, batch=10, variations=("tune",)))
    nominal = jets[jets.variation == 0]
    for name in ("pt", "event", "matched"):
        assert ak.array_equal(nominal[name], alone[name])
    assert ak.array_equal(nominal.constituents.pt, alone.constituents.pt)
    assert not {"pair", "variation"} & set(alone.fields)


def jets_at(event: list[int], eta: list[float], pdg_id: list[int]) -> ak.Array:
    n = len(event)
    hard = ak.Array([[{"pdg_id": -6, "status": 22}, {"pdg_id": 6, "status": 22}]] * n)
    matched = [{-6: 0, 6: 1, 0: -1}[number] for number in pdg_id]
    fields = {"event": event, "eta": eta, "phi": [3.1] * n, "matched": matched, "weight": [2.0] * n, "pair": [7] * n}
    return ak.zip({**{name: np.array(values) for name, values in fields.items()}, "hard": hard}, depth_limit=1)


def test_partners_are_mutually_nearest_of_the_same_hard_particle() -> None:
    nominal = jets_at([0, 0, 1, 2, 3], [0.0, 0.3, 0.0, 0.0, 0.0], [6, 6, 6, 6, 0])
    varied = jets_at([0, 0, 1, 2, 3, 4], [0.1, -0.2, 0.1, 0.5, 0.2, 0.0], [6, 6, -6, 6, 0, 6])
    # the first varied jet is nearest to nominal 0; the second, too, but not mutually; other quark; too far; a parton
    assert partners(nominal, varied).tolist() == [0, -1, -1, -1, 4, -1]
    linked = varied_jets(nominal, ak.with_field(varied, np.ones(6), "weight"), 3)
    assert (linked.pair.tolist(), linked.weight.tolist(), linked.variation.tolist()) == ([7, 7], [2, 2], [3, 3])
    assert len(varied_jets(nominal, varied[:0], 3)) == 0


def test_unknown_and_repeated_variations_are_named() -> None:
    with pytest.raises(RecipeError, match=r"'fsr-upp'; did you mean 'fsr-up'\?"):
        SimulationSettings(resimulate=("fsr-upp",))
    with pytest.raises(RecipeError, match="twice"):
        SimulationSettings(resimulate=("seed", "seed"))


def test_the_simulations_of_a_jet_are_collected_side_by_side(sample: Path, tmp_path: Path) -> None:
    path = sample / "QCD_0000.root"
    metadata = {"dataset": "QCD", "filename": str(path), "entrystart": 0, "entrystop": 100}
    events = NanoEventsFactory.from_root({str(path): "Events"}, schemaclass=PFNanoAODSchema, metadata=metadata).events()
    counts = load_processor("collect_resimulations", {"folder": str(tmp_path)}).process(events)["cutflow"]["QCD"]
    pair, number = np.unique(ak.to_numpy(ak.flatten(contents(path).FatJet_pair)), return_counts=True)
    assert (counts["written"], counts["too_few_FatJet"]) == ((number > 1).sum(), (number == 1).sum())
    packed, columns = next(iter(ShardDataset(tmp_path)))
    assert columns["pair"].tolist() == pair[number > 1].tolist()
    assert packed.members["FatJet"].counts.tolist() == number[number > 1].tolist()
    assert set(columns["target"]) == {0}
    eta = packed.members["FatJet"].things.values[:, 1]
    for first, last in zip(
        *(packed.members["FatJet"].offsets[part] for part in (slice(-1), slice(1, None))), strict=True
    ):
        assert np.ptp(eta[first:last]) < 2 * LARGEST_DISTANCE
