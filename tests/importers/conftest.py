from __future__ import annotations

from pathlib import Path

import pytest

SHARED_MODELS = Path(__file__).parents[3] / "shared" / "models"


@pytest.fixture(scope="session")
def shared_models():
    if not SHARED_MODELS.is_dir():
        pytest.skip(f"other people's models are not at {SHARED_MODELS}")
    return SHARED_MODELS
