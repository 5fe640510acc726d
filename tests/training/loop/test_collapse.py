from __future__ import annotations

import numpy as np
import pytest
import torch

from coffea_fm.training.loop.collapse import embedding_rank, embedding_spread, has_collapsed


@pytest.mark.parametrize("filled", [1, 3, 8])
def test_rank_is_the_number_of_equal_directions(filled: int) -> None:
    rows = np.zeros((2 * filled, 8), dtype=np.float32)
    for direction in range(filled):
        rows[2 * direction, direction], rows[2 * direction + 1, direction] = 1, -1
    assert embedding_rank(torch.tensor(rows)) == pytest.approx(filled)


def test_rank_of_unequal_directions() -> None:
    rows = torch.tensor([[3.0, 0], [-3, 0], [0, 1], [0, -1]])
    shares = np.array([0.75, 0.25])
    assert embedding_rank(rows) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))


def test_collapsed_embeddings() -> None:
    same = torch.randn(1, 16).expand(100, 16)
    assert embedding_rank(same) == 0.0
    assert embedding_spread(same) < 1e-3
    assert embedding_spread(torch.zeros(4, 2)) == 0.0


def test_spread_of_centred_embeddings_is_one() -> None:
    rows = torch.randn(1000, 8)
    assert embedding_spread(rows - rows.mean(dim=0)) == pytest.approx(1.0)
    assert embedding_spread(rows + 100) < 0.02


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ({"embedding_rank": 20.0, "embedding_spread": 0.2}, False),
        ({"embedding_rank": 1.2, "embedding_spread": 0.2}, True),
        ({"embedding_rank": 20.0, "embedding_spread": 0.001}, True),
        ({"embedding_rank": 0.0, "embedding_spread": 0.0}, True),
        ({"loss": 0.0}, False),
    ],
)
def test_what_counts_as_collapsed(metrics: dict[str, float], expected: bool) -> None:
    assert has_collapsed(metrics) == expected
