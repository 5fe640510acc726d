"""Variants of a model in reduced precision, with what was measured of them."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict

from coffea_fm.bundle.graph import Graph
from coffea_fm.config import Config


class PrecisionCheck(Config):
    """Differences of the scores to those of the full precision, on labelled things.

    Parameters
    ----------
    things : int
        Number of jets or events, none of which was used to choose the scales.
    largest, mean : float
        Largest and mean absolute difference of a score.
    rechunked : float
        Largest difference of a score when the same things are run in other batches.
    auc : dict of str to tuple of float
        By signal class: difference of the AUC against the first class, and its error from a paired bootstrap.
    accuracy : tuple of float
        Difference of the accuracy, and its error.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    things: int
    largest: float
    mean: float
    rechunked: float
    auc: dict[str, tuple[float, float]] = {}
    accuracy: tuple[float, float]


class Variant(Config):
    """The same model with other graphs.

    Parameters
    ----------
    name : str
        The word for ``coffea_fm.load(..., precision=...)``.
    method : str
        How its graphs were made.
    graphs : tuple of Graph
        The graphs that replace those of the same name.
    check : PrecisionCheck
    checksum : str
        Identifies the variant: of the model's checksum and everything above.
    """

    name: Literal["fast"]
    method: str
    graphs: tuple[Graph, ...]
    check: PrecisionCheck
    checksum: str = ""
