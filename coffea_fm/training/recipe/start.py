"""The recipe section ``start``: the weights to start from, and how to fine-tune the backbone.

Modes: ``frozen`` (a linear probe, with a head without hidden layers), ``full``, ``probe-then-full`` (RINO,
arXiv:2509.07486), ``staged`` (masked particle modelling v2, arXiv:2409.12589) and ``low-rank`` (arXiv:2106.09685).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from coffea_fm.config import Config

Fraction = Annotated[float, Field(ge=0, le=1)]
OpenFraction = Annotated[float, Field(gt=0, lt=1)]


class _Start(Config):
    checkpoint: Path | None = None

    def backbone_factor(self, progress: float) -> float:
        """Learning-rate factor of the backbone after a fraction `progress` of the training; 0 if frozen."""
        raise NotImplementedError

    def head_factor(self, progress: float) -> float:  # noqa: ARG002
        """Learning-rate factor of everything else."""
        return 1.0

    def layer_factor(self, layers_above: int) -> float:  # noqa: ARG002
        """Additional learning-rate factor of a layer of the backbone."""
        return 1.0


class FrozenStart(_Start):
    """The backbone is frozen, in evaluation mode. Only the head is trained.

    Parameters
    ----------
    checkpoint : Path, optional
        A folder such as ``runs/NAME/best``, or the name of a shipped model; random weights without one.
    """

    mode: Literal["frozen"] = "frozen"

    def backbone_factor(self, progress: float) -> float:  # noqa: ARG002
        """Never trained."""
        return 0.0


class FullStart(_Start):
    """All weights are trained from the first step.

    Parameters
    ----------
    checkpoint : Path, optional
        A folder such as ``runs/NAME/best``, or the name of a shipped model; random weights without one.
    head_lr, backbone_lr : float
        Learning rates of head and backbone in units of ``training.lr`` (Particle Transformer: 50 for the head).
    layer_decay : float
        Factor between the learning rate of each backbone layer and that of the layer above it.
    """

    mode: Literal["full"] = "full"
    head_lr: PositiveFloat = 1.0
    backbone_lr: PositiveFloat = 1.0
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0

    def backbone_factor(self, progress: float) -> float:  # noqa: ARG002
        """Always trained."""
        return self.backbone_lr

    def head_factor(self, progress: float) -> float:  # noqa: ARG002
        """As configured."""
        return self.head_lr

    def layer_factor(self, layers_above: int) -> float:
        """Smaller for layers closer to the inputs."""
        return float(self.layer_decay**layers_above)


class ProbeThenFullStart(FullStart):
    """Train only the head first, then everything at a lower learning rate.

    Parameters
    ----------
    probe : float
        Fraction of the training for which the backbone is frozen.
    full_lr : float
        Factor of the learning rates of backbone and head after that.
    """

    mode: Literal["probe-then-full"] = "probe-then-full"  # type: ignore[assignment]
    probe: OpenFraction = 0.5
    full_lr: PositiveFloat = 0.1

    def backbone_factor(self, progress: float) -> float:
        """0, then `backbone_lr` times `full_lr`."""
        return 0.0 if progress < self.probe else self.backbone_lr * self.full_lr

    def head_factor(self, progress: float) -> float:
        """`head_lr`, then `head_lr` times `full_lr`."""
        return self.head_lr * (1.0 if progress < self.probe else self.full_lr)


class StagedStart(FullStart):
    """Train only the head first, then ramp up the learning rate of the backbone linearly to `backbone_lr`.

    Parameters
    ----------
    frozen : float
        Fraction of the training for which the backbone is frozen.
    ramp : float
        Fraction of the training over which its learning rate rises.
    """

    mode: Literal["staged"] = "staged"  # type: ignore[assignment]
    frozen: OpenFraction = 0.2
    ramp: OpenFraction = 0.2

    def backbone_factor(self, progress: float) -> float:
        """0, a ramp, `backbone_lr`."""
        return self.backbone_lr * min(1.0, max(0.0, (progress - self.frozen) / self.ramp))


class LowRankStart(FullStart):
    """The backbone is frozen, except for a low-rank matrix added to each weight matrix of its blocks.

    In checkpoints the matrices are merged, so they contain a plain network.

    Parameters
    ----------
    rank : int
        Rank of the added matrices.
    alpha : float
        The added matrices are scaled by ``alpha / rank``.
    """

    mode: Literal["low-rank"] = "low-rank"  # type: ignore[assignment]
    rank: PositiveInt = 8
    alpha: PositiveFloat = 16.0


StartConfig = Annotated[
    FrozenStart | FullStart | ProbeThenFullStart | StagedStart | LowRankStart, Field(discriminator="mode")
]
