from __future__ import annotations

import multiprocessing
import os
import sys
from types import SimpleNamespace

import pytest

from coffea_fm.errors import InputError
from coffea_fm.inference.providers import CPU, CUDA, choose_providers, owned_threads


def test_cuda_comes_first_where_it_is() -> None:
    assert choose_providers(None, ["TensorrtExecutionProvider", CUDA, CPU]) == (CUDA, CPU)
    assert choose_providers(None, ["AzureExecutionProvider", CPU]) == (CPU,)


def test_one_argument_chooses() -> None:
    assert choose_providers(["cpu"], [CUDA, CPU]) == (CPU,)
    assert choose_providers(["cuda", CPU], [CUDA, CPU]) == (CUDA, CPU)


@pytest.mark.parametrize("asked", [["cuda"], ["no"], []])
def test_what_is_not_there_is_refused(asked: list[str]) -> None:
    with pytest.raises(InputError, match="it has CPUExecutionProvider"):
        choose_providers(asked, [CPU])


def test_the_main_process_owns_its_cores_or_what_the_batch_system_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: None)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert owned_threads() == 4
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert owned_threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert owned_threads() == 4


def test_a_pool_process_owns_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    monkeypatch.setattr(multiprocessing, "parent_process", object)
    assert owned_threads() == 1


def test_a_dask_worker_owns_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = SimpleNamespace(state=SimpleNamespace(nthreads=2))
    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(get_worker=lambda: worker))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    monkeypatch.setattr(multiprocessing, "parent_process", object)
    assert owned_threads() == 2
    worker.state.nthreads = 16
    assert owned_threads() == 4
