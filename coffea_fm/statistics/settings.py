"""What an analysis says of its fit, as YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field

from coffea_fm.config import Config, read_config

Positive = Annotated[float, Field(gt=0)]


class _Part(Config):
    model_config = ConfigDict(allow_inf_nan=False)


class Category(_Part):
    """A signal region and the region that gives its rate.

    Parameters
    ----------
    signal : str
        A of the ABCD method: where the signal is looked for.
    rate : str
        B: on the same side of the first variable, away from the signal in the second.
    """

    signal: str
    rate: str


class Plane(_Part):
    """Categories whose multijet background one pair of control regions predicts: ``A = C B / D``.

    Parameters
    ----------
    histogram : str
        Path of a histogram with the axes ``process``, ``variation``, ``region`` and ``value``.
    shape : str
        C: its distribution is that of the prediction.
    reference : str
        D: what B is divided by.
    categories : dict of str to Category
        By name.
    slope : float
        Standard deviation of a change of the transfer factor B / D from the middle of the distribution to its end, which
        the regions B and D constrain further, and of another one in the signal region alone.
    """

    histogram: str
    shape: str
    reference: str
    categories: dict[str, Category] = Field(min_length=1)
    slope: Positive = 0.3


class Shown(_Part):
    """A distribution to draw beside those of the fit.

    Parameters
    ----------
    histogram : str
        As for `Plane`.
    regions : tuple of str
        Their events are added up.
    """

    histogram: str
    regions: tuple[str, ...] = Field(min_length=1)


class FitSettings(_Part):
    """What is fitted.

    Parameters
    ----------
    planes : dict of str to Plane
        By name.
    multijet : str
        The process that data predict.
    backgrounds : dict of str to float
        The others, simulated, with the relative uncertainty of their cross sections.
    systematics : tuple of str
        Variations: histograms filled under ``NAME_up`` and ``NAME_down``, or ``NAME_up`` or ``NAME`` alone, which is
        then mirrored. Those that no histogram has are left out.
    luminosity_uncertainty : float
        Relative.
    minimal_effective_events : float
        Bins are merged until the simulation behind the background of each counts as many.
    figures : dict of str to Shown
        Further distributions to draw, by name.
    """

    planes: dict[str, Plane] = Field(min_length=1)
    multijet: str
    backgrounds: dict[str, Positive]
    systematics: tuple[str, ...] = ()
    luminosity_uncertainty: Positive = 0.016
    minimal_effective_events: Positive = 20.0
    figures: dict[str, Shown] = {}


def read_settings(path: Path) -> FitSettings:
    """Read the settings of a fit.

    Raises
    ------
    RecipeError
        If there is no such file, or a key is unknown or lacks.
    """
    return read_config(path, FitSettings, "fit settings")
