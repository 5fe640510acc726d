from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from random_jets import COLUMN, LEVEL, random_jets

from coffea_fm.errors import RecipeError
from coffea_fm.methods.distillation.dino_ibot import DINOiBOT, DINOiBOTConfig
from coffea_fm.methods.distillation.rino import RINOConfig
from coffea_fm.methods.parts.hidden_by_pt import HiddenByPtConfig, StandIn, see, where_hidden
from coffea_fm.methods.parts.losses.koleo import koleo
from coffea_fm.methods.parts.self_distillation import SelfDistillation
from coffea_fm.methods.parts.views.joint import Groups, Views
from coffea_fm.nn.backbones.particle_transformer import ParticleTransformerConfig
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.batches import Examples
from coffea_fm.nn.checkpoint import NetworkConfig
from coffea_fm.tokens import Members

JETS = 30


def method_and_part(config: Any, seed: int = 0) -> tuple[SelfDistillation, Views]:
    torch.manual_seed(0)
    backbone = SetTransformerConfig(dim=16, layers=2, heads=2)
    method = config.build(NetworkConfig(level=LEVEL, backbone=backbone).build())
    examples = Examples(random_jets(JETS, seed=seed)[0], {}, np.ones(JETS, np.float32))
    (part,) = method.parts(examples, LEVEL, 300, torch.device("cpu"), np.random.default_rng(0))
    return method, part


def config_of(**settings: Any) -> DINOiBOTConfig:
    hidden = {"probability": 1.0} | settings.pop("hidden", {})
    return DINOiBOTConfig.model_validate({"prototypes": 16, "partial_views": 1, "hidden": hidden} | settings)


def rows_of(groups: Groups) -> Iterator[tuple[int, Any, int]]:
    """Each view of each jet: its number, its group, and its row there."""
    for views, inputs in groups:
        for row, view in enumerate(views.tolist()):
            yield view, inputs, row


@pytest.fixture(scope="module")
def hidden_jets() -> tuple[Members, np.ndarray]:
    packed, _ = random_jets(2000, seed=5)
    chosen = HiddenByPtConfig(probability=1.0, pt_share=(0.2, 0.4))(packed, LEVEL, np.random.default_rng(1))
    tokens = chosen.members["constituents"]
    return tokens, tokens.things.known["hidden"][:, 0] > 0


def test_the_hidden_share_of_the_pt_is_in_the_range_that_was_asked_for(hidden_jets: tuple[Members, np.ndarray]) -> None:
    """Up to half the pT of one particle: no other number of particles would come closer to the share drawn."""
    tokens, hidden = hidden_jets
    pt = tokens.things.values[:, COLUMN["pt"]].astype(float)
    sums = [np.bincount(tokens.parents, weights) for weights in (pt * hidden, pt)]
    share = sums[0] / sums[1]
    hardest = np.maximum.reduceat(pt, tokens.offsets[:-1]) / sums[1]
    several = tokens.counts > 2
    assert (share[several] >= 0.2 - hardest[several] / 2 - 1e-6).all()
    assert (share[several] <= np.maximum(0.4 + hardest / 2, hardest)[several] + 1e-6).all()
    many = tokens.counts >= 20
    assert np.mean((share[many] > 0.17) & (share[many] < 0.43)) > 0.95
    assert share[many].mean() == pytest.approx(0.3, abs=0.01)


def test_one_particle_at_least_is_hidden_and_one_visible(hidden_jets: tuple[Members, np.ndarray]) -> None:
    tokens, hidden = hidden_jets
    counts = np.bincount(tokens.parents, hidden)
    assert (counts[tokens.counts == 1] == 0).all()
    assert (counts[tokens.counts > 1] >= 1).all()
    assert (counts < tokens.counts).all()


def test_views_are_hidden_with_the_probability_asked_for() -> None:
    packed, _ = random_jets(2000)
    chosen = HiddenByPtConfig(probability=0.3)(packed, LEVEL, np.random.default_rng(0))
    tokens = chosen.members["constituents"]
    some = np.bincount(tokens.parents, tokens.things.known["hidden"][:, 0])[tokens.counts > 1] > 0
    assert some.mean() == pytest.approx(0.3, abs=0.04)


def test_the_student_does_not_know_what_is_hidden_and_the_teacher_does() -> None:
    method, part = method_and_part(config_of())

    def changed(groups: Groups) -> Groups:
        result = []
        for views, inputs in groups:
            ((name, tokens),) = inputs.members.items()
            where = where_hidden(tokens)
            values = torch.where(where.unsqueeze(-1), 3 * tokens.values + 1, tokens.values)
            tokens = tokens._replace(values=values, missing=tokens.missing ^ where.unsqueeze(-1))
            result.append((views, inputs._replace(members={name: tokens})))
        return result

    student, teacher = part.views
    outputs = [see(method.model.backbone, groups, JETS, method.stand_in) for groups in (student, changed(student))]
    torch.testing.assert_close(outputs[0].embeddings, outputs[1].embeddings, rtol=0, atol=0)
    torch.testing.assert_close(outputs[0].hidden, outputs[1].hidden, rtol=0, atol=0)
    given = [see(method.teacher_backbone, groups, JETS) for groups in (teacher, changed(teacher))]
    assert not torch.allclose(given[0].hidden, given[1].hidden)
    assert not any(where_hidden(inputs.tokens)[row].any() for view, inputs, row in rows_of(student) if view >= 2 * JETS)


def test_student_and_teacher_speak_of_the_same_particles() -> None:
    """Vectors of hidden particles of both, found one by one, are in the same order."""
    method, part = method_and_part(config_of())
    student, teacher = part.views
    found = see(method.teacher_backbone, teacher, JETS)
    expected, jets = [], []
    for view, inputs, row in sorted(rows_of(teacher), key=lambda entry: entry[0]):
        where = where_hidden(inputs.tokens)[row]
        vectors = method.teacher_backbone(inputs).token_vectors[row][where]
        expected.append(vectors)
        jets += [view % JETS] * len(vectors)
    torch.testing.assert_close(found.hidden, torch.cat(expected))
    assert found.jets.tolist() == jets == see(method.model.backbone, student, JETS, method.stand_in).jets.tolist()
    by_view = {view: (inputs.tokens, row) for view, inputs, row in rows_of(student)}
    for view, inputs, row in rows_of(teacher):
        tokens, other = by_view[view]
        assert torch.equal(
            tokens.values[other][where_hidden(tokens)[other]],
            inputs.tokens.values[row][where_hidden(inputs.tokens)[row]],
        )


def test_the_term_of_hidden_particles_is_the_mean_cross_entropy_with_balanced_targets() -> None:
    method, part = method_and_part(config_of(hidden={"weight": 0.7}))
    student = see(method.model.backbone, part.views[0], JETS, method.stand_in)
    teacher = see(method.teacher_backbone, part.views[1], JETS)
    given = method.teacher_head(teacher.hidden)
    targets = method.targets(given, method.hidden_centre)
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(len(targets)))
    torch.testing.assert_close(targets.sum(dim=0), torch.full((16,), len(targets) / 16), rtol=0.1, atol=0)
    logits = method.head(student.hidden)
    each = torch.nn.functional.cross_entropy(logits / 0.1, targets, reduction="none")
    found = method(part)
    assert tuple(found) == method.metrics
    for jet in range(JETS):
        own = each[student.jets == jet]
        expected = 0.7 * own.mean() if len(own) else torch.zeros(())
        torch.testing.assert_close(found["hidden"][jet], expected)
    torch.testing.assert_close(found["koleo"], koleo(student.embeddings[0]))
    torch.testing.assert_close(found["loss"], found["distillation"] + found["hidden"] + 0.1 * found["koleo"])


def test_hidden_particles_get_different_predictions_because_they_are_told_where_they_are() -> None:
    method, part = method_and_part(config_of())
    seen = see(method.model.backbone, part.views[0], JETS, method.stand_in)
    jet = int(seen.jets.bincount().argmax())
    assert seen.hidden[seen.jets == jet].std(dim=0).max() > 1e-3


def test_gradients_reach_the_stand_in_and_not_the_teacher() -> None:
    method, part = method_and_part(config_of())
    method(part)["loss"].mean().backward()
    assert all(parameter.grad is not None for parameter in method.stand_in.parameters())
    for teacher in (method.teacher_backbone, method.teacher_head):
        assert all(parameter.grad is None and not parameter.requires_grad for parameter in teacher.parameters())


def test_centring_keeps_two_centres() -> None:
    method, part = method_and_part(config_of(balance="centring"))
    method(part)
    teacher = see(method.teacher_backbone, part.views[1], JETS)
    torch.testing.assert_close(method.centre, 0.1 * method.teacher_head(teacher.embeddings).mean(dim=(0, 1)))
    torch.testing.assert_close(method.hidden_centre, 0.1 * method.teacher_head(teacher.hidden).mean(dim=0))


def test_nothing_hidden_costs_nothing() -> None:
    method, part = method_and_part(config_of(hidden={"probability": 1e-9}))
    assert (method(part)["hidden"] == 0).all()


def test_rino_can_hide_subjets() -> None:
    config = RINOConfig(
        teacher_subjets=(6, 8), student_subjets=(2,), prototypes=16, hidden=HiddenByPtConfig(probability=1.0)
    )
    method, part = method_and_part(config)
    assert (method(part)["hidden"] > 0).sum() > JETS // 2
    plain, part = method_and_part(config.model_copy(update={"hidden": None}))
    assert (plain(part)["hidden"] == 0).all()


def test_what_the_views_are() -> None:
    method, part = method_and_part(config_of(whole_views=3, partial_views=2))
    assert isinstance(method, DINOiBOT)
    assert (method.teacher_views, method.student_views) == (range(3), range(5))
    counts = [np.zeros(n * JETS) for n in (5, 3)]
    for count, groups in zip(counts, part.views, strict=True):
        for view, inputs, row in rows_of(groups):
            count[view] = int(inputs.tokens.mask[row].sum())
    np.testing.assert_array_equal(counts[0][: 3 * JETS], counts[1])
    assert (counts[0].reshape(5, JETS)[3:] <= counts[0][:JETS]).all()


def test_backbones_that_read_pairs_and_ranges_the_wrong_way_round_are_refused() -> None:
    model = NetworkConfig(level=LEVEL, backbone=ParticleTransformerConfig(dim=16, heads=2, layers=1)).build()
    with pytest.raises(RecipeError, match="reveals the hidden particles"):
        StandIn(model.backbone)
    with pytest.raises(ValueError, match="larger share first"):
        HiddenByPtConfig(pt_share=(0.5, 0.1))
