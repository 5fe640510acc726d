"""How many sessions a run opens: one per process and graph, on every executor of coffea."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import awkward as ak
import cloudpickle
import pytest
from coffea.processor import DaskExecutor, FuturesExecutor, IterativeExecutor, ProcessorABC, Runner

import coffea_fm
from coffea_fm.inference import session_count, sessions
from coffea_fm.schemas.jetclass import JetClassSchema

N_JETS = 100
N_CHUNKS = 5


class Count(ProcessorABC):
    """Tag each chunk; say which processes had how many sessions at most."""

    def __init__(self, tagger: coffea_fm.Tagger) -> None:
        self.tagger = tagger

    def process(self, events: ak.Array) -> dict[str, Any]:
        scores = self.tagger(events.Jet)
        report = coffea_fm.report(scores)
        return {
            "counts": report.counts,
            "chunks": 1,
            "sessions": {(os.getpid(), session_count())},
            "sum": float(ak.sum(ak.nan_to_num(scores.Hbb))),
            "checksum": {report.checksum},
        }

    def postprocess(self, accumulator: Any) -> Any:
        return accumulator


@pytest.fixture(autouse=True)
def by_value() -> Iterator[None]:
    """This module is not importable on workers: its classes travel inside the pickle."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


@pytest.fixture
def run(bundle: Path, jetclass_file: Path) -> Callable[..., dict[str, Any]]:
    def run(executor: Any, ship: str = "path") -> dict[str, Any]:
        runner = Runner(executor, chunksize=N_JETS // N_CHUNKS, schema=JetClassSchema)
        fileset = {"jets": {"files": {str(jetclass_file): "tree"}}}
        result: dict[str, Any] = runner(fileset, Count(coffea_fm.load(bundle, ship=ship)))
        assert result["chunks"] == N_CHUNKS
        assert result["counts"] == {"jets": N_JETS, "without_constituents": 15, "not_finite": 0, "out_of_range": 0}
        return result

    return run


def test_iterative(run: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "_sessions", {})
    assert run(IterativeExecutor(status=False))["sessions"] == {(os.getpid(), 2)}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_futures(run: Callable[..., dict[str, Any]]) -> None:
    result = run(FuturesExecutor(status=False, workers=2))
    assert {count for _, count in result["sessions"]} == {2}
    assert len(result["sessions"]) <= 2
    assert os.getpid() not in {pid for pid, _ in result["sessions"]}
    assert result["sum"] == pytest.approx(run(IterativeExecutor(status=False))["sum"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_dask(run: Callable[..., dict[str, Any]]) -> None:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=2, processes=True, dashboard_address="127.0.0.1:0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        executor = DaskExecutor(client=client, status=False)
        by_path, by_bytes = run(executor), run(executor, "bytes")
    for result in (by_path, by_bytes):
        assert {count for _, count in result["sessions"]} == {2}
        assert len(result["sessions"]) <= 2
        assert os.getpid() not in {pid for pid, _ in result["sessions"]}
