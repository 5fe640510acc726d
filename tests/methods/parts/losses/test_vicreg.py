from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from coffea_fm.methods.parts.losses.vicreg import covariance, variance

ROWS = torch.tensor([[1.0, 0.0], [-1.0, 0.2], [0.0, -0.2]])


def test_variance_and_covariance_by_hand() -> None:
    """The variances are 1 and 0.04; the covariance is (1 · 0 - 1 · 0.2 + 0) / 2 = -0.1, which occurs twice."""
    expected = (0.0 + 1.0 - math.sqrt(0.04 + 1e-4)) / 2
    assert float(variance(ROWS)) == pytest.approx(expected, rel=1e-6)
    assert float(covariance(ROWS)) == pytest.approx(2 * 0.1**2 / 2, rel=1e-6)


def test_covariance_against_numpy() -> None:
    rows = torch.randn(50, 6, generator=torch.Generator().manual_seed(0)).double()
    matrix = np.cov(rows.numpy(), rowvar=False)
    expected = (np.square(matrix).sum() - np.square(np.diag(matrix)).sum()) / 6
    assert float(covariance(rows)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("rows", [1, 4])
def test_equal_rows_give_the_largest_variance_term_and_finite_gradients(rows: int) -> None:
    same = torch.ones(rows, 3, requires_grad=True)
    (variance(same) + covariance(same)).backward()
    assert variance(same).item() == pytest.approx(1 - 0.01)
    assert torch.isfinite(same.grad).all()
