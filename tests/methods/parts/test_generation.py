"""Sampling, the head that predicts the next particle, and decoding."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from random_jets import LEVEL, random_jets

from coffea_fm.errors import RecipeError
from coffea_fm.methods.parts.generation.decoding import as_packed, require
from coffea_fm.methods.parts.generation.head import NOTHING, ParticleHead, next_codes
from coffea_fm.methods.parts.generation.sampling import Codes, SamplingConfig, sample
from coffea_fm.methods.parts.targets.identity import KINDS, kinds_of
from coffea_fm.nn.inputs import Inputs
from coffea_fm.tokens import jet_level, pad, token_level

END = 3


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_targets_are_the_next_codes_and_the_end() -> None:
    codes = torch.tensor([[5, 6, 7, 8], [5, 6, 0, 0]])
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    uncut = next_codes(codes, mask, end=9, longest=10)
    assert uncut.tolist() == [[5, 6, 7, 8, 9], [5, 6, 9, NOTHING, NOTHING]]
    cut = next_codes(codes, mask, end=9, longest=4)  # the first jet may go on behind the cut
    assert cut.tolist() == [[5, 6, 7, 8, NOTHING], [5, 6, 9, NOTHING, NOTHING]]


def test_uniform_logits_give_the_logarithm_of_the_number_of_codes() -> None:
    head = ParticleHead(4, 7, types=True)
    for parameter in head.parameters():
        parameter.data.zero_()
    codes = torch.tensor([[0, 3, 6, NOTHING], [6, NOTHING, NOTHING, NOTHING]])
    kinds = torch.tensor([[1, 2, NOTHING, NOTHING], [NOTHING] * 4])
    of_codes, of_kinds = head.losses(torch.randn(2, 4, 4), codes, kinds)
    torch.testing.assert_close(of_codes, torch.full((2,), math.log(7)))
    torch.testing.assert_close(of_kinds, torch.tensor([math.log(len(KINDS)), 0.0]))


def test_the_type_depends_on_the_code() -> None:
    head = ParticleHead(4, 5, types=True)
    torch.nn.init.normal_(head.kinds_of_code.weight)
    vectors = torch.randn(1, 4).expand(2, -1)
    first, second = head.kind_logits(vectors, torch.tensor([0, 4]))
    assert (first - second).abs().max() > 0.1


def test_types_are_found() -> None:
    inputs = Inputs.from_arrays(pad(random_jets(20)[0], LEVEL), LEVEL)
    column = LEVEL.members[0].names.index("pdgId")
    found = torch.tensor(KINDS)[kinds_of(inputs, column)]
    mask = inputs.tokens.mask
    assert torch.equal(found[mask].float(), inputs.tokens.values[..., column][mask])


PROBABILITIES = torch.tensor([0.5, 0.2, 0.25, 0.05])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_samples_follow_the_probabilities(temperature: float) -> None:
    n = 20_000
    chosen = SamplingConfig(temperature=temperature).choose(PROBABILITIES.log().expand(n, -1), generator())
    expected = PROBABILITIES ** (1 / temperature)
    expected = n * expected / expected.sum()
    chi2 = ((torch.bincount(chosen, minlength=4) - expected).square() / expected).sum()
    assert chi2 < 16.3  # 0.1% of 3 degrees of freedom


def test_top_k_leaves_the_k_most_probable() -> None:
    chosen = SamplingConfig(top_k=2).choose(PROBABILITIES.log().expand(5000, -1), generator())
    counts = torch.bincount(chosen, minlength=4)
    assert counts[1] == counts[3] == 0
    assert abs(counts[0] / 5000 - 2 / 3) < 0.03
    everything = SamplingConfig(top_k=10).choose(PROBABILITIES.log().expand(5000, -1), generator())
    assert torch.bincount(everything, minlength=4).gt(0).all()


def test_jets_end_where_the_end_is_sampled() -> None:
    """With a constant probability of the end, lengths are geometric; the first particle always exists."""
    calls = []

    def logits(codes: Codes, alive: torch.Tensor) -> torch.Tensor:
        calls.append((codes.mask.shape[1], len(alive)))
        assert codes.mask.all()  # those asked for have not ended
        return PROBABILITIES.log().repeat(len(alive), 1)

    probability, n = float(PROBABILITIES[END]), 4000
    found = sample(n, 200, logits, None, SamplingConfig(), generator())
    lengths = found.mask.sum(dim=1)
    assert lengths.min() >= 1
    assert float(lengths.float().mean()) == pytest.approx(
        1 / probability, abs=5 * math.sqrt(0.95) / probability / n**0.5
    )
    assert (found.mask[:, 1:] <= found.mask[:, :-1]).all()  # no particle after the end
    assert (found.codes < END).all()
    alive = [number for _, number in calls]
    assert alive == sorted(alive, reverse=True)
    cut = sample(50, 4, logits, None, SamplingConfig(), generator())
    assert cut.mask.shape[1] == 4


def test_a_seed_gives_the_same_jets() -> None:
    def logits(_codes: Codes, alive: torch.Tensor) -> torch.Tensor:
        return PROBABILITIES.log().repeat(len(alive), 1)

    def kinds(codes: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(codes), 8)

    first, again, other = (sample(30, 50, logits, kinds, SamplingConfig(), generator(seed)) for seed in (1, 1, 2))
    assert all(torch.equal(left, right) for left, right in zip(first, again, strict=True))
    assert first.mask.shape != other.mask.shape or not torch.equal(first.mask, other.mask)
    assert len(first.kinds.unique()) == 8


def test_the_jet_is_the_sum_of_its_particles() -> None:
    level = jet_level(
        (token_level("constituents", ("pt", "eta", "phi", "mass", "charge", "pdgId", "d0"), maximum=4),),
        ("pt_raw", "eta", "phi", "mass_raw"),
    )
    mask = torch.tensor([[True, True, False], [True, False, False]])
    columns = {name: torch.zeros(2, 3) for name in level.members[0].names}
    columns["pt"] = torch.tensor([[3.0, 4.0, 0.0], [2.0, 0.0, 0.0]])
    columns["phi"] = torch.tensor([[0.0, np.pi / 2, 0.0], [0.5, 0.0, 0.0]])
    columns["mass"][1] = 0.14
    columns["charge"] = torch.tensor([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
    columns["d0"] = torch.full((2, 3), 0.1)
    packed = as_packed(columns, mask, level)
    np.testing.assert_allclose(packed.values[0], [5, 0, np.arctan2(4, 3), np.sqrt(49 - 25)], atol=1e-5)
    np.testing.assert_allclose(packed.values[1], [2, 0, 0.5, 0.14], atol=1e-5)
    things = packed.members["constituents"].things
    np.testing.assert_array_equal(things.values[:, 0], [4, 3, 2])  # by pT
    np.testing.assert_array_equal(things.missing[:, 0], [True, False, False])  # neutral: no track
    np.testing.assert_allclose(things.values[:, -1], [0, 0.1, 0.1])
    del columns["charge"]
    uncharged = jet_level(
        (token_level("constituents", ("pt", "eta", "phi", "mass", "pdgId", "d0"), maximum=4),), level.names
    )
    known = as_packed(
        columns, mask, uncharged, torch.tensor([[False, True, False], [True, False, False]]).unsqueeze(-1)
    )
    np.testing.assert_array_equal(known.members["constituents"].things.missing[:, 0], [True, False, True])


def test_what_the_codes_do_not_give_is_named() -> None:
    momentum = ("pt", "eta", "phi", "mass")
    line = r"write 'fields: \[pt, eta, phi, d0, d0_error, dz, dz_error\]' in the section method"
    with pytest.raises(RecipeError, match=f"reads d0, d0_error, dz, dz_error of each particle.*{line}"):
        require(LEVEL, (*momentum, "charge", "pdgId"))
    with pytest.raises(RecipeError, match=r"reads charge, pdgId, d0.* write 'id: 0.3' and 'fields: \[pt, eta, phi, d0"):
        require(LEVEL, momentum)
    typed = jet_level((token_level("constituents", (*momentum, "pdgId")),), LEVEL.names)
    with pytest.raises(RecipeError, match=r"reads pdgId .* write 'id: 0.3' in the section method"):
        require(typed, momentum)
    weighted = jet_level((token_level("constituents", (*momentum, "d0", "weight")),), LEVEL.names)
    with pytest.raises(RecipeError, match=r"reads d0, weight .* train it without weight in inputs.fields"):
        require(weighted, (*momentum, "charge", "pdgId"))
