"""Classification without labels (CWoLa, arXiv:1708.02949): separate two mixed samples instead of two classes.

If r is the likelihood ratio of signal to background, the ratio of mixtures with signal fractions f1 > f2 is
``(f1 r + 1 - f1) / (f2 r + 1 - f2)``. It increases with r, so the best classifier of the mixtures is also the best
classifier of the classes. Here the mixtures are made of jets with known classes. Real mixtures do not need this method:
collect the samples as classes and train ``supervised``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from coffea_fm.errors import RecipeError
from coffea_fm.hashing import hash_to_uniform
from coffea_fm.methods.method import Method, MethodConfig
from coffea_fm.nn.batches import Batch, Examples
from coffea_fm.nn.model import Model
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import Level

Fraction = Annotated[float, Field(ge=0, le=1)]


class CwolaConfig(MethodConfig):
    """The method ``cwola``.

    Parameters
    ----------
    signal : tuple of str
        Classes that are signal; all others are background.
    fractions : tuple of float
        Signal fractions of the first and the second mixture, which have equal size.
    """

    heads: ClassVar = {"jet": ("classification",)}
    kind: Literal["cwola"] = "cwola"
    signal: Annotated[tuple[str, ...], Field(min_length=1)]
    fractions: tuple[Fraction, Fraction]

    def build(self, model: Model) -> Cwola:  # noqa: D102
        return Cwola(self, model)


class Cwola(Method):
    """Binary cross-entropy of the mixture of each jet; the logit is that of all signal classes against all others."""

    metrics: ClassVar = ("loss", "accuracy", "true_accuracy")
    is_signal: Tensor
    class_weight: Tensor

    def __init__(self, config: CwolaConfig, model: Model) -> None:
        super().__init__(model)
        self.config = config
        classes = () if model.head is None else model.head.columns
        self.register_buffer("is_signal", torch.zeros(len(classes), dtype=torch.bool))
        self.register_buffer("class_weight", torch.ones(2))

    def prepare(self, data: ShardDataset, seed: int) -> None:  # noqa: ARG002, D102
        for name in self.config.signal:
            if name not in data.classes:
                raise RecipeError(f"method.signal: {name!r} is not a class of the shards: {', '.join(data.classes)}")
        self.is_signal.copy_(torch.tensor([name in self.config.signal for name in data.classes]))
        share = float(self.is_signal.numpy()[data.scalars("target")["target"]].mean())
        if not 0 < share < 1:
            raise RecipeError(f"the shards in {data.folder} must have both signal and background")
        wanted = sum(self.config.fractions) / 2
        self.class_weight.copy_(torch.tensor([(1 - wanted) / (1 - share), wanted / share]))

    def parts(  # noqa: D102
        self, examples: Examples, level: Level, micro_tokens: int, device: torch.device, random: np.random.Generator
    ) -> Iterator[Batch]:
        signal = self.is_signal.numpy(force=True)[examples.columns["target"]]
        first, second = self.config.fractions
        chance = np.where(signal, first / max(first + second, 1e-12), (1 - first) / max(2 - first - second, 1e-12))
        # From the stored columns: the mixture of a jet must not depend on its augmentation.
        stored = [examples.columns[name].astype(np.float32) for name in level.names]
        mixture = (hash_to_uniform(stored) < chance).astype(np.int64)
        weight = examples.weight * self.class_weight.numpy(force=True)[signal.astype(int)]
        mixed = examples._replace(columns=examples.columns | {"mixture": mixture}, weight=weight)
        return super().parts(mixed, level, micro_tokens, device, random)

    def forward(self, part: Batch) -> dict[str, Tensor]:  # noqa: D102
        logits = self.model(part.inputs).float()
        signal = logits[:, self.is_signal].logsumexp(dim=1) - logits[:, ~self.is_signal].logsumexp(dim=1)
        mixture = part.columns["mixture"]
        loss = binary_cross_entropy_with_logits(signal, mixture.float(), reduction="none")
        truth, found = self.is_signal[part.columns["target"]], signal > 0
        accuracies = {"accuracy": (found == (mixture > 0)).float(), "true_accuracy": (found == truth).float()}
        return {"loss": loss, **accuracies}
