"""Base class of heads: the outputs of a backbone in, a prediction out."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from coffea_fm.config import Config
from coffea_fm.nn.blocks.dropout import Dropout
from coffea_fm.tokens import Level

Classes = tuple[str, ...]


class HeadConfig(Config):
    """Base class of head configurations; each has its own ``kind``.

    To add a head, write a file next to this one with a configuration and a module, and add a line to
    ``coffea_fm.nn.heads``.
    """

    kind: str

    @property
    def truth_fields(self) -> tuple[str, ...]:
        """Token fields in the shards that only the loss needs."""
        return ()

    def build(self, level: Level, dim: int, classes: Classes = (), jet_head: Any = None) -> Head:
        """Build the head, initialised from torch's global random state.

        Parameters
        ----------
        level : Level
            Top level of the model's inputs.
        dim : int
            Width of the backbone's vectors.
        classes : tuple of str
            Classes of the training examples, for a head that predicts them.
        jet_head : JetHeadConfig, optional
            Computes the jet scores, for an event head that reads them.

        Raises
        ------
        RecipeError
            If one of its inputs is missing.
        """
        raise NotImplementedError


class Head(nn.Module):
    """A small network on top of a backbone.

    `forward` takes the arrays that `reads` names, in that order.

    Attributes
    ----------
    output : str
        Name of its output in a bundle.
    reads : tuple of str
        Names of its input arrays, as `Model.known` and exported graphs return them.
    level : str
        Name of the level that it makes predictions for.
    pairs : bool
        Whether it makes a prediction for each pair instead.
    columns : tuple of str
        Names of the predicted numbers, such as classes; empty for a single unnamed number.
    """

    output: ClassVar[str]
    pairs: ClassVar[bool] = False
    reads: tuple[str, ...] = ("embedding",)
    level: str
    columns: tuple[str, ...] = ()

    @property
    def unit(self) -> Tensor | float:
        """Scale of a relevant difference of the predictions, [columns]; the numerical check divides by it."""
        return 1.0

    def answer(self, result: Tensor) -> Tensor:
        """Convert the result of `forward`, which the loss uses, to the output of the exported graph."""
        raise NotImplementedError


def layers(dim: int, hidden: tuple[int, ...], outputs: int, dropout: float) -> nn.Sequential:
    """Dropout, hidden layers with GELU, and a linear layer."""
    parts: list[nn.Module] = [Dropout(dropout)]
    for width in hidden:
        parts += [nn.Linear(dim, width), nn.GELU()]
        dim = width
    return nn.Sequential(*parts, nn.Linear(dim, outputs))
