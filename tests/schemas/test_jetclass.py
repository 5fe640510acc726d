"""Schemas: JetClass layout."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import uproot
from coffea.nanoevents import NanoEventsFactory
from coffea.nanoevents.trace import trace_with_length_zero_array, trace_with_typetracer
from selection_checks import check_runner, check_selections, closure, fingerprint

from coffea_fm.classes import JET_CLASSES
from coffea_fm.errors import InputError
from coffea_fm.schemas.jetclass import JetClassSchema

PARQUET = "real/JetClassII_example.parquet"
ROOT = "jets/train_Tbl_0.root"


def open_root(path, start=None, stop=None, mode="virtual"):
    return NanoEventsFactory.from_root(
        {str(path): "tree"}, schemaclass=JetClassSchema, mode=mode, entry_start=start, entry_stop=stop
    ).events()


def open_parquet(path, start=None, stop=None, mode="virtual"):
    return NanoEventsFactory.from_parquet(
        str(path), schemaclass=JetClassSchema, mode=mode, entry_start=start, entry_stop=stop
    ).events()


@pytest.fixture(scope="session", params=["rntuple", "ttree", "parquet"])
def opened(request, shared_data, tmp_path_factory):
    """How to open a file of each container, and its columns read by other means."""
    if request.param == "parquet":
        path = shared_data / PARQUET
        return (lambda *chunk, **mode: open_parquet(path, *chunk, **mode)), ak.from_parquet(path), path
    path = shared_data / ROOT
    columns = uproot.open(path)["tree"].arrays(entry_stop=120)
    if request.param == "ttree":
        path = tmp_path_factory.mktemp("jetclass") / "jets.root"
        with uproot.recreate(path) as file:
            flat = {name: columns[name] for name in columns.fields if not name.startswith("part_")}
            parts = [name for name in columns.fields if name.startswith("part_")]
            lists = ak.zip({name.removeprefix("part_"): columns[name] for name in parts})
            file.mktree(
                "tree", {name: array.type.content for name, array in flat.items()} | {"part": lists.type.content}
            )
            file["tree"].extend(flat | {"part": lists})
        return (lambda *chunk, **mode: open_root(path, *chunk, **mode)), columns, path

    def rntuple(start=None, stop=None, **mode):
        return open_root(path, start, 120 if stop is None else stop, **mode)

    return rntuple, columns, path


@pytest.mark.parametrize("mode", ["virtual", "eager"])
def test_one_jet_per_entry_with_canonical_fields(opened, mode):
    open_events, columns, _ = opened
    jets = open_events(mode=mode).Jet
    assert ak.all(ak.num(jets) == 1)
    jet, constituents = jets[:, 0], jets.constituents[:, 0]
    assert ak.all(jet.pt == columns.jet_pt)
    assert ak.all(jet.msoftdrop == columns.jet_sdmass)
    np.testing.assert_allclose(jet.energy, columns.jet_energy, rtol=1e-6)
    px, py = (ak.values_astype(columns[f"part_p{axis}"], "float64") for axis in "xy")
    np.testing.assert_allclose(ak.flatten(constituents.pt), ak.flatten(np.hypot(px, py)), rtol=1e-6)
    assert ak.max(np.abs(constituents.px - px) / constituents.pt) < 1e-6
    charge = columns.part_charge
    assert ak.all(ak.is_none(constituents.d0, axis=1) == (charge == 0))
    assert ak.all(ak.is_none(constituents.dz_error, axis=1) == (charge == 0))
    charged = charge != 0
    assert ak.all(constituents.d0[charged] == columns.part_d0val[charged])
    assert ak.all(constituents.dz_error[charged] == columns.part_dzerr[charged])
    for flag, identity in (
        ("ChargedHadron", 211),
        ("NeutralHadron", 130),
        ("Photon", 22),
        ("Electron", 11),
        ("Muon", 13),
    ):
        assert ak.all((np.abs(constituents.pdgId) == identity) == (columns[f"part_is{flag}"] != 0)), flag
    sign = np.where(np.abs(constituents.pdgId) < 20, -1, 1)
    assert ak.all((np.sign(constituents.pdgId) * sign == np.sign(charge))[charged])


def test_eta_does_not_follow_the_flipped_sign_of_deta(opened):
    open_events, columns, _ = opened
    constituents = open_events().Jet.constituents[:, 0]
    flipped = columns.jet_eta + columns.part_deta * np.sign(columns.jet_eta)
    assert ak.max(np.abs(constituents.eta - flipped)) < 3e-4  # the mantissas of the simulated files are cut
    assert ak.max(np.abs(constituents.eta - columns.jet_eta - columns.part_deta)) > 0.5
    assert ak.all(constituents.deta == columns.part_deta)


def test_transverse_momentum_closes(opened):
    open_events, _, _ = opened
    jets = open_events().Jet
    assert closure(jets, ("px", "py")) < 1e-4
    assert float(ak.max(np.abs(jets.constituents.sum(axis=-1).pt / jets.pt - 1))) < 6e-5


def test_labels(shared_data):
    for name in JET_CLASSES:
        jets = open_root(shared_data / f"jets/train_{name}_0.root", 0, 20).Jet
        assert set(ak.flatten(jets.label).tolist()) == {JET_CLASSES.index(name)}
        assert ak.all(jets[f"label_{name}"])
    jets = open_parquet(shared_data / PARQUET).Jet
    assert "label" not in jets.fields
    assert ak.max(jets.jet_label) == 187


def test_no_flag_is_no_class(tmp_path):
    flags = {f"label_{name}": np.array([False, name == "Tbl"]) for name in JET_CLASSES}
    jet = {f"jet_{name}": np.array([100.0, 200.0], "float32") for name in ("pt", "eta", "phi", "energy")}
    path = tmp_path / "flags.root"
    with uproot.recreate(path) as file:
        file["tree"] = flags | jet
    jets = open_root(path).Jet
    assert jets.label.tolist() == [[-1], [9]]
    with pytest.raises(InputError, match="Jet has no constituents"):
        _ = jets.constituents


def test_selections_commute(opened):
    open_events, _, _ = opened

    def in_pairs(start, stop):
        jets = open_events().Jet  # two jets an event, so that there is something to sort and combine
        pairs = ak.unflatten(ak.flatten(jets), np.tile([3, 0, 1], len(jets) // 4))
        return pairs[slice(start, stop)]

    check_selections(lambda start, stop: open_events(start, stop).Jet)
    check_selections(in_pairs)


def test_runner(opened):
    _, _, path = opened
    if path.suffix == ".parquet":
        check_runner(open_parquet(path).Jet, path, "tree", "Jet", JetClassSchema, chunksize=37, format="parquet")
    else:
        jets = open_root(path).Jet
        check_runner(jets, path, "tree", "Jet", JetClassSchema, chunksize=len(jets) // 3 + 1)


def test_tracing_names_the_branches(opened):
    open_events, _, _ = opened
    events = open_events()
    for trace in (trace_with_typetracer, trace_with_length_zero_array):
        touched = trace(lambda events: events.Jet["constituents"]["pt"] * 2, events, throw=True)
        assert {"part_px", "part_py"} <= touched <= {"part_px", "part_py", "jet_pt"}
    everything = trace_with_typetracer(lambda events: fingerprint(events.Jet), events, throw=True)
    assert {"part_d0val", "part_dzerr", "part_energy", "part_charge"} <= everything
    assert "part_deta" not in everything
