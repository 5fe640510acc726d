"""Fixtures that every test may use."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import coffea.util  # noqa: F401 - its console keeps the stderr of its first import, which a command's test would close
import pytest

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real files of many experiments' formats; skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the shared sample files are not at {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(scope="session", autouse=True)
def own_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A key of the tests to sign checkpoints with, and not that of the account."""
    before = os.environ.get("COFFEA_FM_KEY")
    os.environ["COFFEA_FM_KEY"] = str(tmp_path_factory.mktemp("home") / "key")
    yield
    del os.environ["COFFEA_FM_KEY"]
    if before is not None:
        os.environ["COFFEA_FM_KEY"] = before


@pytest.fixture(scope="session", autouse=True)
def interrupts() -> Iterator[None]:
    """Ctrl-C works here and in what the tests start, even where the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
