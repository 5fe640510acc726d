from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from coffea.nanoevents import NanoEventsFactory

from coffea_fm.classes import JET_CLASSES
from coffea_fm.errors import RecipeError
from coffea_fm.running.processors import load_processor
from coffea_fm.schemas import PFNanoAODSchema
from coffea_fm.shards import ShardDataset
from coffea_fm.shipped import shipped


def collect_jets(**options: object) -> Any:
    return load_processor("collect_jets", options)


def test_every_labelled_jet_is_written_with_its_class(tmp_path: Path) -> None:
    events = NanoEventsFactory.from_root(
        {str(shipped("samples", "Hbb.root")): "Events"},
        schemaclass=PFNanoAODSchema,
        metadata={"dataset": "Hbb", "filename": "Hbb.root", "entrystart": 0, "entrystop": 10},
        entry_stop=10,
    ).events()
    counts = collect_jets(folder=str(tmp_path)).process(events)["cutflow"]["Hbb"]
    data = ShardDataset(tmp_path)
    assert data.classes == JET_CLASSES
    assert data.n_sets == counts["written"] > 5
    assert set(data.scalars("target")["target"]) == {JET_CLASSES.index("Hbb")}


def test_an_unknown_label_needs_its_classes(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"in 'flavour' is unknown: name the classes"):
        collect_jets(folder=str(tmp_path), label="flavour")
    assert collect_jets(folder=str(tmp_path), label="fineLabel").label == "fineLabel"
    assert collect_jets(folder=str(tmp_path), label="flavour", classes=("light", "b")).label == "flavour"
