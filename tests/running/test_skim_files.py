"""The command that skims: what it selects reads back, with its constituents, and is run again without duplicates."""

from __future__ import annotations

import json

import awkward as ak
import pytest
from coffea.nanoevents import NanoEventsFactory
from made import make_nano
from pages import run_page
from typer.testing import CliRunner

import coffea_fm
from coffea_fm.cli import main
from coffea_fm.errors import InputError, RecipeError
from coffea_fm.schemas import PFNanoAODSchema

SELECTION = """
from coffea.processor import ProcessorABC
class Central(ProcessorABC):
    def __init__(self, max_eta=2.0, mask=False): self.max_eta, self.mask = max_eta, mask
    def select(self, events):
        if self.mask:
            return events.event % 2 == 0
        events["FatJet"] = events.FatJet[abs(events.FatJet.eta) < self.max_eta]
        return events[events.event % 2 == 0]
    def process(self, events): return {}
    def postprocess(self, accumulator): ...
"""


def events_of(path) -> ak.Array:
    return NanoEventsFactory.from_root({str(path): "Events"}, schemaclass=PFNanoAODSchema).events()


def read(result) -> tuple[list[int], list[list[float]], list[list[list[float]]]]:
    """Event numbers, jets and momenta of constituents of all files."""
    parts = [events_of(path) for path in result.written["skims"]]
    chosen = ak.concatenate(
        [
            ak.zip({"n": part.event, "pt": part.FatJet.pt, "c": part.FatJet.constituents.pt}, depth_limit=1)
            for part in parts
        ]
    )
    chosen = chosen[ak.argsort(chosen.n)]
    return chosen.n.to_list(), chosen.pt.to_list(), chosen.c.to_list()


def test_thresholds_and_a_selection_keep_the_constituents_of_what_is_left(nano, tmp_path):
    (tmp_path / "central.py").write_text(SELECTION)
    given = {"min_pt": {"FatJet": 300}, "min_n": {"FatJet": 1}, "selection": tmp_path / "central.py", "chunksize": 25}
    result = coffea_fm.skim(nano, tmp_path / "out", quiet=True, **given)
    events = events_of(nano)
    jets = events.FatJet[(events.FatJet.pt > 300) & (abs(events.FatJet.eta) < 2)]
    chosen = (events.event % 2 == 0) & (ak.num(jets) > 0)
    expected = [array[chosen].to_list() for array in (events.event, jets.pt, jets.constituents.pt)]
    assert list(read(result)) == expected
    assert result.output["cutflow"]["nano"] == {"events": 60, "selected": len(expected[0])}
    again = coffea_fm.skim(nano, tmp_path / "out", quiet=True, **given)
    assert again.written["skims"] == result.written["skims"]
    other = coffea_fm.skim(nano, tmp_path / "out", quiet=True, **{**given, "chunksize": 60})
    assert list(read(other)) == expected
    assert f"{len(result.written['skims'])} files of other runs" in other.notes[-1]
    masked = coffea_fm.skim(
        nano, tmp_path / "mask", selection=tmp_path / "central.py", options={"mask": True}, quiet=True
    )
    assert read(masked)[0] == list(range(0, 60, 2))


def test_the_commands_of_the_page(tmp_path, monkeypatch):
    make_nano(tmp_path / "data.root", 60)
    monkeypatch.chdir(tmp_path)
    assert len(run_page("skim.md")) > 2
    content = json.loads((tmp_path / "skimmed" / "skim.json").read_text())
    account = json.loads((tmp_path / "skimmed" / "summary.json").read_text())
    assert account["written"]["skims"] == list(content["data"]["files"])
    counts = json.loads((tmp_path / "skimmed" / "cutflow.json").read_text())["cutflow"]["data"]
    assert content["data"]["metadata"] == {"events": counts["selected"]}
    assert 0 < counts["selected"] < counts["events"] == 60


def test_what_cannot_be_skimmed_is_one_sentence(processor, nano, tmp_path):
    with pytest.raises(InputError, match="there is no collection 'FatJett': did you mean 'FatJet'"):
        coffea_fm.skim(nano, tmp_path / "out", min_pt={"FatJett": 300}, quiet=True)
    with pytest.raises(RecipeError, match="skims are of NanoAOD and PFNano, and the schema is DelphesSchema"):
        coffea_fm.skim(nano, tmp_path / "out", schema="DelphesSchema")
    with pytest.raises(RecipeError, match=r"CountJets has no method select\(events\)"):
        coffea_fm.skim(nano, tmp_path / "out", selection=processor)
    command = ["skim", str(nano), "-o", str(tmp_path / "out"), "--min-n", "FatJet=many"]
    assert "the threshold of FatJet must be a number, not 'many'" in CliRunner().invoke(main, command).stderr
