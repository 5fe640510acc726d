from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from coffea_fm.errors import InputError, RecipeError
from coffea_fm.nn.checkpoint import load_tensors
from coffea_fm.training import pretrain
from coffea_fm.training.loop.parallel import add_over_processes, launch
from coffea_fm.training.recipe.recipe import Recipe

MakeRecipe = Callable[..., Recipe]


def test_the_weights_of_two_processes_are_those_of_one(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = make_recipe(
        backbone={"dropout": 0.0}, training={"augmentation": {}, "seen": 300, "lr": 1e-3, "precision": "fp32"}
    )
    results = {
        processes: pretrain(recipe, tmp_path / str(processes), processes=processes, show_progress=False)
        for processes in (1, 2)
    }
    assert results[2].finished
    assert results[2].seen == results[1].seen
    assert results[2].metrics["loss"] == pytest.approx(results[1].metrics["loss"], rel=1e-4)
    assert results[2].metrics["embedding_rank"] == pytest.approx(results[1].metrics["embedding_rank"], rel=1e-2)
    one, two = (load_tensors(tmp_path / number / "small" / "last" / "state.safetensors")[0] for number in "12")
    assert one.keys() == two.keys()
    for name in one:
        if name.startswith("weights/"):
            torch.testing.assert_close(two[name], one[name], rtol=1e-3, atol=1e-4)


def stop_at_third_step(fabric: Fabric, recipe: Recipe, folder: Path) -> bool:
    """Train in processes of which only the last one hears of the interrupt."""
    from coffea_fm.training.loop import loop
    from coffea_fm.training.train import _train

    whole, count = loop.update_average, iter(range(10**6))

    def interrupted(*arguments: object) -> None:
        whole(*arguments)  # type: ignore[arg-type]
        if next(count) == 2 and fabric.global_rank == fabric.world_size - 1:
            signal.raise_signal(signal.SIGINT)

    loop.update_average = interrupted
    return _train(fabric, recipe, folder, False)[0]


def test_one_interrupted_process_stops_all_and_the_run_resumes_to_the_same_bits(
    make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    recipe = make_recipe(training={"seen": 400})
    pretrain(recipe, tmp_path / "whole", processes=2, show_progress=False)
    folder = tmp_path / "broken" / recipe.name
    assert not launch(partial(stop_at_third_step, recipe=recipe, folder=folder), 2, recipe.training.precision)
    assert pretrain(recipe, tmp_path / "broken", processes=2, show_progress=False).finished
    whole, broken = (
        load_tensors(tmp_path / run / recipe.name / "last" / "state.safetensors")[0] for run in ("whole", "broken")
    )
    for name, tensor in whole.items():
        assert torch.equal(tensor, broken[name]), name


def test_a_run_resumes_with_another_number_of_processes(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = make_recipe(
        backbone={"dropout": 0.0}, training={"augmentation": {}, "seen": 400, "lr": 1e-3, "precision": "fp32"}
    )
    pretrain(recipe, tmp_path / "whole", show_progress=False)
    folder = tmp_path / "broken" / recipe.name
    assert not launch(partial(stop_at_third_step, recipe=recipe, folder=folder), 2, recipe.training.precision)
    assert pretrain(recipe, tmp_path / "broken", show_progress=False).finished
    whole, broken = (
        load_tensors(tmp_path / run / recipe.name / "last" / "state.safetensors") for run in ("whole", "broken")
    )
    assert whole[1] | {"best": {}} == broken[1] | {"best": {}}
    for name, tensor in whole[0].items():
        if name.startswith("weights/"):
            found, wanted = (without_key_bias(name, one) for one in (broken[0][name], tensor))
            torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)


def without_key_bias(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """A softmax does not depend on the bias of the keys: its gradient is rounding alone, which AdamW scales up."""
    if not name.endswith("project_in.bias"):
        return tensor
    query, _, value = tensor.chunk(3)
    return torch.cat((query, value))


def die(fabric: Fabric) -> None:
    if fabric.global_rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    fabric.barrier()


def complain(_fabric: Fabric) -> None:
    raise InputError("no such shards")


@pytest.mark.filterwarnings("ignore:.*leaked:UserWarning")
def test_a_killed_process_is_told() -> None:
    with pytest.raises(RecipeError, match=r"SIGKILL.*memory.*run the same command"):
        launch(die, 2, "fp32")


def test_an_error_comes_through_as_it_is() -> None:
    with pytest.raises(InputError, match="no such shards"):
        launch(complain, 2, "fp32")


def sums(fabric: Fabric) -> tuple[list[float], list[float], bool, list[float], list[float]]:
    module = nn.Bilinear(1, 1, 2)  # a weight, and a bias that no process uses
    module.register_parameter("scale", nn.Parameter(torch.ones(1)))  # and one that the first process uses
    module.register_buffer("mean", torch.tensor([float(fabric.global_rank)]))
    module.weight.grad = torch.full((2, 1, 1), 1.0 + fabric.global_rank)
    if fabric.global_rank == 0:
        module.scale.grad = torch.tensor([5.0])
    total = add_over_processes(fabric, module, torch.tensor([3.0]))
    unused = module.bias.grad is None
    assert module.scale.grad is not None
    return (
        module.weight.grad.flatten().tolist(),
        module.scale.grad.tolist(),
        unused,
        module.mean.tolist(),
        total.tolist(),
    )


def test_gradients_are_added_and_buffers_averaged() -> None:
    assert launch(sums, 2, "fp32") == ([3.0, 3.0], [5.0], True, [0.5], [6.0])
