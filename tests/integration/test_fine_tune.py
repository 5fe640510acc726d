"""The round trip of docs/how-to/fine-tune.md, its own commands and files, on a dask cluster of separate processes."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import torch
from coffea.nanoevents import NanoEventsFactory
from pages import BLOCK, call, commands

import coffea_fm
from coffea_fm.analysis.histogram_files import read_histograms
from coffea_fm.nn.checkpoint import load_checkpoint
from coffea_fm.nn.inputs import Inputs
from coffea_fm.schemas import PFNanoAODSchema
from coffea_fm.shards import ShardDataset
from coffea_fm.shipped import shipped
from coffea_fm.tokens import pack
from coffea_fm.tokens.padding import pad

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "fine-tune.md"
LONG = "seen: 20_000, validate_every: 5_000"
SHORT = "seen: 400, validate_every: 400, precision: fp32, batch_tokens: 2000"


@pytest.fixture
def round_trip(cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """What each command of the page told, run in a fresh folder with trainings of a few hundred jets."""
    monkeypatch.chdir(tmp_path)
    Path("samples").symlink_to(shipped("samples"))
    told = []
    for language, title, text in BLOCK.findall(PAGE.read_text()):
        if title:
            Path(title).write_text(text.replace(LONG, SHORT))
        elif language == "bash":
            there = text.replace("--cluster local --workers 2", f"--cluster {cluster}")
            told += [call(arguments) for arguments in commands(there)]
    return told


def test_what_a_processor_collects_it_tags_with(round_trip: list[dict[str, object]], cluster: str) -> None:
    assert [min(told) for told in round_trip] == ["chunks", "best", "chunks", "best", "bundle", "chunks"]
    files = ["samples/QCD.root", "samples/Tbqq.root"]
    chunks = [NanoEventsFactory.from_root({file: "Events"}, schemaclass=PFNanoAODSchema).events() for file in files]
    jets = [chunk.FatJet[(chunk.FatJet.pt > 550) & (abs(chunk.FatJet.eta) < 2)] for chunk in chunks]
    for part, is_fifth in (("train", False), ("validation", True)):
        data = ShardDataset(Path("data/mine") / part)
        assert data.classes == ("QCD", "top")
        of_part = [selected[(chunk.event % 5 == 0) == is_fifth] for selected, chunk in zip(jets, chunks, strict=True)]
        expected = np.concatenate([ak.to_numpy(ak.flatten(selected.pt)) for selected in of_part])
        np.testing.assert_array_equal(np.sort(data.scalars("pt_raw")["pt_raw"]), np.sort(expected))

    before = sorted(Path("data/mine").rglob("*.parquet"))
    call(["collect", *files, "--processor", "analysis.py", "--output", "data/mine", "--cluster", cluster])
    assert sorted(Path("data/mine").rglob("*.parquet")) == before

    model, checkpoint = load_checkpoint("runs/mine/best")
    pretrained, _ = load_checkpoint("runs/pretrained/best")
    moved = [
        not torch.equal(ours, theirs)
        for ours, theirs in zip(model.backbone.parameters(), pretrained.backbone.parameters(), strict=True)
    ]
    assert np.mean(moved) > 0.9
    histogram = read_histograms(Path("tagged/histograms.zip"))["score"]
    for truth, selected in zip(("QCD", "top"), jets, strict=True):
        packed, _ = pack(selected, model.level)
        with torch.no_grad():
            logits = model(Inputs.from_arrays(pad(packed, model.level), model.level))
        counts, _ = np.histogram(torch.softmax(logits, dim=1)[:, 1].numpy(), 20, (0, 1))
        found = histogram[{"truth": truth}].values()
        assert found.sum() == counts.sum() > 500
        assert np.abs(found - counts).sum() <= 4  # a jet at the edge of a bin may fall on either side
    assert coffea_fm.load("exports/mine").classes == checkpoint.network.classes == ("QCD", "top")
