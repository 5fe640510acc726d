"""Training steps by weaver-core, with its own loop, optimizer and trimming."""

from __future__ import annotations

import contextlib
import io
import logging
from argparse import Namespace
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from weaver.nn.model.ParticleTransformer import ParticleTransformer
from weaver.utils.nn.optimizer.ranger import Ranger
from weaver.utils.nn.tools import train_classification

from coffea_fm.nn.features.level import Features
from coffea_fm.nn.inputs import Inputs
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import pad

VERSION = version("weaver-core")
LENGTH = 128
TRIMMER_WARMUP = 5


class Wrapper(nn.Module):
    """As in the example network of weaver-core for JetClass."""

    def __init__(self, precision: str) -> None:
        super().__init__()
        self.bf16 = precision == "bf16"
        self.mod = ParticleTransformer(input_dim=17, num_classes=10, use_pre_activation_pair=False)

    def forward(self, features: Tensor, lorentz_vectors: Tensor, mask: Tensor) -> Tensor:
        """Logits, [jets, classes]."""
        # The autocast of weaver-core's loop is for CUDA only.
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            logits: Tensor = self.mod(features, v=lorentz_vectors, mask=mask)
        return logits.float()


class Loader:
    """Batches made beforehand, in the shape that weaver-core's data loader gives them."""

    def __init__(self, batches: list[tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]]) -> None:
        config = Namespace(input_names=("pf_features", "pf_vectors", "pf_mask"), label_names=("label",))
        self.dataset = Namespace(config=config)
        self.batches = batches

    def __iter__(self) -> Iterator[Any]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


def weaver_trainer(
    data: ShardDataset,
    order: npt.NDArray[np.int64],
    batch: int,
    device: str = "cpu",
    *,
    precision: str = "fp32",
    compiled: bool = False,
) -> Callable[[int], int]:
    """A function that makes some steps and gives the number of jets in them.

    Parameters
    ----------
    data : ShardDataset
    order : int64 array
        The rows to train on.
    batch : int
        Number of jets per step.
    device : str
    precision : {"fp32", "bf16"}
        ``bf16``: torch's autocast on a CPU, for which weaver-core has no option.
    compiled : bool
        As with weaver-core's option ``--compile``, for batches of any length.
    """
    logging.getLogger("weaver").setLevel(logging.ERROR)
    torch.manual_seed(0)
    model = Wrapper(precision).to(device)
    network = torch.compile(model, dynamic=True) if compiled else model
    optimizer = Ranger(model.parameters(), lr=1e-3)
    ready = list(padded(data, order, batch, 16))
    position = 0

    def steps(number: int) -> int:
        nonlocal position
        chosen = [ready[(position + index) % len(ready)] for index in range(number)]
        position += number
        with contextlib.redirect_stderr(io.StringIO()):
            train_classification(
                network,
                nn.CrossEntropyLoss(),
                optimizer,
                None,
                Loader(chosen),
                torch.device(device),
                epoch=0,
                extra_args={"args": Namespace(use_amp=False, amp_dtype=None)},
            )
        return number * batch

    steps(TRIMMER_WARMUP)
    return steps


def padded(
    data: ShardDataset, order: npt.NDArray[np.int64], batch: int, number: int
) -> Iterator[tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]]:
    """The 17 inputs, four-momenta, mask and class of each batch, padded to 128."""
    packed, columns = data.read(data.row_groups)
    features = Features(data.level, "jetclass")
    for start in range(0, number * batch, batch):
        chosen = order[start : start + batch]
        inputs = Inputs.from_arrays(pad(packed.take(chosen), data.level, LENGTH), data.level)
        pt, eta, phi, mass = inputs.tokens.values[..., :4].unbind(-1)
        energy = ((pt * eta.cosh()).square() + mass.square()).sqrt()
        momenta = torch.stack([pt * phi.cos(), pt * phi.sin(), pt * eta.sinh(), energy], dim=1)
        mask = inputs.tokens.mask.unsqueeze(1)
        yield (
            {
                "pf_features": features(inputs).tokens["constituents"].transpose(1, 2).contiguous(),
                "pf_vectors": momenta * mask,
                "pf_mask": mask.float(),
            },
            {"label": torch.as_tensor(columns["target"][chosen].astype(np.int64))},
            {},
        )
