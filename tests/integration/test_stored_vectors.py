"""Heads on vectors that are stored: those of friends (docs/how-to/stored-vectors.md), and scores of GloParT in NanoAOD."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from coffea.nanoevents import NanoAODSchema, NanoEventsFactory
from pages import run_page

import coffea_fm
from coffea_fm.analysis.histogram_files import read_histograms
from coffea_fm.errors import InputError, RecipeError
from coffea_fm.nn.batches import make_inputs
from coffea_fm.nn.checkpoint import load_checkpoint
from coffea_fm.shards import ShardDataset
from coffea_fm.shipped import shipped
from coffea_fm.training.recipe.recipe import Recipe

SCORES = ["globalParT3_QCD", "globalParT3_TopbWqq", "globalParT3_TopbWq", "globalParT3_Xbb", "globalParT3_XWW4q"]
BRANCHES = {f"FatJet_{name}" for name in SCORES}


def test_a_head_on_the_embeddings_of_friends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "samples").symlink_to(shipped("samples"))
    monkeypatch.chdir(tmp_path)
    told = run_page("stored-vectors.md")
    score = read_histograms("scored/histograms.zip")["score"]
    values, edges = score[{"is_top": 1}].values(), score.axes["score"].edges
    assert values.sum() > 300
    assert values[edges[:-1] > 0.49].sum() > 0.8 * values.sum()
    assert {"FatJet_pt", "FatJet_label"} & set(told[-1]["columns"]) == {"FatJet_label"}
    assert not [name for name in told[-1]["columns"] if "PFCand" in name]
    with pytest.raises(InputError, match=r"reads jets\.jet_classifier_small_embedding, but it is missing"):
        coffea_fm.load("exports/stored")(ak.Array([[{"pt": 1.0}]]))
    short = ak.Array([[{"jet_classifier_small_embedding": [1.0] * 63}]])
    with pytest.raises(InputError, match="must be a vector of 64 numbers, and one has 63"):
        coffea_fm.load("exports/stored")(short)


@pytest.fixture
def events(shared_data: Path) -> ak.Array:
    file = shared_data / "real" / "nano_tt_v15.root"
    about = {"dataset": "tt", "filename": str(file), "entrystart": 0, "entrystop": 200}
    return NanoEventsFactory.from_root({str(file): "Events"}, schemaclass=NanoAODSchema, metadata=about).events()


def train(folder: Path, **sections: Any) -> coffea_fm.Tagger:
    content = {
        "name": "stored",
        "inputs": {"stored": SCORES},
        "backbone": {"kind": "stored"},
        "method": {"kind": "supervised"},
        "training": {"seen": 2000, "lr": 5e-3, "precision": "fp32", "validate_every": 1000},
        "data": {"train": str(folder / "shards"), "validation": str(folder / "shards")},
    }
    for name, values in sections.items():
        content[name] = {**content.get(name, {}), **values}
    best = coffea_fm.pretrain(Recipe.model_validate(content), folder / "runs", show_progress=False).best
    coffea_fm.export(best, folder / "bundle")
    return coffea_fm.load(folder / "bundle")


def in_torch(folder: Path) -> np.ndarray:
    """Scores of the examples by the checkpoint."""
    model, _ = load_checkpoint(folder / "runs" / "stored" / "best")
    dataset = ShardDataset(folder / "shards", model.level)
    packed, _ = dataset.read(dataset.row_groups)
    return np.asarray(model(make_inputs(packed, model.level, 4096)).softmax(dim=1).detach())


def test_a_jet_head_on_stored_scores(events: ak.Array, tmp_path: Path) -> None:
    jets = events.FatJet
    collect = coffea_fm.collector(tmp_path / "shards", ("other", "b"), stored=SCORES)
    target = ak.values_astype(jets.hadronFlavour == 5, np.int64)
    assert collect(jets, target, events=events)["written"] == 64
    tagger = train(tmp_path, training={"batch_tokens": 16}, head={"hidden": [16]})
    scores = tagger(jets)
    np.testing.assert_allclose(ak.to_numpy(ak.flatten(scores.b)), in_torch(tmp_path)[:, 1], atol=1e-5)
    b, others = (ak.to_numpy(ak.flatten(scores.b[target == label])) for label in (1, 0))
    assert np.mean(b[:, np.newaxis] > others) > 0.8  # the area under the curve, on the jets it was trained on
    assert tagger.columns(jets) == BRANCHES | {"nFatJet"}
    selected = jets[jets.pt > 300]
    assert ak.array_equal(tagger(selected), scores[jets.pt > 300])


def test_an_event_head_on_stored_scores(events: ak.Array, tmp_path: Path) -> None:
    jets = events.FatJet
    fields = ["pt", "eta", "phi", "mass"]
    collect = coffea_fm.event_collector(tmp_path / "shards", stored=SCORES, features=fields)
    target = ak.where(ak.num(jets) == 0, -1, ak.values_astype(ak.any(jets.hadronFlavour == 5, axis=1), np.int64))
    n_events = int(ak.sum(ak.num(jets) > 0))
    assert collect(jets, target, events=events)["written"] == n_events
    head = {"kind": "deep-sets", "hidden": [16], "event_hidden": [], "fields": fields}
    tagger = train(tmp_path, event={"collection": "FatJet"}, head=head, training={"batch_size": 16})
    scores = tagger(events, FatJet=jets)
    assert coffea_fm.report(scores).counts["without_FatJet"] == len(events) - n_events
    found = ak.to_numpy(scores.signal)
    np.testing.assert_allclose(found[np.isfinite(found)], in_torch(tmp_path)[:, 1], atol=1e-5)
    assert tagger.columns(jets) == BRANCHES | {"nFatJet", *(f"FatJet_{name}" for name in fields)}
    shifted = ak.with_field(jets, jets.pt * 1.1, "pt")
    varied = tagger.variations(events, {"up": shifted}, FatJet=jets)
    assert ak.array_equal(varied["up"], tagger(events, FatJet=shifted), equal_nan=True)
    assert not ak.array_equal(varied["up"], scores, equal_nan=True)


@pytest.mark.parametrize(
    ("inputs", "backbone", "message"),
    [
        ({"stored": ["x"], "fields": ["pt"]}, "stored", "fields: stored columns are read alone"),
        ({"stored": ["x", "x"]}, "stored", "'x' cannot be a stored column"),
        ({"stored": ["pt"]}, "stored", "'pt' cannot be a stored column"),
        ({"stored": ["x[0]"]}, "stored", "vectors with their length"),
    ],
)
def test_recipes_that_cannot_be(inputs: dict[str, Any], backbone: str, message: str) -> None:
    content = {
        "name": "stored",
        "inputs": inputs,
        "backbone": {"kind": backbone},
        "method": {"kind": "supervised"},
        "training": {"seen": 1},
        "data": {"train": "nowhere", "validation": "nowhere"},
    }
    with pytest.raises((RecipeError, ValueError), match=message):
        Recipe.model_validate(content)


def test_backbones_do_not_take_what_they_cannot_read() -> None:
    about = {"name": "stored", "method": {"kind": "supervised"}, "training": {"seen": 1}}
    data = {"data": {"train": "nowhere", "validation": "nowhere"}}
    for inputs, kind, message in (
        ({"stored": ["x"]}, "set-transformer", "has no members"),
        ({"fields": ["pt", "eta", "phi", "mass"]}, "stored", "name them as inputs.stored"),
    ):
        recipe = Recipe.model_validate(about | data | {"inputs": inputs, "backbone": {"kind": kind}})
        with pytest.raises(RecipeError, match=message):
            recipe.network(("a", "b")).build()
