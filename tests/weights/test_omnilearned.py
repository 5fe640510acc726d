"""OmniLearned's PET2 against numbers that its package gave: in torch, and in onnxruntime through an imported bundle."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from omnilearned_weights import CLASSES, LENGTHS, draws, weights
from padded_jets import make_inputs, make_jets
from random_jets import LEVEL, as_awkward
from scipy.special import softmax

import coffea_fm
from coffea_fm.errors import InputError
from coffea_fm.methods.parts.flow_matching import flow
from coffea_fm.nn.checkpoint import load_checkpoint, save_checkpoint
from coffea_fm.shipped import shipped
from coffea_fm.tokens import jet_level, token_level
from coffea_fm.training.generation.load import load_generator
from coffea_fm.training.loop.adaptation import starting_point
from coffea_fm.training.recipe.recipe import load_recipe
from coffea_fm.weights.omnilearned import is_omnilearned, read_omnilearned, save_generator
from coffea_fm.weights.options import OmniLearnedOptions

REFERENCE = np.load(Path(__file__).with_name("omnilearned.npz"))
SHAPES = json.loads(str(REFERENCE["about"]))["shapes"]


def content(flags: str) -> dict[str, dict[str, torch.Tensor]]:
    """A checkpoint in the layout of the package."""
    parts = {part: weights(SHAPES[f"{flags}/{part}"]) for part in ("body", "classifier_head", "generator_head")}
    return {**parts, "epoch": 3, "loss": 0.5, "optimizer": {"state": {}, "param_groups": []}}


@pytest.fixture(params=["published", "pairs"])
def flags(request):
    return request.param


def test_logits_are_those_of_the_package(flags):
    model, config = read_omnilearned(content(flags), OmniLearnedOptions())
    assert config.backbone.pair_bias == config.backbone.local_pairs == (flags == "pairs")
    assert config.backbone.time
    with torch.no_grad():
        found = model(make_inputs(LENGTHS, config_level(), multiple=8))
    expected = REFERENCE[f"{flags}/logits"]
    assert expected.std() > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0)


def test_token_vectors_at_another_time_are_those_of_the_package(flags):
    model, _ = read_omnilearned(content(flags), OmniLearnedOptions())
    inputs = make_inputs(LENGTHS, config_level(), multiple=8)
    with torch.no_grad():
        found = model.backbone(inputs, time=torch.full((len(LENGTHS),), 0.3)).token_vectors[..., :128].sum(dim=1)
    np.testing.assert_allclose(found, REFERENCE[f"{flags}/late"], atol=5e-5, rtol=0)


def test_it_has_as_many_parameters_as_the_package(flags):
    model, _ = read_omnilearned(content(flags), OmniLearnedOptions())
    assert sum(parameter.numel() for parameter in model.parameters()) == REFERENCE[f"{flags}/parameters"]


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("omnilearned")
    torch.save(content("pairs"), folder / "best_model_pretrain_s.pt")
    (folder / "mapping.yaml").write_text(f"max_tokens: 16\nclasses: [{', '.join('abcdefghij')}]\n")
    result = coffea_fm.import_model(
        folder / "best_model_pretrain_s.pt", output=folder / "omni", mapping=folder / "mapping.yaml"
    )
    return result, folder / "omni"


def test_scores_of_the_bundle_are_those_of_the_package(imported):
    result, folder = imported
    assert result.classes == tuple("abcdefghij")
    assert result.maximal_difference < 1e-4
    scores = coffea_fm.load(folder)(as_awkward(make_jets(LENGTHS)))
    found = np.stack([scores[name].to_numpy() for name in result.classes], axis=1)
    np.testing.assert_allclose(found, softmax(REFERENCE["pairs/logits"], axis=1), atol=1e-5, rtol=0)


def test_the_checkpoint_beside_it_can_be_loaded(imported):
    _, folder = imported
    model, checkpoint = load_checkpoint(folder.with_name("omni-checkpoint"))
    assert checkpoint.network.backbone.kind == "pet2"
    with torch.no_grad():
        found = model(make_inputs(LENGTHS, config_level(), multiple=8))
    np.testing.assert_allclose(found, REFERENCE["pairs/logits"], atol=1e-5, rtol=0)


def test_its_generator_is_beside_it(imported):
    _, folder = imported
    method, classes = load_generator(folder.with_name("omni-checkpoint"))
    inputs = make_inputs(LENGTHS, config_level(), multiple=8)
    found = method.backbone.features(inputs)
    label, time, numbers = draws(tuple(found.kinematics.shape))
    mixed, _ = flow(found.kinematics, method.noise(numbers, found.mask), time[:, None, None])
    with torch.no_grad():
        velocity = method.velocity(method.backbone.body(found._replace(kinematics=mixed), time), label)
    assert method.n_classes == len(classes) == CLASSES
    np.testing.assert_allclose(velocity, REFERENCE["pairs/velocity"], atol=2e-5, rtol=0)


def test_a_generator_that_makes_no_jets_is_left_out(tmp_path):
    given = content("published")
    model, _ = read_omnilearned(given, OmniLearnedOptions())
    given["generator_head"]["out.bias"] = torch.zeros(7)  # of a segmentation
    save_generator(given, model, tmp_path)
    assert not list(tmp_path.iterdir())
    damaged = content("published")
    del damaged["generator_head"]["out.weight"]
    with pytest.raises(InputError, match="generator does not fit"):
        save_generator(damaged, model, tmp_path)


def test_what_cannot_be_imported_is_said():
    damaged = content("published")
    with pytest.raises(InputError, match="10 classes, but the mapping names 2"):
        read_omnilearned(damaged, OmniLearnedOptions(classes=("a", "b")))
    del damaged["classifier_head"]
    with pytest.raises(InputError, match="no 'classifier_head'"):
        read_omnilearned(damaged, OmniLearnedOptions())
    other = content("published")
    other["body"]["cond_embed.0.fc1.weight"] = torch.zeros(1)
    with pytest.raises(InputError, match=r"'cond_embed\.0\.fc1\.weight' is not what PET2"):
        read_omnilearned(other, OmniLearnedOptions())
    assert not is_omnilearned({"linear.weight": torch.zeros(1)})


def config_level():
    tokens = token_level("constituents", LEVEL.members[0].names, minimum=1, maximum=16)
    return jet_level((tokens,), LEVEL.names)


def test_ten_classes_are_named_by_number_if_nobody_names_them():
    _, config = read_omnilearned(content("published"), OmniLearnedOptions())
    assert config.classes == tuple(f"class_{index}" for index in range(CLASSES))


def test_the_shipped_recipe_starts_from_an_imported_checkpoint(tmp_path):
    model, config = read_omnilearned(content("published"), OmniLearnedOptions())
    save_checkpoint(tmp_path / "imported", model.state_dict(), config, {})
    recipe = yaml.safe_load((shipped("models", "omnilearned-small") / "recipe.yaml").read_text())
    recipe["start"]["checkpoint"] = str(tmp_path / "imported")
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    start = starting_point(load_recipe(tmp_path / "recipe.yaml"))
    assert start is not None
    assert torch.equal(start.model.backbone.class_tokens, model.backbone.class_tokens)
