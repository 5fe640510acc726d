from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from coffea_fm.methods.parts.losses.distillation import distillation, sinkhorn
from coffea_fm.methods.parts.losses.info_nce import info_nce
from coffea_fm.methods.parts.losses.koleo import koleo
from coffea_fm.methods.parts.losses.nt_xent import nt_xent


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("jets", [1, 2, 37])
def test_nt_xent_of_identical_projections(jets: int) -> None:
    loss, _ = nt_xent(torch.ones(jets, 5), 3 * torch.ones(jets, 5), 0.1)
    torch.testing.assert_close(loss, torch.full((jets,), math.log(2 * jets - 1)))


def test_nt_xent_by_hand() -> None:
    first, second = noise(6, 3), noise(6, 3, seed=1)
    z = [v / np.linalg.norm(v) for v in torch.cat((first, second)).numpy().astype(float)]
    expected = []
    for i in range(12):
        others = [math.exp(z[i] @ z[k] / 0.3) for k in range(12) if k != i]
        expected.append(-math.log(math.exp(z[i] @ z[(i + 6) % 12] / 0.3) / sum(others)))
    loss, found = nt_xent(first, second, 0.3)
    np.testing.assert_allclose(loss.numpy(), (np.array(expected[:6]) + expected[6:]) / 2, rtol=1e-5)
    best = [max((k for k in range(12) if k != i), key=lambda k, i=i: z[i] @ z[k]) for i in range(12)]
    right = np.array([best[i] == (i + 6) % 12 for i in range(12)])
    np.testing.assert_array_equal(found.numpy(), right.reshape(2, 6).mean(axis=0))


def test_nt_xent_of_views_that_agree_is_small() -> None:
    loss, found = nt_xent(torch.eye(8), torch.eye(8), 0.05)
    assert loss.max() < 1e-6
    assert (found == 1).all()


def test_sinkhorn_sums() -> None:
    probabilities = sinkhorn(noise(60, 12), 0.2, iterations=200)
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(60))
    torch.testing.assert_close(probabilities.sum(dim=0), torch.full((12,), 5.0), rtol=1e-4, atol=0)


def test_sinkhorn_by_hand() -> None:
    logits = noise(10, 4)
    q = np.exp(logits.numpy().astype(float) / 0.5)
    for _ in range(3):
        q /= q.sum(axis=0, keepdims=True)
        q /= q.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(sinkhorn(logits, 0.5).numpy(), q, rtol=1e-4)


def test_sinkhorn_of_a_teacher_that_uses_one_class_uses_all() -> None:
    logits = 0.01 * noise(64, 8)
    logits[:, 0] += 1.0
    assert torch.softmax(logits / 0.04, dim=1).argmax(dim=1).unique().tolist() == [0]
    assert len(sinkhorn(logits, 0.04).argmax(dim=1).unique()) == 8


def test_distillation_by_hand() -> None:
    targets = {0: torch.softmax(noise(3, 4), dim=1), 1: torch.softmax(noise(3, 4, seed=1), dim=1)}
    logits = {view: noise(3, 4, seed=5 + view) for view in (0, 1, 2)}
    expected = torch.zeros(3)
    for view, other in ((0, 1), (0, 2), (1, 0), (1, 2)):
        expected += torch.nn.functional.cross_entropy(logits[other] / 0.1, targets[view], reduction="none") / 4
    torch.testing.assert_close(distillation(targets, logits, 0.1), expected)


def test_koleo_against_brute_force() -> None:
    vectors = noise(20, 3)
    unit = vectors.numpy().astype(float)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    expected = [-math.log(min(np.linalg.norm(unit[i] - unit[k]) for k in range(20) if k != i)) for i in range(20)]
    np.testing.assert_allclose(koleo(vectors).numpy(), expected, rtol=1e-4)


def test_koleo_pushes_neighbours_apart_and_is_finite_for_the_same_vectors() -> None:
    same = torch.ones(3, 4, requires_grad=True)
    koleo(same).sum().backward()
    assert torch.isfinite(same.grad).all()
    vectors = noise(10, 4).requires_grad_()
    before = koleo(vectors).mean()
    before.backward()
    assert koleo(vectors - 0.01 * vectors.grad).mean() < before


@pytest.mark.parametrize("negatives", [1, 7])
def test_info_nce_of_identical_vectors(negatives: int) -> None:
    loss, found = info_nce(torch.ones(3, 2), torch.ones(3, 2), torch.ones(negatives, 2), 0.07)
    torch.testing.assert_close(loss, torch.full((3,), math.log(negatives + 1)))
    assert not found.any()


def test_info_nce_by_hand() -> None:
    queries, keys, negatives = (torch.nn.functional.normalize(noise(n, 4, seed=n), dim=1).double() for n in (5, 6, 9))
    loss, found = info_nce(queries, keys[:5], negatives, 0.2)
    for i in range(5):
        right = math.exp(float(queries[i] @ keys[i]) / 0.2)
        wrong = [math.exp(float(queries[i] @ n) / 0.2) for n in negatives]
        assert float(loss[i]) == pytest.approx(-math.log(right / (right + sum(wrong))))
        assert bool(found[i]) == (right > max(wrong))
