from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from padded_jets import make_inputs
from random_jets import LEVEL

from coffea_fm.nn.inputs import Inputs
from coffea_fm.tokens import Level


@pytest.fixture(scope="session")
def level() -> Level:
    return LEVEL


@pytest.fixture(scope="session")
def jets(level: Level) -> Callable[..., Inputs]:
    """Padded jets of given lengths."""

    def build(lengths: list[int], **options: int) -> Inputs:
        return make_inputs(lengths, level, **options)

    return build


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)
