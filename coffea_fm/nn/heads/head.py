"""What every head is: vectors of the backbone in, an answer out."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor, nn

from coffea_fm.nn.dropout import Dropout

Level = Literal["jet", "token", "pair", "event"]


class Head(nn.Module):
    """A small network on the backbone.

    Attributes
    ----------
    output : str
        Name of its answer in a bundle.
    level : {"jet", "token", "pair", "event"}
        What has one answer each.
    columns : tuple of str
        Names of the numbers of an answer; empty where they are the classes of the training jets.
    """

    output: ClassVar[str]
    level: ClassVar[Level] = "jet"
    columns: tuple[str, ...] = ()

    @property
    def reads(self) -> Literal["embedding", "token_vectors"]:
        """Which vectors `forward` takes."""
        return "embedding" if self.level in ("jet", "event") else "token_vectors"

    @property
    def unit(self) -> Tensor | float:
        """A difference of answers that matters, [columns]: by it the numerical check divides."""
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
