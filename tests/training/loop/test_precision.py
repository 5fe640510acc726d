from __future__ import annotations

import os

import pytest
import torch

from coffea_fm.errors import RecipeError
from coffea_fm.training.loop.precision import choose_precision, remember_shapes

CPU = torch.device("cpu")


@pytest.fixture(params=[True, False], ids=["with bf16", "without bf16"])
def has_bf16(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: request.param)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    return bool(request.param)


def test_auto_takes_what_the_processor_has(has_bf16: bool) -> None:
    assert choose_precision("auto", CPU) == ("bf16" if has_bf16 else "fp32")


def test_bf16_is_never_emulated(has_bf16: bool) -> None:
    if has_bf16:
        assert choose_precision("bf16", CPU) == "bf16"
    else:
        with pytest.raises(RecipeError, match="this cpu has no bf16"):
            choose_precision("bf16", CPU)


def test_a_choice_of_the_user_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "7")
    remember_shapes()
    assert os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == "7"


def test_fp32_is_always_there() -> None:
    assert choose_precision("fp32", CPU) == "fp32"
