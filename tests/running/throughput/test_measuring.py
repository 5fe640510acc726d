from __future__ import annotations

import time

import awkward as ak
import pytest
from coffea.processor import IterativeExecutor, ProcessorABC, Runner

import coffea_fm
from coffea_fm import retries
from coffea_fm.errors import InputError
from coffea_fm.running.failures import NetworkError
from coffea_fm.running.headers import File
from coffea_fm.running.tasks import Task, Told
from coffea_fm.running.throughput import measuring
from coffea_fm.running.throughput.measuring import Measured
from coffea_fm.schemas import PFNanoAODSchema
from coffea_fm.timing import stage


class CountOwn(ProcessorABC):
    """As a user writes it."""

    def process(self, events):
        with coffea_fm.throughput(events) as measured:
            jets = ak.count(events.FatJet.pt)
            time.sleep(0.05)
        return {"jets": int(jets), "throughput": measured}

    def postprocess(self, accumulator):
        return accumulator


def test_it_adds_up_in_a_runner_of_ones_own(nano):
    runner = Runner(executor=IterativeExecutor(status=False), schema=PFNanoAODSchema, chunksize=20)
    out = runner({"sample": {"files": {str(nano): "Events"}}}, CountOwn())
    measured = out["throughput"]
    assert (measured.total.events, measured.total.chunks) == (60, 3)
    assert measured.stages["filling"] >= 0.15
    assert 0 < measured.stages["reading"] < measured.total.seconds
    assert list(measured.files) == [str(nano)]
    assert list(measured.workers) == [measuring.worker_name()]


def test_reading_is_what_uproot_takes_also_in_a_tagger(nano, monkeypatch):
    """A column is read when it is first needed: here while a tagger runs."""
    from coffea.nanoevents.mapping import UprootSourceMapping

    read = UprootSourceMapping.extract_column

    def slow(*arguments, **keywords):
        time.sleep(0.1)
        return read(*arguments, **keywords)

    monkeypatch.setattr(UprootSourceMapping, "extract_column", slow)

    class TagSlowly(CountOwn):
        def process(self, events):
            with coffea_fm.throughput(events) as measured, stage("tagging"):
                ak.materialize(events.FatJet.pt)  # two columns: the counts and the values
            return {"throughput": measured}

    runner = Runner(executor=IterativeExecutor(status=False), schema=PFNanoAODSchema)
    stages = runner({"sample": {"files": {str(nano): "Events"}}}, TagSlowly())["throughput"].stages
    assert 0.2 <= stages["reading"] < 0.4
    assert stages["tagging"] < 0.1


def flaky(failures):
    left = [failures]

    def read(item):
        if left[0]:
            left[0] -= 1
            raise NetworkError("the server dropped the connection")
        return {"found": {item: 1}}

    return read


@pytest.fixture
def no_waits(monkeypatch):
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.0)


@pytest.mark.usefixtures("no_waits")
def test_retries_are_counted_and_reported():
    reports = []
    output = Measured(Told(flaky(2), skip_unreadable=False), reports.append)(Task(File("d", "a.root", "Events")))
    assert output == {"found": {File("d", "a.root", "Events"): 1}}
    assert [(chunk.state, chunk.retries, chunk.file) for chunk in reports] == [
        ("begun", 0, "a.root"),
        ("done", 2, "a.root"),
    ]


@pytest.mark.usefixtures("no_waits")
def test_what_fails_is_not_reported_as_done():
    reports = []
    with pytest.raises(InputError, match="dropped the connection"):
        Measured(Told(flaky(retries.ATTEMPTS), skip_unreadable=False), reports.append)(
            Task(File("d", "a.root", "Events"))
        )
    assert [chunk.state for chunk in reports] == ["begun"]
