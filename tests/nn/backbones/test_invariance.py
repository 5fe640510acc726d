"""LLoCa and PELICAN do not change under Lorentz transformations: exactly in double precision, and only where they should."""

from __future__ import annotations

import pytest
import torch
from boosted import lorentz, transformed
from padded_jets import make_jets, with_tokens
from random_jets import LEVEL
from random_weights import spread_weights

from coffea_fm.errors import RecipeError
from coffea_fm.nn.backbones import Replacement
from coffea_fm.nn.backbones.lloca import LLoCaConfig
from coffea_fm.nn.backbones.pelican import PairLayer, PelicanConfig
from coffea_fm.nn.inputs import Inputs
from coffea_fm.tokens import jet_level, pad, token_level

LENGTHS = [40, 3, 17, 1, 2]
TRANSFORMATIONS = {
    "boost": lorentz((0.5, -0.7, 0.4), (0.0, 0.0, 0.0)),
    "rotation": lorentz((0.0, 0.0, 0.0), (1.0, -2.0, 0.5)),
    "both": lorentz((-0.3, 0.6, 1.0), (0.4, 1.0, -1.5)),
}
LLOCA = {"dim": 16, "heads": 2, "layers": 2, "vectors": 1, "frames": 8}
CONFIGS = {
    f"{config.kind}-{config.symmetry}": config
    for symmetry in ("lorentz", "beam")
    for config in (LLoCaConfig(**LLOCA, symmetry=symmetry), PelicanConfig(dim=8, layers=2, symmetry=symmetry))
}


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS.keys())
def network(request, level):
    network = request.param.build(level).eval()
    spread_weights(network)
    return network


@torch.no_grad()
@pytest.mark.parametrize("matrix", TRANSFORMATIONS.values(), ids=TRANSFORMATIONS.keys())
def test_moving_particles_and_references_together_changes_nothing(network, jets, matrix):
    vectors = network.features(jets(LENGTHS))
    vectors = vectors._replace(scalars=vectors.scalars.double())
    turned = torch.from_numpy(matrix).T
    moved = vectors._replace(particles=vectors.particles @ turned, references=vectors.references @ turned)
    network.double()
    before, after = network.network(vectors), network.network(moved)
    assert before[0].std(dim=0).min() > 0.01
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(other, one, atol=1e-7, rtol=0)
    alone = network.network(vectors._replace(particles=vectors.particles @ turned))[0]
    if network.config.symmetry == "lorentz":
        torch.testing.assert_close(alone, before[0], atol=1e-7, rtol=0)
    else:
        assert (alone - before[0]).abs().amax(dim=1).min() > 1e-4, "the references must break the symmetry"


@torch.no_grad()
def test_raw_jets_in_single_precision(network):
    packed = make_jets([30, 12, 25, 3])
    found = network(Inputs.from_arrays(pad(packed, LEVEL), LEVEL)).embedding
    along, across = lorentz((0.0, 0.0, 1.5), (2.0, 0.0, 0.0)), TRANSFORMATIONS["both"]
    for matrix, kept in ((along, True), (across, network.config.symmetry == "lorentz")):
        moved = network(Inputs.from_arrays(pad(transformed(packed, LEVEL, matrix), LEVEL), LEVEL)).embedding
        difference = float((moved - found).abs().max())
        assert difference < 1e-3 if kept else difference > 1e-2


def test_nothing_of_a_replaced_token_enters(network, jets):
    inputs = jets([6])
    hidden = Replacement(torch.arange(6).unsqueeze(0) == 2, torch.ones(network.dim))
    before = network(inputs, hidden)
    assert (before.embedding - network(inputs).embedding).abs().max() > 1e-4
    values = inputs.tokens.values.clone()
    values[0, 2] = values[0, 3]
    # The frame of the jet is that of all its particles, so only the network itself is tested.
    vectors = network.features(inputs)
    vectors.particles[0, 2], vectors.scalars[0, 2] = vectors.particles[0, 3], vectors.scalars[0, 3]
    after = network.network(vectors, hidden)
    torch.testing.assert_close(after[0], before.embedding)
    torch.testing.assert_close(after[1], before.token_vectors)
    changed = network(with_tokens(inputs, values=values)).embedding
    assert (changed - network(inputs).embedding).abs().max() > 1e-4


def test_invalid_settings_are_named():
    with pytest.raises(ValueError, match="a head of width 8 has no room for 3 four-vectors"):
        LLoCaConfig(**{**LLOCA, "vectors": 3})
    bare = jet_level((token_level("constituents", ("pt", "eta", "phi")),), ("pt", "eta", "phi"))
    with pytest.raises(RecipeError, match="constituents fields mass, charge"):
        LLoCaConfig().build(bare)


def test_a_layer_of_pairs_has_every_linear_map_that_commutes_with_permutations():
    """Pairs of pairs, {i, j} and {k, l}, have 9 orbits under permutations, so there are 9 independent maps."""
    n, dim = 6, 3
    layer = PairLayer(dim).double()
    pairs = torch.randn(3, n, n, dim, dtype=torch.float64)  # of one, sum and trace are the same up to a factor
    pairs = pairs + pairs.transpose(1, 2)
    diagonal = torch.eye(n, dtype=torch.float64).unsqueeze(-1)
    present = torch.ones(3, n, n, 1, dtype=torch.float64)
    result = layer(pairs, present, diagonal)
    torch.testing.assert_close(result, result.transpose(1, 2))
    order = torch.randperm(n)
    permuted = layer(pairs[:, order][:, :, order], present, diagonal)
    torch.testing.assert_close(permuted, result[:, order][:, :, order])

    def maps(weights: torch.Tensor) -> torch.Tensor:
        """Output channel 0 of input channel 0 with these weights of its sums."""
        of_pair, of_sums = torch.zeros(dim, dim).double(), torch.zeros(2 * dim, 4 * dim).double()
        of_pair = of_pair.index_put((torch.tensor([0]), torch.tensor([0])), weights[:1])
        rows, columns = torch.tensor([0, 0, 0, 0, dim, dim, dim, dim]), torch.arange(0, 4 * dim, dim).repeat(2)
        of_sums = of_sums.index_put((rows, columns), weights[1:])
        changed = {"of_pair.weight": of_pair, "of_sums.weight": of_sums}
        return torch.func.functional_call(layer, changed, (pairs, present, diagonal))[..., 0].flatten()

    jacobian = torch.autograd.functional.jacobian(maps, torch.zeros(9, dtype=torch.float64))
    assert torch.linalg.matrix_rank(jacobian) == 9
