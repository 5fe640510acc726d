"""A few hundred of the inputs of ``make fuzz``, in a process of their own with bounded memory."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[2] / "benchmarks" / "fuzz"


def test_changed_files_load_or_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """In full, with its table: benchmarks/fuzz/results.md. Other numbers than there, so that this is no repetition."""
    monkeypatch.syspath_prepend(str(FUZZ))
    for name in ("worker", "kinds", "mutations"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import fuzz

    outcomes = fuzz.run(300, first=1_000_000)
    assert len(outcomes) >= 290
    assert [outcome for outcome in outcomes if outcome.what not in fuzz.GOOD] == []
    assert {outcome.what for outcome in outcomes} == set(fuzz.GOOD)
