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
    """The two regions of the ABCD method that are a category's own.

    Parameters
    ----------
    A : str
        Where the signal is looked for.
    B : str
        What gives the rate: on the same side of the first variable, away from the signal in the second.
    """

    A: str
    B: str


class Plane(_Part):
    """Categories whose multijet background one pair of control regions predicts: ``A = C B / D``.

    Parameters
    ----------
    histogram : str
        Path of a histogram with the axes ``process``, ``variation``, ``region`` and ``value``.
    C : str
        Its distribution is that of the prediction.
    D : str
        What B is divided by.
    categories : dict of str to Category
        By name.
    slope : float
        Standard deviation of a change of the transfer factor B / D from the middle of the distribution to its end, which
        the regions B and D constrain further, and of another one in region A alone.
    """

    histogram: str
    C: str
    D: str
    categories: dict[str, Category] = Field(min_length=1)
    slope: Positive = 0.3


class Experiment(_Part):
    """What stands above the figures.

    Parameters
    ----------
    energy : float, optional
        Centre-of-mass energy, TeV.
    name : str
        Of the experiment.
    status : str
        Such as ``Simulation`` or ``Preliminary``.
    """

    energy: Positive | None = None
    name: str = ""
    status: str = "Simulation"


class Scan(_Part):
    """What stands at the axes of the figure of limits by mass.

    Parameters
    ----------
    mass : str
        Of the signals, whose masses the fileset gives.
    cross_section : str
        Of mu = 1.
    """

    mass: str = "mass [GeV]"
    cross_section: str = "cross section [fb]"


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
    experiment : Experiment
        What stands above the figures.
    scan : Scan
        Of the figure of limits by mass.
    """

    planes: dict[str, Plane] = Field(min_length=1)
    multijet: str
    backgrounds: dict[str, Positive]
    systematics: tuple[str, ...] = ()
    luminosity_uncertainty: Positive = 0.016
    minimal_effective_events: Positive = 20.0
    figures: dict[str, Shown] = {}
    experiment: Experiment = Experiment()
    scan: Scan = Scan()


def read_settings(path: Path) -> FitSettings:
    """Read the settings of a fit.

    Raises
    ------
    RecipeError
        If there is no such file, or a key is unknown or missing.
    """
    return read_config(path, FitSettings, "fit settings")
