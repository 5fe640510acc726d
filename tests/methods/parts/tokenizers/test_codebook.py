from __future__ import annotations

import numpy as np
import pytest
import torch

from coffea_fm.methods.parts.tokenizers.codebook import (
    AFFINE_RATE,
    Codebook,
    CodebookConfig,
    code_loss,
    straight_through,
)


def codebook(**settings: object) -> Codebook:
    torch.manual_seed(0)
    made = Codebook(CodebookConfig.model_validate({"codes": 8, "latent": 3} | settings))
    made.codes.data.normal_()
    return made


def test_loss_is_the_formula_and_moves_each_side_by_its_share() -> None:
    vectors, codes = (torch.randn(5, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    loss = code_loss(vectors, codes, beta=0.9)
    z, e = vectors.detach().numpy(), codes.detach().numpy()
    np.testing.assert_allclose(loss.detach().numpy(), ((z - e) ** 2).mean(axis=1))
    loss.sum().backward()
    np.testing.assert_allclose(vectors.grad.numpy(), 0.1 * 2 * (z - e) / 3)
    np.testing.assert_allclose(codes.grad.numpy(), 0.9 * 2 * (e - z) / 3)


@pytest.mark.parametrize("nu", [0.0, 0.2, 1.0])
def test_straight_through_gives_the_codes_and_the_gradient_to_the_vectors_and_nu_of_it_to_the_codes(nu: float) -> None:
    vectors, codes = (torch.randn(5, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    quantised = straight_through(vectors, codes, nu)
    torch.testing.assert_close(quantised, codes)
    gradient = torch.randn(5, 3, dtype=torch.float64)
    quantised.backward(gradient)
    torch.testing.assert_close(vectors.grad, gradient)
    torch.testing.assert_close(codes.grad, nu * gradient)


def test_each_vector_gets_its_nearest_code() -> None:
    book = codebook()
    book.shift.data.normal_(std=0.01)
    book.scale.data.normal_(std=0.01)
    vectors = torch.randn(50, 3)
    quantised, index, loss = book(vectors)
    table = book.codes * (1 + AFFINE_RATE * book.scale) + AFFINE_RATE * book.shift
    assert torch.equal(index, torch.cdist(vectors, table).argmin(dim=1))
    torch.testing.assert_close(quantised, table[index])
    torch.testing.assert_close(loss, (vectors - table[index]).square().mean(dim=1))


@pytest.mark.parametrize("affine", [True, False])
def test_codes_that_are_not_used_move_only_if_all_move_together(affine: bool) -> None:
    book = codebook(affine=affine)
    optimizer = torch.optim.SGD(book.parameters(), lr=0.1)
    vectors = book.table()[:1].detach() + 0.01
    before = book.table().detach()
    index = book(vectors)[1]
    assert index.tolist() == [0]
    book(vectors)[2].sum().backward()
    optimizer.step()
    moved = (book.table() - before).abs().sum(dim=1) > 0
    assert moved.all() if affine else moved.tolist() == [True] + 7 * [False]


def test_a_code_that_was_not_used_for_long_becomes_a_vector_of_the_last_step() -> None:
    book = codebook(replace_after=3).train()
    book.shift.data += 0.05
    seen = book.table()[:2].detach() + 0.001 * torch.randn(2, 3)
    for _ in range(3):
        assert set(book(seen)[1].tolist()) == {0, 1}
        book.replace_idle()
    before = book.table().detach()
    book(seen)
    book.replace_idle()
    after = book.table().detach()
    torch.testing.assert_close(after[:2], before[:2], rtol=0, atol=0)
    assert torch.cdist(after[2:], seen).min(dim=1).values.max() < 1e-6
    assert book.idle.tolist() == [1.0, 1.0] + 6 * [0.0]


def test_without_replacement_and_in_evaluation_nothing_changes() -> None:
    book = codebook(replace_after=None).train()
    before = book.codes.detach().clone()
    for _ in range(30):
        book(before[:1])
        book.replace_idle()
    assert torch.equal(book.codes, before)
    book = codebook(replace_after=1).eval()
    state = {name: value.clone() for name, value in book.state_dict().items()}
    book(torch.randn(4, 3))
    assert all(torch.equal(value, state[name]) for name, value in book.state_dict().items())


@pytest.mark.parametrize("start", [True, False])
def test_kmeans_start_places_codes_on_vectors_far_from_each_other(start: bool) -> None:
    book = codebook(kmeans_start=start)
    before = book.codes.detach().clone()
    corners = torch.tensor(np.indices((2, 2, 2)).reshape(3, 8).T, dtype=torch.float32) * 10
    book.start(corners.repeat(20, 1) + 0.01 * torch.randn(160, 3), seed=0)
    if start:
        assert sorted(torch.cdist(book.codes, corners).argmin(dim=1).tolist()) == list(range(8))
    else:
        assert torch.equal(book.codes, before)
