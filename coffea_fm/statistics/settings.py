"""Settings of the fit of an analysis, from YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field

from coffea_fm.config import Config, read_config

Positive = Annotated[float, Field(gt=0)]


class _Part(Config):
    model_config = ConfigDict(allow_inf_nan=False)


class Category(_Part):
    """The two regions of the ABCD method that are specific to a category.

    Parameters
    ----------
    A : str
        Signal region.
    B : str
        Region for the rate: on the same side of the first variable as A, but away from the signal in the second.
    """

    A: str
    B: str


class Plane(_Part):
    """Categories whose multijet background is predicted from the same pair of control regions: ``A = C B / D``.

    Parameters
    ----------
    histogram : str
        Path of a histogram with the axes ``process``, ``variation``, ``region`` and ``value``.
    C : str
        Region with the shape of the prediction.
    D : str
        Region that B is divided by.
    categories : dict of str to Category
        By name.
    slope : float
        Standard deviation of a change of the transfer factor B / D from the middle of the distribution to its end. The
        regions B and D constrain it further. A second, independent slope of the same size applies to region A only.
    """

    histogram: str
    C: str
    D: str
    categories: dict[str, Category] = Field(min_length=1)
    slope: Positive = 0.3


class Experiment(_Part):
    """Text above the figures.

    Parameters
    ----------
    energy : float, optional
        Centre-of-mass energy, TeV.
    name : str
        Name of the experiment.
    status : str
        E.g. ``Simulation`` or ``Preliminary``.
    """

    energy: Positive | None = None
    name: str = ""
    status: str = "Simulation"


class Scan(_Part):
    """Axis labels of the figure of limits by mass.

    Parameters
    ----------
    mass : str
        Label of the signal mass, which the fileset provides.
    cross_section : str
        Label of the cross section.
    """

    mass: str = "mass [GeV]"
    cross_section: str = "cross section [fb]"


class Shown(_Part):
    """A distribution to draw in addition to those of the fit.

    Parameters
    ----------
    histogram : str
        As for `Plane`.
    regions : tuple of str
        Regions whose events are summed.
    """

    histogram: str
    regions: tuple[str, ...] = Field(min_length=1)


class FitSettings(_Part):
    """Settings of the fit.

    Parameters
    ----------
    planes : dict of str to Plane
        By name.
    multijet : str
        Process predicted from data.
    backgrounds : dict of str to float
        Simulated processes, with the relative uncertainty of their cross sections.
    systematics : tuple of str
        Variations: histograms filled as ``NAME_up`` and ``NAME_down``, or only as ``NAME_up`` or ``NAME``, which are
        then symmetrised. Those not in any histogram are left out.
    luminosity_uncertainty : float
        Relative uncertainty of the luminosity.
    minimal_effective_events : float
        Bins are merged until the simulated background in each has at least this number of effective events.
    figures : dict of str to Shown
        Additional distributions to draw, by name.
    experiment : Experiment
        Text above the figures.
    scan : Scan
        Axis labels of the figure of limits by mass.
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
        If the file does not exist, or a key is unknown or missing.
    """
    return read_config(path, FitSettings, "fit settings")
