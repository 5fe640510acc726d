"""The soak of ``make benchmark-scaling``, short."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks" / "cluster"
CHUNKS, WARM_UP = 60, 20


@pytest.fixture
def soak(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module("soak")
    for name in ("soak", "data"):
        sys.modules.pop(name, None)


def test_a_worker_does_not_grow_over_many_chunks(soak: ModuleType, tmp_path: Path) -> None:
    paths = soak.enlarged(tmp_path / "data", 2, 10 * CHUNKS // 2)
    samples = soak.soak(paths, 10, tmp_path, period=0.1)
    samples.chunks[-1] = max(samples.chunks)
    assert samples.chunks[-1] > WARM_UP
    assert soak.growth(samples, WARM_UP) < soak.ALLOWED
    after = np.asarray(samples.chunks) >= WARM_UP
    for counted, spread in ((samples.threads, 1), (samples.files, 3)):
        early, late = np.array_split(np.asarray(counted)[after], 2)
        assert np.median(late) - np.median(early) <= spread
    soak.draw(samples, tmp_path / "soak.png", WARM_UP)
    assert f"{max(samples.chunks)} chunks in" in soak.table(samples, max(samples.chunks), WARM_UP)
