"""Next particles: nothing of later ones leaks, one by one is the same as all at once, and the loss falls."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from generators import CODES, KMEANS, SET
from padded_jets import with_tokens
from random_jets import LEVEL, random_jets
from torch.nn.functional import cross_entropy

from coffea_fm.methods.generative.joint import JointConfig
from coffea_fm.methods.generative.mpm_causal import MPMCausalConfig
from coffea_fm.methods.generative.next_token import NextTokenConfig
from coffea_fm.methods.generative.omnijet import OmniJet, OmniJetConfig
from coffea_fm.methods.parts.generation.continuous import Continuous
from coffea_fm.methods.parts.generation.sampling import Codes, SamplingConfig
from coffea_fm.methods.parts.masked_jets import MaskedJets, choose_hidden
from coffea_fm.nn.backbones.code_transformer import CodeTransformerConfig
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.batches import Batch
from coffea_fm.nn.inputs import Inputs
from coffea_fm.nn.model import Model
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import pad
from coffea_fm.training.recipe.recipe import Recipe

MakeRecipe = Callable[..., Recipe]


@pytest.fixture(scope="module")
def jets() -> Inputs:
    return Inputs.from_arrays(pad(random_jets(12)[0], LEVEL), LEVEL)


def shaken(method: Any) -> Any:
    """All trained parameters away from where they begin, so that everything has an effect."""
    for name, parameter in method.named_parameters():
        if not name.startswith("tokenizer") and parameter.requires_grad:
            parameter.data += 0.1 * torch.randn_like(parameter)
    return method.eval()


@pytest.fixture(scope="module")
def omnijet(tokenizer: Path) -> OmniJet:
    torch.manual_seed(0)
    model = Model(CodeTransformerConfig.model_validate(CODES).build(LEVEL))
    return shaken(OmniJet(OmniJetConfig(tokenizer=tokenizer, classes=2), model))


def continuous(data: ShardDataset, kind: str = "next-token", **backbone: Any) -> Continuous:
    torch.manual_seed(0)
    config = {"next-token": NextTokenConfig, "joint": JointConfig}[kind].model_validate(KMEANS)
    model = Model(SetTransformerConfig.model_validate(SET | backbone).build(LEVEL))
    method = config.build(model)
    method.prepare(data, 0)
    return shaken(method)


@pytest.fixture(scope="module")
def next_token(data: ShardDataset) -> Continuous:
    return continuous(data, causal=True)


@pytest.fixture(scope="module", params=["next-token", "joint"])
def either(request: pytest.FixtureRequest, data: ShardDataset) -> Continuous:
    return continuous(data, request.param, causal=request.param == "next-token")


def sequences(codes: torch.Tensor) -> Codes:
    return Codes(codes, torch.zeros_like(codes), torch.ones_like(codes, dtype=torch.bool))


def changed_after(inputs: Inputs, place: int) -> Inputs:
    values = inputs.tokens.values.clone()
    values[:, place:] = values[:, place:] * 1.5 + 0.3
    return with_tokens(inputs, values=values)


@torch.no_grad()
def test_nothing_of_later_particles_leaks(either: Continuous, jets: Inputs) -> None:
    """The vector that predicts particle j knows those before it, exactly, and no other."""
    before, after = either.vectors(jets), either.vectors(changed_after(jets, 5))
    assert torch.equal(before[:, :6], after[:, :6])  # the first is that of the start
    long = jets.tokens.mask[:, 5]
    assert (before[long][:, 6] - after[long][:, 6]).abs().max() > 1e-3


@torch.no_grad()
def test_nothing_of_later_codes_leaks(omnijet: OmniJet, jets: Inputs) -> None:
    codes, mask = omnijet.backbone.codes(jets), jets.tokens.mask
    other = codes.clone()
    other[:, 5:] = (codes[:, 5:] + 1) % 16
    before, after = (omnijet.backbone.sequence(omnijet.backbone.embed(part), mask) for part in (codes, other))
    assert torch.equal(before[:, :6], after[:, :6])
    assert (before[mask[:, 5]][:, 6] - after[mask[:, 5]][:, 6]).abs().max() > 1e-3


@torch.no_grad()
def test_the_backbone_has_the_codes_of_the_tokenizer(omnijet: OmniJet, jets: Inputs) -> None:
    mask = jets.tokens.mask
    codes = omnijet.backbone.codes(jets)
    assert torch.equal(codes[mask], omnijet.tokenizer.codes(jets)[mask])
    assert len(codes[mask].unique()) > 4
    backbone = omnijet.backbone.requires_grad_(True)
    frozen = {name.partition(".")[0] for name, parameter in backbone.named_parameters() if not parameter.requires_grad}
    assert frozen == {"encoder", "to_latent"}
    assert not backbone.train().encoder.training
    backbone.eval()


@torch.no_grad()
def test_jets_on_the_boundary_of_two_codes_are_undecided(omnijet: OmniJet, jets: Inputs) -> None:
    backbone = copy.deepcopy(omnijet.backbone)
    assert not backbone.undecided(jets).any()
    jet = int(jets.tokens.mask.sum(dim=1).argmax())
    latent = backbone.to_latent(backbone.encoder(jets).token_vectors)[jet, 0]
    nearer = backbone.codes(jets)[jet, 0]
    other = (int(nearer) + 1) % 16
    backbone.table[other] = 2 * latent - backbone.table[nearer]  # as far, on the other side
    assert backbone.undecided(jets)[jet]
    assert not backbone.undecided(jets).all()


@torch.no_grad()
def test_one_particle_after_another_is_the_same_as_all_at_once(omnijet: OmniJet, jets: Inputs) -> None:
    """The cache of keys and values, while shorter jets drop out."""
    codes, mask = omnijet.backbone.codes(jets), jets.tokens.mask
    classes = torch.arange(len(codes)) % 2
    whole = omnijet.backbone.sequence(omnijet.backbone.embed(codes), mask, omnijet.condition(classes))
    logits, _ = omnijet.steps(jets, classes)
    for place in range(int(mask.sum(dim=1).max()) + 1):
        alive = (mask.sum(dim=1) >= place).nonzero()[:, 0]
        part = sequences(codes[alive, :place])
        torch.testing.assert_close(logits(part, alive), omnijet.head.logits(whole[alive, place]), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_loss_is_the_likelihood_step_by_step(omnijet: OmniJet, jets: Inputs) -> None:
    batch = Batch(jets, {"target": torch.zeros(len(jets.values), dtype=torch.int64)}, torch.ones(len(jets.values)))
    loss = omnijet(batch)["loss"]
    codes, mask = omnijet.backbone.codes(jets), jets.tokens.mask
    for jet in range(4):
        logits, _ = omnijet.steps(jets._replace(values=jets.values[[jet]]), torch.zeros(1, dtype=torch.int64))
        sequence = [*codes[jet][mask[jet]].tolist(), omnijet.tokenizer.n_codes]
        total = 0.0
        for place, code in enumerate(sequence):
            found = logits(sequences(codes[[jet], :place]), torch.zeros(1, dtype=torch.int64))
            total += float(cross_entropy(found, torch.tensor([code])))
        assert float(loss[jet]) == pytest.approx(total / len(sequence), rel=1e-4)


@torch.no_grad()
def test_classes_matter_and_may_be_unknown(omnijet: OmniJet, jets: Inputs) -> None:
    vectors = [omnijet.condition(torch.full((3,), at)) for at in (0, 1, -1)]
    assert not torch.equal(vectors[0], vectors[1])
    assert torch.equal(vectors[2], torch.zeros_like(vectors[2]))
    torch.testing.assert_close(
        omnijet.backbone(jets).token_vectors,
        omnijet.backbone.sequence(omnijet.backbone.embed(omnijet.backbone.codes(jets)), jets.tokens.mask)[:, 1:]
        * jets.tokens.mask.unsqueeze(-1),
    )


@torch.no_grad()
def test_generated_particles_are_read_as_they_are_decoded(next_token: Continuous, jets: Inputs) -> None:
    """What the network reads while it generates is what it would read of the generated jet, in that order."""
    random = torch.Generator().manual_seed(3)
    read = []
    hook = next_token.backbone.features.register_forward_pre_hook(lambda _module, args: read.append(args[0]))
    packed = next_token.generate(jets, None, SamplingConfig(), random)
    hook.remove()
    level = next_token.generated_level()
    assert level.members[0].names == ("pt", "eta", "phi", "mass", "charge", "pdgId", "d0", "d0_error", "dz", "dz_error")
    latest = read[-1].tokens
    jet = 0
    row = latest.values[jet][latest.mask[jet]]
    things = packed.members["constituents"]
    lengths = [int(part.tokens.mask[0].sum()) for part in read if len(part.values) == len(jets.values)]
    assert lengths[:2] == [0, 1]
    written = things.things.values
    columns = [LEVEL.members[0].names.index(name) for name in level.members[0].names]
    assert any(np.allclose(part, row[0, columns].numpy(), atol=1e-5) for part in written)
    assert np.isfinite(packed.values).all()
    again = next_token.generate(jets, None, SamplingConfig(), torch.Generator().manual_seed(3))
    np.testing.assert_array_equal(
        packed.members["constituents"].things.values, again.members["constituents"].things.values
    )


@torch.no_grad()
def test_decoded_jets_keep_their_types_and_axis(next_token: Continuous, jets: Inputs) -> None:
    packed = next_token.decoded(jets)
    names = next_token.generated_level().members[0].names
    things = packed.members["constituents"]
    kinds = things.things.values[:, names.index("pdgId")]
    column = LEVEL.members[0].names.index("pdgId")
    mask = jets.tokens.mask
    np.testing.assert_array_equal(np.sort(kinds), np.sort(jets.tokens.values[..., column][mask].numpy()))
    np.testing.assert_array_equal(things.counts, mask.sum(dim=1).numpy())
    eta = things.things.values[:, names.index("eta")]
    assert np.abs(eta - np.repeat(jets.values[:, 1].numpy(), things.counts)).max() < 1.5
    charge = things.things.values[:, names.index("charge")]
    assert set(zip(kinds.tolist(), charge.tolist(), strict=True)) == {(211.0, 1.0), (-211.0, -1.0), (22.0, 0.0)}


@torch.no_grad()
def test_the_joint_loss_is_the_sum_of_both_passes(data: ShardDataset, jets: Inputs) -> None:
    joint = continuous(data, "joint")
    hidden = torch.from_numpy(choose_hidden(jets.tokens.mask.numpy(), 0.4, np.random.default_rng(0)))
    losses = joint(MaskedJets.of(jets, hidden, torch.ones(len(jets.values))))
    torch.testing.assert_close(losses["loss"], losses["next"] + losses["hidden"])
    particle, kind = joint.next_losses(jets, joint.tokenizer.codes(jets))
    torch.testing.assert_close(losses["next"], particle + kind)
    some = jets.tokens.mask.sum(dim=1) > 1
    assert losses["hidden"][some].gt(0).all()
    values = torch.where(hidden.unsqueeze(-1), jets.tokens.values * 3 + 1, jets.tokens.values)
    other = MaskedJets.of(with_tokens(jets, values=values), hidden, torch.ones(len(jets.values)))
    before, after = (
        joint.predictor(joint.backbone, part).vectors
        for part in (MaskedJets.of(jets, hidden, torch.ones(len(jets.values))), other)
    )
    assert torch.equal(before, after)  # the masked pass sees no hidden particle


@torch.no_grad()
def test_masked_and_causal_sees_the_visible_particles_before(jets: Inputs) -> None:
    torch.manual_seed(0)
    config = MPMCausalConfig.model_validate({"targets": {"id": {}}, "hidden": 0.4})
    method = shaken(config.build(Model(SetTransformerConfig.model_validate(SET | {"causal": True}).build(LEVEL))))
    hidden = torch.from_numpy(choose_hidden(jets.tokens.mask.numpy(), 0.4, np.random.default_rng(0)))
    place = hidden.nonzero()[:, 1]
    weight = torch.ones(len(jets.values))
    before = method.predictor(method.model.backbone, MaskedJets.of(jets, hidden, weight)).vectors
    for change, same in ((changed_after(jets, 6), place < 6), (jets, place >= 0)):
        values = torch.where(hidden.unsqueeze(-1), change.tokens.values * 2, change.tokens.values)
        after = method.predictor(
            method.model.backbone, MaskedJets.of(with_tokens(jets, values=values), hidden, weight)
        ).vectors
        assert torch.equal(before[same], after[same])
        if change is not jets:
            assert (before[place > 8] - after[place > 8]).abs().max() > 1e-3
