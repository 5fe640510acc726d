from __future__ import annotations

import csv

import numpy as np
import pytest
import torch
from padded_jets import with_tokens
from random_jets import COLUMN, LEVEL, random_jets
from random_weights import spread_weights

from coffea_fm.errors import RecipeError
from coffea_fm.methods.flow.ssfm import SSFM, SSFMConfig
from coffea_fm.methods.parts.masked_jets import MaskedJets, choose_hidden
from coffea_fm.methods.parts.targets.identity import KINDS
from coffea_fm.nn.backbones.set_transformer import SetTransformer, SetTransformerConfig
from coffea_fm.nn.inputs import Inputs
from coffea_fm.nn.model import Model
from coffea_fm.tokens import jet_level, pad, token_level
from coffea_fm.training import pretrain

N_FIELDS = 5
WIDTH = N_FIELDS + len(KINDS)


@pytest.fixture(scope="module")
def method() -> SSFM:
    torch.manual_seed(0)
    config = SSFMConfig(decoder={"dim": 8, "heads": 2, "layers": 2})
    method = SSFM(config, Model(SetTransformer(SetTransformerConfig(dim=16, layers=1, heads=2), LEVEL)))
    spread_weights(method)
    method.fields.knots.copy_(torch.linspace(-2, 2, 512).expand(N_FIELDS, -1))
    return method.double().eval()


@pytest.fixture(scope="module")
def part() -> MaskedJets:
    inputs = Inputs.from_arrays(pad(random_jets(12)[0], LEVEL), LEVEL)
    inputs = with_tokens(inputs._replace(values=inputs.values.double()), values=inputs.tokens.values.double())
    return split(inputs)


def split(inputs: Inputs) -> MaskedJets:
    hidden = choose_hidden(inputs.tokens.mask.numpy(), 0.5, np.random.default_rng(1))
    return MaskedJets.of(inputs, torch.from_numpy(hidden), torch.ones(len(hidden)))


def drawn(part: MaskedJets) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    shape = (*part.hidden.mask.shape, WIDTH)
    return torch.randn(shape, generator=generator).double(), torch.rand(shape[0], generator=generator).double()


def test_what_flows_is_the_scaled_fields_and_the_type(method: SSFM, part: MaskedJets) -> None:
    numbers = method.numbers(part.whole)[part.whole.tokens.mask]
    codes = part.whole.tokens.values[part.whole.tokens.mask][:, COLUMN["pdgId"]]
    assert [KINDS[index] for index in numbers[:, N_FIELDS:].argmax(dim=1)] == codes.tolist()
    assert torch.equal(numbers[:, N_FIELDS:].sum(dim=1), torch.ones(len(codes)))
    torch.testing.assert_close(numbers[:, :N_FIELDS], method.fields(part.whole)[part.whole.tokens.mask])


def test_the_velocity_knows_of_hidden_particles_by_their_mixture_only(method: SSFM, part: MaskedJets) -> None:
    mixed, time = drawn(part)
    hidden = torch.zeros_like(part.whole.tokens.mask).scatter(1, part.hidden.place, part.hidden.mask)
    others = part.whole.tokens.values.clone()
    others[hidden] *= 3.0
    changed = split(with_tokens(part.whole, values=others))
    assert not torch.equal(changed.hidden.inputs.tokens.values, part.hidden.inputs.tokens.values)
    assert torch.equal(method.velocity(changed, mixed, time), method.velocity(part, mixed, time))
    others = part.whole.tokens.values.clone()
    others[part.whole.tokens.mask & ~hidden] *= 3.0
    seen = method.velocity(split(with_tokens(part.whole, values=others)), mixed, time)
    assert (seen - method.velocity(part, mixed, time))[part.hidden.mask].abs().max() > 1e-4


def test_the_velocity_follows_a_permutation_of_the_hidden_and_ignores_one_of_the_visible(
    method: SSFM, part: MaskedJets
) -> None:
    mixed, time = drawn(part)
    before = method.velocity(part, mixed, time)
    order = torch.randperm(mixed.shape[1])
    tokens = part.hidden.inputs.tokens
    mask = tokens.mask[:, order]
    moved = part.hidden._replace(inputs=with_tokens(part.hidden.inputs, mask=mask))
    after = method.velocity(part._replace(hidden=moved), mixed[:, order], time)
    torch.testing.assert_close(after[mask], before[:, order][mask])
    tokens = part.visible.inputs.tokens
    order = torch.randperm(tokens.mask.shape[1])
    turned = with_tokens(
        part.visible.inputs,
        values=tokens.values[:, order],
        missing=tokens.missing[:, order],
        mask=tokens.mask[:, order],
    )
    after = method.velocity(part._replace(visible=part.visible._replace(inputs=turned)), mixed, time)
    torch.testing.assert_close(after[part.hidden.mask], before[part.hidden.mask])


def test_the_velocity_depends_on_time_and_on_the_other_hidden_particles(method: SSFM, part: MaskedJets) -> None:
    mixed, time = drawn(part)
    before = method.velocity(part, mixed, time)
    later = method.velocity(part, mixed, time + 0.1)
    assert (later - before)[part.hidden.mask].abs().max() > 1e-4
    changed = mixed.clone()
    changed[:, 0] += 1.0
    other = (method.velocity(part, changed, time) - before)[:, 1:][part.hidden.mask[:, 1:]]
    assert other.abs().max() > 1e-4


def test_the_loss_is_that_of_noise_minus_numbers(
    method: SSFM, part: MaskedJets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decoder that is given the answer has no loss; one that says nothing has the mean square of ε - x."""
    numbers = method.numbers(part.hidden.inputs)
    torch.manual_seed(3)
    drawn_time, noise = torch.sigmoid(torch.randn_like(part.weight)), torch.randn_like(numbers)
    answer = noise - numbers
    seen = []

    def known(_part: MaskedJets, mixed: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        seen.append((mixed, time))
        return answer

    monkeypatch.setattr(method, "velocity", known)
    torch.manual_seed(3)
    assert method(part)["loss"].abs().max() < 1e-12
    mixed, time = seen[0]
    assert torch.equal(time, drawn_time)
    torch.testing.assert_close(mixed, numbers + time[:, None, None] * answer)
    monkeypatch.setattr(method, "velocity", lambda _part, mixed, _time: torch.zeros_like(mixed))
    jet = int(part.hidden.mask.sum(dim=1).argmax())
    torch.manual_seed(3)
    found = method(part)["loss"][jet]
    torch.testing.assert_close(found, answer[jet][part.hidden.mask[jet]].square().mean().to(found.dtype))


def test_the_type_is_needed() -> None:
    level = jet_level((token_level("constituents", ("pt", "eta", "phi")),), ("pt", "eta", "phi", "mass"))
    backbone = SetTransformer(SetTransformerConfig(dim=8, layers=1, heads=2, features="kinematic"), level)
    with pytest.raises(RecipeError, match=r"method\.kind: ssfm needs the field pdgId"):
        SSFM(SSFMConfig(fields=("pt", "eta", "phi")), Model(backbone))


def test_it_learns_without_collapse(make_recipe, tmp_path) -> None:
    training = {"seen": 2400, "micro_tokens": 800, "validate_every": 800, "augmentation": {}, "lr": 1e-2, "ema": 0.8}
    recipe = make_recipe(method={"kind": "ssfm", "decoder": {"dim": 16, "heads": 2, "layers": 1}}, training=training)
    result = pretrain(recipe, tmp_path, show_progress=False)
    with (result.folder / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    losses = [float(row["validation_loss"]) for row in rows if row["validation_loss"]]
    assert losses[-1] < 0.8 * float(rows[0]["train_loss"])
    assert result.metrics["embedding_rank"] > 2
