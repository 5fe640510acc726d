"""What a file of weights does not say."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt

from coffea_fm.config import Config


class WeightOptions(Config):
    """What the shapes of the weights do not show; the defaults are those of JetClass (arXiv:2202.03772).

    Parameters
    ----------
    classes : tuple of str, optional
        Names of the scores, in the order of training; by default those of JetClass, if there are ten.
    neighbours : int
        Number of nearest neighbours in a ParticleNet.
    pair_activation : bool
        Whether the network of pair features in a Particle Transformer ends with an activation: false if it was trained
        with weaver's ``use_pre_activation_pair``.
    max_tokens : int
        Number of constituents that are read, by descending pT.
    source : str
        Where the weights come from, for the card.
    """

    classes: tuple[str, ...] = ()
    neighbours: PositiveInt = 16
    pair_activation: bool = True
    max_tokens: Annotated[int, Field(ge=1)] = 128
    source: str = ""
