"""What docs/how-to/bring-your-tagger.md shows for weights of weaver and for any module."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import pytest
from coffea.nanoevents import NanoEventsFactory
from pages import BLOCK, call, commands, run_python

import coffea_fm
from coffea_fm.export import cases
from coffea_fm.nn.checkpoint import load_checkpoint
from coffea_fm.schemas import PFNanoAODSchema
from coffea_fm.shipped import shipped
from coffea_fm.training import load_recipe

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "bring-your-tagger.md"
WEIGHTS = Path(__file__).parents[3] / "shared/models/weaver-particlenet-kin/ParticleNet_kin.pt"


def blocks(heading: str) -> list[tuple[str, str, str]]:
    """The blocks of a section: language, title, text."""
    (section,) = (part for part in PAGE.read_text().split("\n## ") if part.startswith(heading))
    return BLOCK.findall(section)


@pytest.fixture(autouse=True)
def _quick(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cases, "BATCHES", (2, 7))


@pytest.mark.filterwarnings("ignore::coffea_fm.errors.InputWarning")
def test_any_module():
    file = shipped("samples", "Hbb.root")
    events = NanoEventsFactory.from_root({str(file): "Events"}, schemaclass=PFNanoAODSchema, entry_stop=40).events()
    names = {"events": events, "coffea_fm": coffea_fm}
    ((_, _, text),) = blocks("Any")
    run_python(text, names)
    scores = names["scores"]
    assert ak.all(ak.num(scores) == ak.num(events.FatJet))
    assert ak.flatten(scores.QCD + scores.Hbb).to_numpy() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.skipif(not WEIGHTS.is_file(), reason="the published weights are not here")
def test_weights_of_weaver():
    Path(WEIGHTS.name).symlink_to(WEIGHTS)
    (_, _, command), (_, title, recipe) = blocks("Weights of weaver")
    (arguments,) = commands(command)
    assert call(arguments)["maximal_difference"] < 1e-4
    Path(title).write_text(recipe)
    loaded = load_recipe(title)
    _, checkpoint = load_checkpoint("particlenet-kin-checkpoint")
    network = loaded.network(checkpoint.network.classes)
    assert network.backbone == checkpoint.network.backbone
    assert network.head == checkpoint.network.head
    assert network.level == checkpoint.network.level
