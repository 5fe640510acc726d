"""Training in several processes that share the examples of each step."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Literal, TypeVar

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, nn
from torch.distributed import destroy_process_group
from torch.multiprocessing.spawn import ProcessExitedException

from coffea_fm.errors import CoffeaFMError, RecipeError
from coffea_fm.nn.batches import Examples
from coffea_fm.training.loop.precision import Asked, Precision, choose_precision, remember_shapes

_FABRIC_PRECISION: dict[Precision, Literal["32-true", "bf16-mixed"]] = {"fp32": "32-true", "bf16": "bf16-mixed"}
ResultT = TypeVar("ResultT")


def launch(work: Callable[[Fabric], ResultT], processes: int, precision: Asked) -> ResultT:
    """Do work in one process, this one, or in several new ones.

    Parameters
    ----------
    work : callable
        Takes the `Fabric`; picklable if there are several processes. The first one's result is given back.
    processes : int
        How many: one a GPU, or on CPUs as many as cores, each with its share of the threads.
    precision : {"auto", "fp32", "bf16"}
        Arithmetic of the networks.

    Raises
    ------
    RecipeError
        If a process was killed.
    """
    accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    number = _FABRIC_PRECISION[choose_precision(precision, torch.device(accelerator))]
    remember_shapes()
    if processes == 1:
        return work(Fabric(accelerator=accelerator, devices=1, precision=number))
    fabric = Fabric(
        accelerator=accelerator, devices=processes, precision=number, strategy=DDPStrategy(start_method="spawn")
    )
    try:
        result: ResultT | CoffeaFMError = fabric.launch(partial(_guarded, work=work))
    except ProcessExitedException as error:
        raise RecipeError(
            f"a process of the training ended on its own ({error}): the memory may not suffice for {processes} of "
            "them. What was saved last is intact; the same command goes on from there"
        ) from error
    if isinstance(result, CoffeaFMError):
        raise result
    return result


def _guarded(fabric: Fabric, work: Callable[[Fabric], ResultT]) -> ResultT | CoffeaFMError:
    torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // fabric.world_size))
    try:
        result = work(fabric)
    except CoffeaFMError as error:
        return error
    destroy_process_group()  # gloo's threads may abort a process that ends with them: pytorch#190489
    return result


def share(fabric: Fabric, examples: Examples) -> Examples:
    """The examples of a step that this process takes: as many, and as long ones, as each other one."""
    if fabric.world_size == 1:
        return examples
    by_length = np.argsort(-examples.packed.n_tokens, kind="stable")
    return examples.take(by_length[fabric.global_rank :: fabric.world_size])


def added(fabric: Fabric, numbers: Tensor) -> Tensor:
    """The sum of the numbers of all processes."""
    total = fabric.all_reduce(numbers, reduce_op="sum")
    assert isinstance(total, Tensor)
    return total


def add_over_processes(fabric: Fabric, module: nn.Module, numbers: Tensor) -> Tensor:
    """Sum the gradients of all processes, and some numbers beside them, in one message; average the floating buffers.

    Parameters
    ----------
    fabric : Fabric
        Knows the processes.
    module : nn.Module
        Its gradients become those of all examples of the step.
    numbers : Tensor, float32 [n]
        Sums over the examples of this process.

    Returns
    -------
    Tensor, float32 [n]
        Sums over all examples.
    """
    if fabric.world_size == 1:
        return numbers
    gradients = []
    for parameter in module.parameters():
        if parameter.requires_grad:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            gradients.append(parameter.grad)
    buffers = [buffer for buffer in module.buffers() if buffer.is_floating_point()]
    tensors = [*gradients, *buffers, numbers]
    message = added(fabric, torch.cat([tensor.flatten().float() for tensor in tensors]))
    parts = torch.split(message, [tensor.numel() for tensor in tensors])
    for tensor, part in zip(gradients, parts[: len(gradients)], strict=True):
        tensor.copy_(part.view_as(tensor))
    for tensor, part in zip(buffers, parts[len(gradients) : -1], strict=True):
        tensor.copy_(part.view_as(tensor) / fabric.world_size)
    return parts[-1]
