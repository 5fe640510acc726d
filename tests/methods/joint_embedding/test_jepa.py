from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from padded_jets import with_tokens
from random_jets import LEVEL, random_jets
from trainings import assert_same_state, stop_after

from coffea_fm.classes import JET_CLASSES
from coffea_fm.errors import InputWarning, RecipeError
from coffea_fm.methods.joint_embedding.jepa import JEPA, JEPAConfig
from coffea_fm.methods.parts.losses.vicreg import covariance, variance
from coffea_fm.methods.parts.patches.patched_jets import PatchedJets, PatchedStep
from coffea_fm.methods.parts.teacher import Teacher
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.batches import Examples
from coffea_fm.nn.checkpoint import NetworkConfig
from coffea_fm.nn.inputs import Inputs
from coffea_fm.shipped import shipped
from coffea_fm.tokens import pad
from coffea_fm.training import pretrain
from coffea_fm.training.loop import loop
from coffea_fm.training.recipe.recipe import Recipe, load_recipe

MakeRecipe = Callable[..., Recipe]
PARTICLES: dict[str, Any] = {"hidden": {"fraction": 0.4}}
SUBJETS: dict[str, Any] = {"hidden": {"patches": {"kind": "subjets", "subjets": 5}, "fraction": 0.5}}
BLOCKS: dict[str, Any] = {
    "hidden": {"patches": {"kind": "neighbours", "size": 3}, "choice": "block"},
    "loss": "smooth-l1",
    "predictor": {"dim": 8, "heads": 2, "told": "order"},
}
CASES = {"particles": PARTICLES, "subjets": SUBJETS, "blocks": BLOCKS}
SMALL = {"predictor": {"dim": 8, "heads": 2}}


def method_of(content: dict[str, Any], **backbone: Any) -> JEPA:
    torch.manual_seed(0)
    config = SetTransformerConfig(dim=16, layers=2, heads=2, **backbone)
    method = JEPAConfig.model_validate(SMALL | content).build(NetworkConfig(level=LEVEL, backbone=config).build())
    for parameter in method.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return method.double().eval()


def group_of(method: JEPA, jets: int = 12) -> PatchedJets:
    packed = method.config.hidden(random_jets(jets)[0], LEVEL, np.random.default_rng(0))
    inputs = Inputs.from_arrays(pad(packed, LEVEL), LEVEL)
    known = {name: numbers.double() for name, numbers in inputs.tokens.known.items()}
    inputs = with_tokens(
        inputs._replace(values=inputs.values.double()), values=inputs.tokens.values.double(), known=known
    )
    return PatchedJets.of(inputs, torch.ones(jets))


def metrics(method: JEPA, *groups: PatchedJets) -> dict[str, torch.Tensor]:
    return method(PatchedStep(list(groups), torch.cat([group.jets.weight for group in groups])))


@pytest.mark.parametrize("case", CASES)
def test_the_student_does_not_see_hidden_particles_and_the_teacher_sees_all(case: str) -> None:
    method = method_of(CASES[case])
    group = group_of(method)
    seen: dict[str, list[Any]] = {"student": [], "teacher": [], "output": []}
    method.model.backbone.register_forward_pre_hook(lambda _module, args: seen["student"].append(args[0]))
    method.model.backbone.register_forward_hook(lambda _module, _args, output: seen["output"].append(output))
    method.teacher.register_forward_pre_hook(lambda _module, args: seen["teacher"].append(args[0]))
    before = metrics(method, group)["prediction"]
    whole = group.jets.whole.tokens
    hidden = whole.known["hidden_patch"] >= 0
    assert torch.equal(seen["teacher"][0].tokens.values, whole.values)
    assert torch.equal(seen["student"][0].tokens.mask.sum(dim=1), (whole.mask & ~hidden[..., 0]).sum(dim=1))
    values = torch.where(hidden, 1.1 * whole.values + 0.01, whole.values)
    after = metrics(method, PatchedJets.of(with_tokens(group.jets.whole, values=values), group.jets.weight))[
        "prediction"
    ]
    first, second = seen["output"]
    assert torch.equal(first.embedding, second.embedding)
    assert torch.equal(first.token_vectors, second.token_vectors)
    assert not torch.allclose(before, after), "the targets come from the teacher on the whole jet"


@pytest.mark.parametrize("case", CASES)
def test_the_predictor_reads_hidden_particles_only_through_what_it_is_told(case: str) -> None:
    method = method_of(CASES[case])
    group = group_of(method)
    output = method.model.backbone(group.jets.visible.inputs)
    predicted = method.predictor(*output, group)
    moved = method.predictor(*output, group._replace(centre=group.centre + 0.1))
    assert torch.allclose(predicted, moved) == (method.config.predictor.told == "order")
    several = (group.mask.sum(dim=1) > 1).nonzero()[0, 0]
    assert not torch.allclose(predicted[several, 0], predicted[several, 1])


@pytest.mark.parametrize("case", CASES)
def test_targets_are_means_over_patches_of_what_the_teacher_says_of_the_whole_jet(case: str) -> None:
    method = method_of(CASES[case])
    group = group_of(method)
    vectors = method.teacher.module(group.jets.whole).token_vectors.detach().float()
    vectors = (vectors - vectors.mean(dim=2, keepdim=True)) / (
        vectors.var(dim=2, correction=0, keepdim=True) + 1e-5
    ).sqrt()
    number = group.jets.whole.tokens.known["hidden_patch"][..., 0].long()
    number[~group.jets.whole.tokens.mask] = -1
    targets = method.targets(group)
    assert not targets.requires_grad
    for jet in range(len(number)):
        for patch in range(int(number[jet].max()) + 1):
            torch.testing.assert_close(
                targets[jet, patch], vectors[jet][number[jet] == patch].mean(dim=0), atol=1e-5, rtol=1e-4
            )


@pytest.mark.parametrize("case", CASES)
def test_the_loss_vanishes_for_a_perfect_prediction_and_is_what_it_says_otherwise(case: str) -> None:
    method = method_of(CASES[case])
    group = group_of(method)
    targets = method.targets(group)
    assert method.distance(targets, group).abs().max() == 0.0
    off = 0.6
    each = {"l2": off**2, "smooth-l1": off**2 / 2}[method.config.loss]
    found = method.distance(targets + off, group)
    torch.testing.assert_close(found, torch.where(group.mask.any(dim=1), each, 0.0).float())


def test_nothing_depends_on_the_order_of_the_particles() -> None:
    method = method_of(SUBJETS)
    group = group_of(method)
    tokens = group.jets.whole.tokens
    random = torch.rand(tokens.mask.shape, generator=torch.Generator().manual_seed(0))
    order = random.masked_fill(~tokens.mask, 2.0).argsort(dim=1).unsqueeze(-1)

    def shuffled(values: torch.Tensor) -> torch.Tensor:
        return values.gather(1, order.expand_as(values))

    known = {name: shuffled(numbers) for name, numbers in tokens.known.items()}
    whole = with_tokens(group.jets.whole, values=shuffled(tokens.values), missing=shuffled(tokens.missing), known=known)
    after = metrics(method, PatchedJets.of(whole, group.jets.weight))
    for name, values in metrics(method, group).items():
        torch.testing.assert_close(after[name], values, rtol=1e-5, atol=1e-6)


def test_the_terms_of_vicreg_are_those_of_all_jets_of_a_step() -> None:
    method = method_of(PARTICLES | {"variance": 0.5, "covariance": 0.25})
    packed, _ = random_jets(30)
    random = np.random.default_rng(0)
    examples = Examples(packed, {}, np.ones(30, np.float32))
    (part,) = method.float().parts(examples, LEVEL, 200, torch.device("cpu"), random)
    assert len(part.groups) > 1
    embeddings = torch.cat([method.model.backbone(group.jets.visible.inputs).embedding for group in part.groups])
    found = method(part)
    assert tuple(found) == method.metrics
    terms = variance(embeddings), covariance(embeddings)
    torch.testing.assert_close(found["variance"], terms[0].expand(30))
    torch.testing.assert_close(found["covariance"], terms[1].expand(30))
    torch.testing.assert_close(found["loss"], found["prediction"] + 0.5 * terms[0] + 0.25 * terms[1])


def test_jets_of_one_particle_have_nothing_to_predict() -> None:
    method = method_of(PARTICLES)
    group = group_of(method, jets=200)
    alone = group.jets.whole.tokens.mask.sum(dim=1) == 1
    assert alone.any()
    losses = metrics(method, group)["prediction"]
    assert (losses[alone] == 0).all()
    assert (losses[~alone] > 0).all()


def test_gradients_reach_the_student_and_not_the_teacher() -> None:
    method = method_of(PARTICLES | {"variance": 1.0})
    metrics(method, group_of(method))["loss"].mean().backward()
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in method.teacher.parameters())
    missing = [name for name, parameter in method.model.backbone.named_parameters() if parameter.grad is None]
    assert not missing
    assert all(parameter.grad is not None for parameter in method.predictor.parameters())


@pytest.fixture
def recipe(make_recipe: MakeRecipe) -> Callable[..., Recipe]:
    def make(method: dict[str, Any], **training: Any) -> Recipe:
        training = {"seen": 500, "validate_every": 500, "augmentation": {}} | training
        made = make_recipe(training=training)
        content = made.model_dump(exclude={"head", "method"}) | {"method": {"kind": "jepa"} | SMALL | method}
        return Recipe.model_validate(content)

    return make


def test_each_step_moves_the_teacher_once_by_the_momentum_of_its_progress_and_gradients_are_clipped(
    recipe: Callable[..., Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Public code of J-JEPA advances the schedule twice in a step, and its clipping is without effect."""
    given, moved, norms, seen = [], [], [], []
    follow, step = Teacher.follow, loop.Training.step

    @torch.no_grad()
    def followed(self: Teacher, student: torch.nn.Module, progress: float) -> None:
        old = [parameter.clone() for parameter in self.module.parameters()]
        gradients = [parameter.grad for parameter in student.parameters() if parameter.grad is not None]
        assert not gradients, "the optimizer has stepped"
        follow(self, student, progress)
        momentum = self.config.momentum(progress)
        given.append(momentum)
        for before, target, now in zip(old, student.parameters(), self.module.parameters(), strict=True):
            moved.append(float((momentum * before + (1 - momentum) * target - now).abs().max()))

    def stepped(self: loop.Training, *args: Any) -> Any:
        whole = self.optimizer.step

        def clipped(*args: Any) -> Any:
            gradients = [p.grad for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None]
            norms.append(float(torch.stack([gradient.norm() for gradient in gradients]).norm()))
            return whole(*args)

        monkeypatch.setattr(self.optimizer, "step", clipped)
        result = step(self, *args)
        monkeypatch.setattr(self.optimizer, "step", whole)
        seen.append(self.progress.seen)
        return result

    monkeypatch.setattr(Teacher, "follow", followed)
    monkeypatch.setattr(loop.Training, "step", stepped)
    pretrain(recipe(PARTICLES, clip=0.01), tmp_path, show_progress=False)
    done = [min(1.0, jets / 500) for jets in seen]
    assert len(given) == len(seen) > 5
    assert given == pytest.approx([1 - 0.01 * 0.5 * (1 + math.cos(math.pi * fraction)) for fraction in done], abs=1e-12)
    assert given[-1] == 1.0
    assert max(moved) < 1e-6
    assert max(norms) <= 0.01 * (1 + 1e-4)


def test_training_learns_and_resumes_to_the_same_bits(
    recipe: Callable[..., Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = recipe(SUBJETS | {"variance": 0.1}, seen=800)
    result = pretrain(made, tmp_path / "whole", show_progress=False)
    assert not result.collapsed
    assert result.metrics["embedding_rank"] > 1.5
    with (result.folder / "log.csv").open(newline="") as file:
        losses = [float(row["train_prediction"]) for row in csv.DictReader(file) if row["train_prediction"]]
    assert losses[-1] < losses[0]
    with monkeypatch.context() as patch:
        stop_after(5, patch)
        assert not pretrain(made, tmp_path / "broken", show_progress=False).finished
    assert pretrain(made, tmp_path / "broken", show_progress=False).finished
    assert_same_state(tmp_path / "whole", tmp_path / "broken")


def test_a_run_that_collapses_says_so(
    recipe: Callable[..., Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss of an encoder that gives zero for every jet looks as good as any."""
    step = loop.Training.step

    def and_forgets(self: loop.Training, *args: Any) -> Any:
        result = step(self, *args)
        with torch.no_grad():
            for network in (self.method, self.averaged):
                network.model.backbone.norm.weight.zero_()
        return result

    monkeypatch.setattr(loop.Training, "step", and_forgets)
    with pytest.warns(InputWarning, match="the embeddings of small have collapsed: those of different jets"):
        result = pretrain(recipe(PARTICLES), tmp_path, show_progress=False)
    assert result.collapsed
    assert "collapsed" in repr(result)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": {"fraction": 1.0}}, "method.hidden.fraction"),
        ({"hidden": {"patches": {"kind": "subjet"}}}, "did you mean 'subjets'"),
        ({"predictor": {"told": "both"}}, "method.predictor.told"),
    ],
)
def test_wrong_recipes_are_refused(make_recipe: MakeRecipe, change: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        make_recipe(method={"kind": "jepa"} | change)


@pytest.mark.parametrize("name", ["j-jepa", "p-jepa", "hep-jepa", "jp-jepa"])
def test_shipped_recipe(name: str) -> None:
    recipe = load_recipe(shipped("models", name) / "recipe.yaml")
    method = recipe.method.build(recipe.network(JET_CLASSES).build())
    assert recipe.name == name
    assert isinstance(method, JEPA)
    assert (recipe.backbone.kind == "particle-transformer") == (name == "jp-jepa")
