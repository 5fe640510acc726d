"""The same line in every mode of coffea."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from coffea.nanoevents import NanoEventsFactory
from coffea.nanoevents.trace import trace, trace_with_length_one_array, trace_with_length_zero_array

import coffea_fm
from coffea_fm.errors import InputError
from coffea_fm.inference import sessions
from coffea_fm.schemas.jetclass import JetClassSchema

NEEDED = {
    "jet_pt",
    "jet_eta",
    "jet_energy",
    "part_px",
    "part_py",
    "part_pz",
    "part_charge",
    "part_d0val",
    "part_d0err",
}


def open_events(path: Path, mode: str = "virtual", **options: Any) -> ak.Array:
    return NanoEventsFactory.from_root({str(path): "tree"}, schemaclass=JetClassSchema, mode=mode, **options).events()


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening a session is an error."""

    def fail(*_: object) -> None:
        raise AssertionError("the model was opened")

    monkeypatch.setattr(sessions, "_create", fail)
    monkeypatch.setattr(sessions, "_sessions", {})


def test_virtual_and_eager_give_the_same_and_the_right_numbers(
    bundle: Path, jetclass_file: Path, reference: Callable[[ak.Array], np.ndarray]
) -> None:
    tagger = coffea_fm.load(bundle)
    virtual = tagger(open_events(jetclass_file).Jet)
    eager = tagger(open_events(jetclass_file, "eager").Jet)
    assert ak.array_equal(virtual, eager, equal_nan=True)
    expected = reference(ak.flatten(open_events(jetclass_file, "eager").Jet))
    found = np.stack([ak.to_numpy(ak.flatten(virtual[name])) for name in virtual.fields], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.isnan(found).any(axis=1).sum() == 15


def test_virtual_mode_reads_the_needed_branches_only(bundle: Path, jetclass_file: Path) -> None:
    read: list[str] = []
    events = open_events(jetclass_file, access_log=read)
    coffea_fm.load(bundle)(events.Jet)
    assert {getattr(access, "branch", access) for access in read} == NEEDED


@pytest.mark.parametrize("outputs", ["scores", "embedding", ("scores", "embedding")])
def test_the_type_is_the_same_in_all_modes(bundle: Path, jetclass_file: Path, outputs: Any) -> None:
    tagger = coffea_fm.load(bundle)
    jets = open_events(jetclass_file).Jet
    selected = jets[jets.pt > 700]
    for kind in (jets, selected, ak.firsts(selected), ak.pad_none(selected, 2)):
        real = tagger(kind, outputs)
        traced = tagger(ak.to_backend(kind, "typetracer"), outputs)
        assert ak.backend(traced) == "typetracer"
        assert traced.layout.form.type == real.layout.form.type
        assert tagger(kind[:0], outputs).layout.form.type == real.layout.form.type
        assert coffea_fm.report(traced).checksum == tagger.checksum


@pytest.mark.usefixtures("no_model")
def test_tracing_reports_the_needed_branches_and_never_runs_the_model(bundle: Path, jetclass_file: Path) -> None:
    tagger = coffea_fm.load(bundle)
    events = open_events(jetclass_file)
    assert trace(lambda events: tagger(events.Jet), events) == NEEDED
    assert trace_with_length_zero_array(lambda events: tagger(events.Jet), events, throw=True) == NEEDED
    assert tagger.columns(events.Jet) == NEEDED


def test_a_length_one_trace_runs_and_reports_the_same(bundle: Path, jetclass_file: Path) -> None:
    tagger = coffea_fm.load(bundle)
    events = open_events(jetclass_file)
    assert trace_with_length_one_array(lambda events: tagger(events.Jet), events, throw=True) == NEEDED


def test_a_trace_goes_on_with_what_follows(bundle: Path, jetclass_file: Path) -> None:
    tagger = coffea_fm.load(bundle)

    def analysis(events: ak.Array) -> ak.Array:
        jets = events.Jet[events.Jet["phi"] > 0]
        scores = tagger(jets)
        return ak.flatten(scores.Hbb / (scores.Hbb + scores.QCD))

    assert trace(analysis, open_events(jetclass_file)) == NEEDED | {"jet_phi"}


def test_columns_of_selected_and_of_plain_jets(bundle: Path, jetclass_file: Path, jets: ak.Array) -> None:
    tagger = coffea_fm.load(bundle)
    events = open_events(jetclass_file)
    assert tagger.columns(events.Jet[events.Jet.pt > 700]) == NEEDED
    assert tagger.columns(jets) == {
        "pt",
        "mass",
        "constituents.pt",
        "constituents.eta",
        "constituents.charge",
        "constituents.d0",
    }
    with pytest.raises(InputError, match="mass"):
        tagger.columns(ak.without_field(jets, "mass"))


def test_chunks_together_are_the_whole(bundle: Path, jetclass_file: Path) -> None:
    tagger = coffea_fm.load(bundle)
    whole = tagger(open_events(jetclass_file).Jet)
    parts = [
        tagger(open_events(jetclass_file, entry_start=start, entry_stop=start + 25).Jet) for start in (0, 25, 50, 75)
    ]
    assert ak.array_equal(ak.concatenate(parts), whole, equal_nan=True)
