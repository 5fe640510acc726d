from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import awkward as ak
import pytest

import coffea_fm
from coffea_fm.errors import BundleError, InputError
from coffea_fm.inference import session_count, sessions


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has no session yet."""
    monkeypatch.setattr(sessions, "_sessions", {})


def test_copies_and_threads_share_one_session_a_graph(bundle: Path, random_jets: Callable[..., ak.Array]) -> None:
    tagger = coffea_fm.load(bundle, threads=2)
    assert session_count() == 0
    pickled = pickle.dumps(tagger)

    def chunk(seed: int) -> int:
        return len(pickle.loads(pickled)(random_jets(5, seed)))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(chunk, range(12))) == [5] * 12
    assert session_count() == 2


def test_only_the_graphs_that_are_needed_are_opened(bundle: Path, jets: ak.Array) -> None:
    coffea_fm.load(bundle).embed(jets)
    assert session_count() == 1


def test_nothing_is_opened_where_there_is_nothing_to_score(bundle: Path, jets: ak.Array) -> None:
    coffea_fm.load(bundle)(jets[:0])
    assert session_count() == 0


def test_the_same_content_at_another_place_is_the_same_session(bundle: Path, jets: ak.Array) -> None:
    tagger = coffea_fm.load(bundle)
    tagger(jets)
    bundle.rename(bundle.parent / "moved")
    coffea_fm.load(bundle.parent / "moved")(jets)
    assert session_count() == 2


def test_other_options_are_another_session(bundle: Path, jets: ak.Array) -> None:
    coffea_fm.load(bundle)(jets)
    coffea_fm.load(bundle, providers=["cpu"])(jets)
    assert session_count() == 2
    with pytest.raises(InputError, match="no provider CUDA"):
        coffea_fm.load(bundle, providers=["cuda"])(jets)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_opens_its_own(bundle: Path, jets: ak.Array) -> None:
    tagger = coffea_fm.load(bundle, threads=2)
    expected = ak.to_list(ak.nan_to_num(tagger(jets), -1.0))
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        same = ak.to_list(ak.nan_to_num(tagger(jets), -1.0)) == expected
        os.write(write, f"{session_count()} {same}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100) == b"2 True"


def test_a_graph_that_is_no_graph_is_a_clear_error() -> None:
    with pytest.raises(BundleError, match="cannot open a graph of the bundle"):
        sessions.session("0" * 64, b"no graph")
