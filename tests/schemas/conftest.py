from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def folder(shared_data):
    """The real files."""
    return shared_data / "real"
