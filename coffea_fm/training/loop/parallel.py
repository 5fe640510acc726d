"""Training in several processes that share the examples of each step."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, nn
from torch.distributed import destroy_process_group
from torch.multiprocessing.spawn import ProcessExitedException

from coffea_fm.arrays import IntArray
from coffea_fm.errors import CoffeaFMError, RecipeError
from coffea_fm.training.data.sharing import Sharing
from coffea_fm.training.loop.launchers import launcher
from coffea_fm.training.loop.precision import Asked, Precision, choose_precision, remember_shapes

_FABRIC_PRECISION: dict[Precision, Literal["32-true", "bf16-mixed"]] = {"fp32": "32-true", "bf16": "bf16-mixed"}
ResultT = TypeVar("ResultT")


def launch(work: Callable[[Fabric], ResultT], processes: int, precision: Asked) -> ResultT:
    """Run a function in this process, in several new ones, or in those that ``torchrun`` or ``srun`` has started.

    Parameters
    ----------
    work : callable
        Takes the `Fabric`; must be picklable for several new processes. The result of the first process is returned, or
        for processes started from outside that of each.
    processes : int
        Number of processes: one per GPU, or on CPUs up to the number of cores, which share the threads.
    precision : {"auto", "fp32", "bf16"}
        Floating-point precision of the networks.

    Raises
    ------
    RecipeError
        If a process was killed, or both `processes` and a launcher from outside give a number.
    """
    accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    number = _FABRIC_PRECISION[choose_precision(precision, torch.device(accelerator))]
    remember_shapes()
    make = partial(Fabric, accelerator=accelerator, precision=number)
    launched = launcher(os.environ)
    if launched is not None:
        if processes > 1:
            raise RecipeError(
                f"{launched.name} has started {launched.processes} processes: leave out --processes {processes}"
            )
        os.environ.update(launched.variables)
        found = TorchElasticEnvironment()
        fabric = make(devices=launched.local, num_nodes=launched.hosts, strategy=DDPStrategy(), plugins=found)
        fabric.launch()
        result = _guarded(fabric, work, local=launched.local)
    elif processes == 1:
        return work(make(devices=1, plugins=[LightningEnvironment()]))
    else:
        fabric = make(devices=processes, strategy=DDPStrategy(start_method="spawn"), plugins=[LightningEnvironment()])
        try:
            result = fabric.launch(partial(_guarded, work=work, local=processes))
        except ProcessExitedException as error:
            raise RecipeError(
                f"a training process was terminated ({error}): there may not be enough memory for {processes} processes. "
                "The last saved state is intact; run the same command to resume from it"
            ) from error
    if isinstance(result, CoffeaFMError):
        raise result
    return result


def _guarded(fabric: Fabric, work: Callable[[Fabric], ResultT], local: int) -> ResultT | CoffeaFMError:
    torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // local))
    try:
        result = work(fabric)
    except CoffeaFMError as error:
        return error
    destroy_process_group()  # gloo's threads may abort a process that exits while they run: pytorch#190489
    return result


def sharing(fabric: Fabric) -> Sharing:
    """What of the data is this process's."""
    if fabric.world_size == 1:
        return Sharing()

    def add(numbers: IntArray) -> IntArray:
        return added(fabric, torch.as_tensor(numbers, device=fabric.device)).numpy(force=True)

    return Sharing(fabric.global_rank, fabric.world_size, add)


def agree(fabric: Fabric, module: nn.Module) -> None:
    """Give all processes the weights of the first: other machines may round differently."""
    if fabric.world_size > 1:
        for tensor in module.state_dict().values():
            tensor.copy_(fabric.broadcast(tensor))


def gathered(fabric: Fabric, parts: Sequence[Tensor], dim: int) -> Tensor:
    """Join rows [n, dim] of all processes, which may have different numbers of them."""
    rows = torch.cat([*parts, torch.zeros(0, dim, device=fabric.device)])
    if fabric.world_size == 1:
        return rows
    counts = torch.zeros(fabric.world_size, dtype=torch.int64, device=fabric.device)
    counts[fabric.global_rank] = len(rows)
    ends = added(fabric, counts).cumsum(0)
    whole = torch.zeros(int(ends[-1]), dim, device=fabric.device)
    whole[int(ends[fabric.global_rank]) - len(rows) : int(ends[fabric.global_rank])] = rows
    return added(fabric, whole)


def added(fabric: Fabric, numbers: Tensor) -> Tensor:
    """Sum numbers over all processes."""
    total = fabric.all_reduce(numbers, reduce_op="sum")
    assert isinstance(total, Tensor)
    return total


def add_over_processes(fabric: Fabric, module: nn.Module, numbers: Tensor) -> Tensor:
    """Sum gradients and some numbers over all processes, and average floating-point buffers, in one message.

    Parameters
    ----------
    fabric : Fabric
        The processes.
    module : nn.Module
        Its gradients are replaced by those of all examples of the step; a parameter without a gradient in all processes
        has none afterwards, so that it stays as it is, as with one process.
    numbers : Tensor, float32 [n]
        Sums over the examples of this process.

    Returns
    -------
    Tensor, float32 [n]
        Sums over all examples.
    """
    if fabric.world_size == 1:
        return numbers
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    used = torch.tensor([float(parameter.grad is not None) for parameter in parameters], device=numbers.device)
    gradients = [torch.zeros_like(each) if each.grad is None else each.grad for each in parameters]
    buffers = [buffer for buffer in module.buffers() if buffer.is_floating_point()]
    tensors = [*gradients, *buffers, used, numbers]
    message = added(fabric, torch.cat([tensor.flatten().float() for tensor in tensors]))
    parts = torch.split(message, [tensor.numel() for tensor in tensors])
    for parameter, gradient, part, n_used in zip(parameters, gradients, parts, parts[-2].tolist(), strict=False):
        parameter.grad = gradient.copy_(part.view_as(gradient)) if n_used else None
    for tensor, part in zip(buffers, parts[len(gradients) : -2], strict=True):
        tensor.copy_(part.view_as(tensor) / fabric.world_size)
    return parts[-1]
