from __future__ import annotations

import pytest
import torch

from coffea_fm.nn.blocks.dropout import Dropout, DropPath, dropout


@pytest.mark.parametrize("shape", [(1000, 999), (7,), (0, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_elements_are_zero_or_scaled(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    result = dropout(torch.ones(shape, dtype=dtype), 0.25)
    assert result.dtype == dtype
    assert set(result.flatten().tolist()) <= {0.0, torch.tensor(1 / 0.75, dtype=dtype).item()}


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_the_right_share_is_dropped_everywhere(probability: float) -> None:
    torch.manual_seed(0)
    dropped = dropout(torch.ones(2000, 2000), probability) == 0
    assert dropped.double().mean() == pytest.approx(probability, abs=0.001)
    for axis in (0, 1):
        assert dropped.double().mean(axis).std() == pytest.approx(
            (probability * (1 - probability) / 2000) ** 0.5, rel=0.1
        )


def test_the_gradient_is_dropped_alike() -> None:
    values = torch.ones(100, requires_grad=True)
    result = dropout(values, 0.5)
    result.sum().backward()
    assert torch.equal(values.grad, result)


def test_seeds_decide() -> None:
    torch.manual_seed(1)
    first = dropout(torch.ones(100), 0.5)
    assert not torch.equal(first, dropout(torch.ones(100), 0.5))
    torch.manual_seed(1)
    assert torch.equal(first, dropout(torch.ones(100), 0.5))


def test_nothing_outside_training() -> None:
    values = torch.randn(100)
    assert Dropout(0.5).eval()(values) is values
    assert Dropout(0.0)(values) is values


def test_a_skipped_set_is_skipped_for_all_of_its_tokens() -> None:
    torch.manual_seed(0)
    sets, tokens = 40, 7
    rows = DropPath(0.5)(torch.ones(sets * tokens, 3), sets).view(sets, tokens, 3)
    assert torch.equal(rows, rows[:, :1].expand_as(rows))
    assert set(rows.unique().tolist()) == {0.0, 2.0}
