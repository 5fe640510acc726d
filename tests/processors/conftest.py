from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from coffea.nanoevents import NanoEventsFactory

from coffea_fm.analysis.fileset import simulated_fileset
from coffea_fm.analysis.fileset_settings import read_fileset_settings
from coffea_fm.running.processors import load_processor
from coffea_fm.schemas import PFNanoAODSchema
from coffea_fm.shipped import shipped

sys.path.insert(0, str(Path(__file__).parents[2] / "processors"))  # for the modules of hh4b

Open = Callable[..., Any]


@pytest.fixture(scope="session")
def jets_bundle() -> str:
    return str(shipped("exports", "jet-classifier-small"))


@pytest.fixture(scope="session")
def hh4b_fileset() -> dict[str, Any]:
    settings = read_fileset_settings(shipped("processors", "hh4b/fileset.yaml"))
    return simulated_fileset(shipped("samples", "hh4b"), settings, signal_cross_section=0.01)


@pytest.fixture
def open_events(hh4b_fileset: dict[str, Any]) -> Open:
    """One file of a process of the shipped sample, as a processor gets it."""

    def opened(process: str, **metadata: object) -> Any:
        dataset = hh4b_fileset[process]
        file = next(iter(dataset["files"]))
        place = {"dataset": process, "filename": file, "entrystart": 0, "entrystop": 100}
        everything = {**dataset["metadata"], **place, **metadata}
        return NanoEventsFactory.from_root({file: "Events"}, schemaclass=PFNanoAODSchema, metadata=everything).events()

    return opened


@pytest.fixture
def hh4b(jets_bundle: str) -> Callable[..., Any]:
    return lambda **options: load_processor("hh4b", {"jets": jets_bundle, **options})
