from __future__ import annotations

import pytest
import torch
from random_weights import spread_weights

from coffea_fm.errors import RecipeError
from coffea_fm.nn.backbones import Replacement
from coffea_fm.nn.backbones import lgatr as ours
from coffea_fm.nn.backbones.lgatr import LGATrConfig, LGATrSlimConfig
from coffea_fm.tokens import jet_level, token_level

lgatr = pytest.importorskip("lgatr")

CONFIGS = {
    "slim": LGATrSlimConfig(dim=12, vectors=4, layers=2, heads=2),
    "full": LGATrConfig(dim=8, vectors=4, layers=2, heads=2),
    "slim-kinematic": LGATrSlimConfig(dim=12, vectors=4, layers=1, heads=2, features="kinematic"),
}


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS.keys())
def network(request, level):
    network = request.param.build(level).eval()
    spread_weights(network)
    return network


def package(network):
    """The package's own network with these weights."""
    c, n_scalars = network.config, network.features.n_scalars + 1
    if c.kind == "lgatr-slim":
        theirs = lgatr.LGATrSlim(c.layers, 1, 0, c.vectors, n_scalars, c.dim, c.dim, c.heads, mlp_ratio=c.feed_forward)
    else:
        attention = {"num_heads": c.heads, "attn_ratio": c.attention, "head_scale": True}
        theirs = lgatr.LGATr(
            c.layers, 1, 1, c.vectors, n_scalars, c.dim, c.dim, attention, {"mlp_ratio": c.feed_forward}
        )
    theirs.load_state_dict(network.state_dict())
    return theirs.eval()


@torch.no_grad()
def test_agrees_with_the_package(network, jets, monkeypatch):
    seen = []
    embed = network.embed
    monkeypatch.setattr(network, "embed", lambda *given: seen.append(given) or embed(*given))
    output = network(jets([40, 3, 25, 17, 1], multiple=8))
    momenta, scalars, bias, _ = seen[0]
    attend, theirs = bias == 0, package(network)
    if network.config.kind == "lgatr-slim":
        _, expected = theirs(momenta.unsqueeze(-2), scalars, attn_mask=attend)
    else:
        _, expected = theirs(lgatr.embed_vector(momenta).unsqueeze(-2), scalars, attn_mask=attend)
    assert expected.std() > 0.1
    torch.testing.assert_close(output.embedding, expected[:, 0], atol=1e-5, rtol=0)
    real = attend[:, 0, 0, 4:].unsqueeze(-1)
    torch.testing.assert_close(output.token_vectors, expected[:, 4:] * real, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("config", "parameters"), [(LGATrSlimConfig(), 2_040_992), (LGATrConfig(), 1_080_194)])
def test_has_the_number_of_parameters_of_the_package(level, config, parameters):
    network = config.build(level)
    counts = [sum(parameter.numel() for parameter in part.parameters()) for part in (network, package(network))]
    assert counts == [parameters, parameters]


def test_references_are_fixed_in_the_frame_of_the_jet_and_particles_are_not_scaled_with_them(
    network, jets, monkeypatch
):
    seen = []
    embed = network.embed
    monkeypatch.setattr(network, "embed", lambda *given: seen.append(given) or embed(*given))
    inputs = jets([7])
    network(inputs)
    momenta, scalars = seen[0][0][0], seen[0][1][0]
    assert momenta[:4].tolist() == [[0, 0, 0, 0], [1, 0, 0, 1], [1, 0, 0, -1], [1, 0, 0, 0]]
    assert scalars[0].tolist() == [0.0] * (len(scalars[0]) - 1) + [1.0]
    assert torch.all(scalars[1:4] == 0)
    total = momenta[4:].sum(dim=0)
    torch.testing.assert_close(total[2:], torch.zeros(2), atol=1e-4, rtol=0)  # no azimuth, no rapidity
    torch.testing.assert_close(momenta[4:, 1:3].norm(dim=1) * 20, inputs.tokens.values[0, :, 0])


def test_nothing_of_a_replaced_token_enters(network, jets, monkeypatch):
    inputs = jets([6])
    hidden = Replacement(torch.arange(6).unsqueeze(0) == 2, torch.ones(network.dim))
    before = network(inputs, hidden).embedding
    assert (before - network(inputs).embedding).abs().max() > 1e-4
    found = network.features(inputs)
    found.momenta[0, 2], found.scalars[0, 2] = 7.0, 3.0
    monkeypatch.setattr(network.features, "forward", lambda _: found)
    torch.testing.assert_close(network(inputs, hidden).embedding, before)


def test_without_the_package_it_says_what_to_install(level, monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(ours, "import_module", absent)
    with pytest.raises(RecipeError, match=r"pip install 'coffea-fm\[lgatr\]'"):
        LGATrConfig().build(level)


def test_missing_fields_are_named():
    with pytest.raises(RecipeError, match="constituents fields mass, charge"):
        CONFIGS["slim"].build(jet_level((token_level("constituents", ("pt", "eta", "phi")),), ("pt", "eta", "phi")))
