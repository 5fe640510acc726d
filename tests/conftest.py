"""Fixtures that every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real files of many experiments' formats; skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the shared sample files are not at {SHARED_DATA}")
    return SHARED_DATA
