"""A few generated events and simulated jets, made once."""

from __future__ import annotations

import awkward as ak
import pytest

pytest.importorskip("pythia8mc", reason="the simulation needs coffea-fm[simulate]")
pytest.importorskip("fastjet", reason="the simulation needs coffea-fm[simulate]")

from coffea_fm.simulation.events import Events
from coffea_fm.simulation.generator import generate
from coffea_fm.simulation.processes import PROCESSES
from coffea_fm.simulation.sample import simulate

PT_RANGE = (500.0, 1000.0)


@pytest.fixture(scope="session")
def top_events() -> Events:
    """Forty events with a pair of hadronic tops."""
    return next(generate(PROCESSES["Tbqq"], PT_RANGE, max_eta=2.0, seed=1, batch=40))


@pytest.fixture(scope="session")
def higgs_jets() -> ak.Array:
    """Some tens of jets of H -> bb."""
    return next(simulate("Hbb", PT_RANGE, seed=1, index=0, batch=40))


@pytest.fixture(scope="session")
def qcd_jets() -> ak.Array:
    """Some tens of QCD jets, often two in an event."""
    return next(simulate("QCD", PT_RANGE, seed=1, index=0, batch=40))
