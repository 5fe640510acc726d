"""What every head is: what is known of the things of a level in, an answer out."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from coffea_fm.config import Config
from coffea_fm.nn.blocks.dropout import Dropout
from coffea_fm.tokens import Level

Classes = tuple[str, ...]


class HeadConfig(Config):
    """Base of the configurations of heads; each has a ``kind`` of its own.

    A new head is a file beside this one, with a configuration and a module, and a line in ``coffea_fm.nn.heads``.
    """

    kind: str

    @property
    def truth_fields(self) -> tuple[str, ...]:
        """Fields of the tokens in the shards that only the loss reads."""
        return ()

    def build(self, level: Level, dim: int, classes: Classes = (), jet_head: Any = None) -> Head:
        """The head, freshly initialised from torch's global random state.

        Parameters
        ----------
        level : Level
            The top of what the model reads.
        dim : int
            Width of the backbone's vectors.
        classes : tuple of str
            Classes of the training examples, for a head that tells these.
        jet_head : JetHeadConfig, optional
            What gives the scores of jets, for a head of events that reads them.

        Raises
        ------
        RecipeError
            If something that it reads is absent.
        """
        raise NotImplementedError


class Head(nn.Module):
    """A small network on the backbone.

    `forward` takes the arrays that `reads` names, in that order.

    Attributes
    ----------
    output : str
        Name of its answer in a bundle.
    reads : tuple of str
        Names of the arrays it reads, as `Model.known` and exported graphs give them.
    level : str
        Name of the level whose things have one answer each.
    pairs : bool
        Whether pairs of these things have an answer instead.
    columns : tuple of str
        Names of the numbers of an answer, such as classes; none where there is one number without a name.
    """

    output: ClassVar[str]
    pairs: ClassVar[bool] = False
    reads: tuple[str, ...] = ("embedding",)
    level: str
    columns: tuple[str, ...] = ()

    @property
    def unit(self) -> Tensor | float:
        """A difference of answers that matters, [columns]: the numerical check divides by it."""
        return 1.0

    def answer(self, result: Tensor) -> Tensor:
        """What the exported graph gives, from what `forward` gives and a loss compares."""
        raise NotImplementedError


def layers(dim: int, hidden: tuple[int, ...], outputs: int, dropout: float) -> nn.Sequential:
    """Dropout, hidden layers with GELU, and a linear layer."""
    parts: list[nn.Module] = [Dropout(dropout)]
    for width in hidden:
        parts += [nn.Linear(dim, width), nn.GELU()]
        dim = width
    return nn.Sequential(*parts, nn.Linear(dim, outputs))
