"""Domain-adversarial training (arXiv:1505.07818): an embedding that does not tell data from simulation."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, cast

import numpy as np
import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from coffea_fm.errors import RecipeError
from coffea_fm.methods.method import Method, MethodConfig
from coffea_fm.methods.parts.projector import Projector, ProjectorConfig
from coffea_fm.nn.batches import Batch
from coffea_fm.nn.heads import Head
from coffea_fm.nn.model import Model
from coffea_fm.shards import ShardDataset


class DomainAdversarialConfig(MethodConfig):
    """The method ``domain-adversarial``. Its shards have a column ``domain``: 0 for labelled simulation, 1 for data.

    Parameters
    ----------
    strength : float
        Final weight of the reversed gradient. It grows as ``tanh(5 x)`` with the completed fraction x, as in the paper.
    hidden : tuple of int
        Widths of the hidden layers of the network that tells the domains apart.
    """

    heads: ClassVar = {"jet": ("classification",)}
    kind: Literal["domain-adversarial"] = "domain-adversarial"
    strength: NonNegativeFloat = 1.0
    hidden: Annotated[tuple[PositiveInt, ...], Field(max_length=4)] = (64,)

    def build(self, model: Model) -> DomainAdversarial:  # noqa: D102
        return DomainAdversarial(self, model)


class DomainAdversarial(Method):
    """Cross-entropy of the labelled jets, while a second network tells the domains apart and the backbone prevents it.

    The classes of jets with ``domain`` 1 are not read. The method assumes that both domains have the same fractions of
    classes: where they have not, the embedding can be the same in both only by losing what separates the classes.

    Parameters
    ----------
    config : DomainAdversarialConfig
    model : Model
        Its head computes logits [n, classes].

    Attributes
    ----------
    metrics : tuple of str
        In validation ``loss`` is that of the classes alone, so the best checkpoint is the best classifier.
        ``domain_accuracy`` is 0.5 for an embedding that is the same in both domains. The means are those of the labelled
        jets, and of equally many of both domains, if the validation has the mixture of the training.
    """

    metrics: ClassVar = ("loss", "accuracy", "domain_loss", "domain_accuracy")
    balance: Tensor
    ramp: Tensor

    def __init__(self, config: DomainAdversarialConfig, model: Model) -> None:
        super().__init__(model)
        self.config = config
        self.adversary = Projector(ProjectorConfig(hidden=config.hidden, dim=1), model.backbone.dim)
        self.register_buffer("balance", torch.ones(2))
        self.register_buffer("ramp", torch.zeros(()))

    def prepare(self, data: ShardDataset, seed: int) -> None:  # noqa: ARG002, D102
        counts = np.bincount(data.scalars("domain")["domain"], minlength=2)
        if len(counts) > 2 or not counts.all():
            raise RecipeError(f"the column domain in {data.folder} must have both 0 (simulation) and 1 (data)")
        self.balance.copy_(torch.from_numpy(counts.sum() / (2 * counts)))

    def forward(self, part: Batch) -> dict[str, Tensor]:  # noqa: D102
        embedding = self.model.known(part.inputs)["embedding"]
        logits = cast("Head", self.model.head)(embedding).float()
        domain, target = part.columns["domain"].long(), part.columns["target"]
        found = self.adversary(reversed_gradient(embedding, self.config.strength * self.ramp)).squeeze(1).float()
        labelled, balance = 2 * self.balance[0] * (domain == 0), self.balance[domain]
        classification = labelled * cross_entropy(logits, target, reduction="none")
        domain_loss = balance * binary_cross_entropy_with_logits(found, domain.float(), reduction="none")
        return {
            "loss": classification + domain_loss if self.training else classification,
            "accuracy": labelled * (logits.argmax(dim=1) == target),
            "domain_loss": domain_loss,
            "domain_accuracy": balance * ((found > 0) == (domain == 1)),
        }

    def finish_step(self, progress: float) -> None:  # noqa: D102
        self.ramp.fill_(np.tanh(5 * progress))


def reversed_gradient(values: Tensor, strength: Tensor | float) -> Tensor:
    """The same numbers, whose gradient is multiplied by ``-strength``."""
    return values.detach() - strength * (values - values.detach())
