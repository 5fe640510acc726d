"""Collect events, train, export, tag with the same processor: the commands and files of docs/how-to/fine-tune-events.md."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import torch
from coffea.nanoevents import NanoEventsFactory
from pages import BLOCK, call, commands

import coffea_fm
from coffea_fm.analysis.histogram_files import read_histograms
from coffea_fm.nn.batches import make_inputs
from coffea_fm.nn.checkpoint import load_checkpoint
from coffea_fm.schemas import PFNanoAODSchema
from coffea_fm.shards import ShardDataset
from coffea_fm.shipped import shipped
from coffea_fm.tokens import pack

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "fine-tune-events.md"
SHORTER = {
    "seen: 40_000, validate_every: 10_000": "seen: 400, validate_every: 400, precision: fp32, batch_tokens: 2000",
    "seen: 20_000": "seen: 600, validate_every: 300, precision: fp32",
}
FILES = sorted(shipped("samples", "hh4b").glob("X1000_*.root")) + sorted(
    shipped("samples", "hh4b").glob("QCDbb_*.root")
)


@pytest.fixture(scope="module")
def round_trip(cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, object]]]:
    """What each command of the page told, run in a fresh folder with trainings of a few hundred jets and events."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("page"))
        Path("samples").symlink_to(shipped("samples"))
        told = []
        for language, title, text in BLOCK.findall(PAGE.read_text()):
            if title:
                Path(title).write_text(reduce(lambda made, change: made.replace(*change), SHORTER.items(), text))
            elif language == "bash":
                there = text.replace("--cluster local --workers 2", f"--cluster {cluster}")
                told += [call(arguments) for arguments in commands(there)]
        yield told


def selected_jets() -> dict[Path, tuple[ak.Array, ak.Array]]:
    """Events and large jets of each file, selected as the page's processor does."""
    chosen = {}
    for file in FILES:
        events = NanoEventsFactory.from_root({str(file): "Events"}, schemaclass=PFNanoAODSchema).events()
        jets = events.FatJet
        chosen[file] = events, jets[(jets.pt > 250) & (abs(jets.eta) < 2.4)]
    return chosen


def test_what_a_processor_collects_it_tags_with(round_trip: list[dict[str, object]], cluster: str) -> None:
    assert [min(told) for told in round_trip] == ["chunks", "best", "chunks", "best", "bundle", "chunks"]
    events = selected_jets()
    data = ShardDataset("data/events")
    numbers = np.concatenate([chunk.event[ak.num(jets) >= 2] for chunk, jets in events.values()])
    np.testing.assert_array_equal(np.sort(data.scalars("event")["event"]), np.sort(numbers))

    before = sorted(Path("data/events").glob("*.parquet"))
    files = [str(file) for file in FILES]
    call(["collect", *files, "--processor", "dihiggs.py", "--output", "data/events", "--cluster", cluster])
    assert sorted(Path("data/events").glob("*.parquet")) == before

    model, _ = load_checkpoint("runs/events/best")
    pretrained, _ = load_checkpoint("runs/jets/best")
    moved = [
        not torch.equal(ours, theirs)
        for ours, theirs in zip(model.backbone.parameters(), pretrained.backbone.parameters(), strict=True)
    ]
    assert np.mean(moved) > 0.9

    tagger = coffea_fm.load("exports/events")
    expected = {"signal": np.zeros(20), "background": np.zeros(20)}
    for file, (chunk, jets) in events.items():
        packed, _ = pack(ak.zip({"FatJet": jets}, depth_limit=1), model.level)
        enough = np.flatnonzero(packed.members["FatJet"].counts >= model.level.members[0].minimum)
        with torch.no_grad():
            inputs = make_inputs(packed.take(enough), model.level, 4096)
            signal = torch.softmax(model(inputs), dim=1)[:, 1].numpy()
        scores = ak.to_numpy(tagger(chunk, FatJet=jets).signal)
        np.testing.assert_allclose(scores[enough], signal, atol=1e-5)
        assert np.isnan(np.delete(scores, enough)).all()
        left_out = ak.to_numpy(chunk.event[enough] % 3) == 0
        name = "signal" if file.name.startswith("X") else "background"
        expected[name] += np.histogram(signal[left_out], 20, (0, 1))[0]
    histogram = read_histograms(Path("tagged/histograms.zip"))["score"]
    for name, counts in expected.items():
        found = histogram[{"truth": name}].values()
        assert found.sum() == counts.sum() > 40
        assert np.abs(found - counts).sum() <= 4  # an event at the edge of a bin may fall on either side


def test_variations_of_the_page_run_the_backbone_once(
    round_trip: list[dict[str, object]],  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, jets = next(iter(selected_jets().values()))
    tagger = coffea_fm.load("exports/events")
    block = next(
        text for language, title, text in BLOCK.findall(PAGE.read_text()) if language == "python" and not title
    )
    runs = []
    whole = coffea_fm.Tagger.embed
    monkeypatch.setattr(coffea_fm.Tagger, "embed", lambda self, given: runs.append(len(given)) or whole(self, given))
    names = {"ak": ak, "tagger": tagger, "jets": jets}
    exec(block, names)  # noqa: S102
    shifted = names["shifted"]
    again = tagger(shifted, FatJet=shifted)
    assert ak.array_equal(names["scores"], again, equal_nan=True)
    assert runs == [len(jets)]
