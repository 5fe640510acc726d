from __future__ import annotations

import json
from pathlib import Path

import pytest
from coffea.processor import ProcessorABC
from made import make_bundle, make_nano

import coffea_fm
from coffea_fm.errors import InputError, RecipeError
from coffea_fm.limits import MemoryLimit
from coffea_fm.running import chunksize
from coffea_fm.running.chunks import AUTO, parse_chunksize
from coffea_fm.running.chunksize import ROUNDS, choose, chunk_size
from coffea_fm.running.executors import make_executor
from coffea_fm.running.headers import File, Header
from coffea_fm.running.memory import need_of
from coffea_fm.running.models import Model, models_of, tagged_collections
from coffea_fm.running.workers import Workers, workers_of
from coffea_fm.schemas import PFNanoAODSchema

GIB = 2**30
SMALL = Model("a", 600_000, 0.6e-3)


def header(entries: int, branches: int = 1500, name: str = "a.root", per_event: int = 10_000) -> Header:
    return Header(File("a", name, "Events"), entries, b"", branches=branches, size=entries * per_event)


def workers(number: int = 1, gib: float = 1000.0, threads: int = 1) -> Workers:
    return Workers(number, threads, MemoryLimit(int(gib * GIB), "a test"))


def chosen(headers, models=(SMALL,), found=None, per_event=3000.0) -> int:
    found = found or workers()
    return choose(headers, models, found, need_of(models, per_event, found.threads)).events


def test_opening_costs_little_of_the_time() -> None:
    size = chosen([header(10**6)])
    cost = chunksize.CHUNK_SECONDS + 1500 * chunksize.BRANCH_SECONDS
    assert cost / (cost + size * (chunksize.EVENT_SECONDS + SMALL.seconds)) == pytest.approx(0.05, rel=0.1)


def test_slow_models_get_fewer_events_and_files_with_few_branches_too() -> None:
    slow = Model("b", 10_000_000, 10e-3)
    assert chosen([header(10**6)], [slow]) < chosen([header(10**6)]) < chosen([header(10**6)], [])
    assert chosen([header(10**6, branches=50)]) < chosen([header(10**6)])
    assert chosen([header(10**9)], []) <= chunksize.LARGEST


def test_every_worker_gets_several_chunks() -> None:
    headers = [header(30_000, 50, name) for name in "abcd"]
    assert chosen(headers, found=workers(1)) > 4000
    size = chosen(headers, found=workers(16))
    assert 4 * 30_000 / size >= ROUNDS * 16
    assert chosen(headers, found=workers(10_000)) > 500, "not so small that opening takes most of the time"


def test_what_fits() -> None:
    need = need_of([SMALL], 100_000.0, 1)
    size = chosen([header(10**6)], found=workers(gib=1.0), per_event=100_000.0)
    assert need.of(size) <= need.comfortable(GIB) < need.of(round(size * 1.2))
    assert chosen([header(10**6)], found=workers(gib=1.0, threads=4), per_event=100_000.0) < size / 2


@pytest.mark.parametrize("size", [1, 10, 16_384, 20_000, 500_000])
def test_most_events_is_the_inverse_of_the_need(size: int) -> None:
    need = need_of([SMALL], 3000.0, 2)
    assert need.most_events(need.of(size)) == pytest.approx(size, abs=1)


@pytest.mark.parametrize(("given", "size"), [(5, 5), ("5", 5), ("auto", "auto")])
def test_parse(given: int | str, size: int | str) -> None:
    assert parse_chunksize(given) == size


@pytest.mark.parametrize("given", [0, -1, "0", "many", "1e4", "", "5.0"])
def test_what_is_no_size(given: int | str) -> None:
    with pytest.raises(RecipeError, match=f"chunksize={given}: must be at least 1 event, or auto"):
        coffea_fm.run("tag_jets", "a.root", chunksize=given)


class Holds(ProcessorABC):
    """A processor with taggers in several places."""

    def __init__(self, bundle: Path) -> None:
        tagger = coffea_fm.load(bundle)
        self.taggers = {"FatJet": [tagger]}
        self.inside = {"deeper": (tagger, [coffea_fm.load("jet-classifier-small")])}
        self.itself = self

    def process(self, events):
        return {"events": len(events)}

    def postprocess(self, accumulator):
        return accumulator


@pytest.fixture
def holds(tmp_path: Path) -> Holds:
    return Holds(make_bundle(tmp_path / "counting"))


def test_models_are_found_once_wherever_they_are(holds: Holds) -> None:
    models = models_of(holds, None)
    assert len(models) == 2
    small = max(models, key=lambda model: model.size)
    assert small.size > 600_000
    assert 0.2e-3 < small.seconds < 2e-3
    assert list(tagged_collections(holds)) == ["FatJet"]
    assert tagged_collections(None) == {}


def test_a_run_says_what_it_chose(holds: Holds, tmp_path: Path) -> None:
    make_nano(tmp_path / "a.root", 50)
    result = coffea_fm.run(holds, tmp_path / "a.root", tmp_path / "out", plots=False, quiet=True, chunksize="auto")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["chunksize"]["events"] > 50
    assert "chunks of about" in str(result)
    given = coffea_fm.run(holds, tmp_path / "a.root", plots=False, quiet=True, chunksize=20)
    assert given.summary()["chunksize"] == {"events": 20, "because": "as given"}
    assert given.chunks == 2
    assert given.output == result.output


def test_a_resumed_run_has_the_same_chunks_with_other_workers(
    holds: Holds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [header(100_000, 50)]
    executor = make_executor()

    def size(folder: Path | None, found: Workers) -> int:
        monkeypatch.setattr(chunksize, "workers_of", lambda _: found)
        return chunk_size(AUTO, holds, PFNanoAODSchema, given, executor, folder=folder).events

    first = size(tmp_path / "kept", workers(16))
    assert size(tmp_path / "kept", workers(1)) == first
    assert size(tmp_path / "other", workers(1)) > first
    assert size(None, workers(16)) == first, "the same from the same"
    (kept,) = (tmp_path / "kept").iterdir()
    kept.write_text("{")
    with pytest.raises(InputError, match="is damaged, and holds the chunk size"):
        size(tmp_path / "kept", workers(1))


def test_chunks_that_do_not_fit_are_refused_before_the_run(
    holds: Holds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_nano(tmp_path / "a.root", 3000)
    fixed = need_of(models_of(holds), 0.0, 1).fixed
    monkeypatch.setattr(chunksize, "workers_of", lambda _: workers(gib=(fixed + 2_000_000) / GIB))
    with pytest.raises(InputError, match=r"chunks of 3,000 events need about .* use --chunksize \d+") as caught:
        coffea_fm.run(holds, tmp_path / "a.root", chunksize=100_000, quiet=True)
    fits = int(str(caught.value).partition("--chunksize ")[2].split()[0].rstrip(","))
    assert 100 < fits < 3000
    assert coffea_fm.run(holds, tmp_path / "a.root", chunksize=fits, quiet=True).output["events"] == 3000
    auto = coffea_fm.run(holds, tmp_path / "a.root", chunksize="auto", quiet=True)
    assert auto.chunksize is not None
    assert auto.chunksize.events <= fits
    assert "a worker has 0.36 GiB (a test)" in str(auto)
    monkeypatch.setattr(chunksize, "workers_of", lambda _: workers(gib=0.2, threads=2))
    with pytest.raises(InputError, match="for the libraries and models alone, and may use"):
        coffea_fm.run(holds, tmp_path / "a.root", chunksize=10, quiet=True)


def test_workers_of_processes() -> None:
    alone, several = workers_of(make_executor()), workers_of(make_executor(workers=3))
    assert (alone.number, alone.slots) == (1, 1)
    assert several.slots == 3
    assert several.limit.size <= alone.limit.size
