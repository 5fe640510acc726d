"""What a file of weights does not say."""

from __future__ import annotations

from pydantic import PositiveInt

from coffea_fm.config import Config


class WeightOptions(Config):
    """What no weights show.

    Parameters
    ----------
    classes : tuple of str, optional
        Names of the scores, in the order of training. By default those of JetClass for ten scores of weaver, and
        ``class_0`` and so on for OmniLearned.
    source : str
        Where the weights come from, for the card.
    """

    classes: tuple[str, ...] = ()
    source: str = ""


class WeaverOptions(WeightOptions):
    """What weights of weaver do not show; the defaults are those of JetClass (arXiv:2202.03772).

    Parameters
    ----------
    neighbours : int
        Number of nearest neighbours in a ParticleNet.
    pair_activation : bool
        Whether the network of pair features in a Particle Transformer ends with an activation: false if it was trained
        with weaver's ``use_pre_activation_pair``.
    max_tokens : int
        Number of constituents that are read, by descending pT.
    """

    neighbours: PositiveInt = 16
    pair_activation: bool = True
    max_tokens: PositiveInt = 128


class OmniLearnedOptions(WeightOptions):
    """What a checkpoint of OmniLearned does not show (arXiv:2510.24066).

    Parameters
    ----------
    max_tokens : int
        Number of constituents that are read, by descending pT.
    """

    max_tokens: PositiveInt = 150
