"""Upper limits as a function of the signal mass."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from cabinetry.fit.results_containers import LimitResults
from matplotlib.figure import Figure

from coffea_fm.plots.style import Label, one_panel, style

_ONE, _TWO = "#85D1FB", "#FFDF7F"  # the colours of CMS


@style()
def limits_figure(
    limits: Mapping[float, tuple[float, LimitResults]], *, mass: str, cross_section: str, label: Label
) -> Figure:
    """Draw expected and observed upper limits on the cross section.

    Parameters
    ----------
    limits : mapping of float to tuple of float and cabinetry.fit.LimitResults
        By mass in GeV: the cross section of mu = 1 in fb, and the limits on mu.
    mass, cross_section : str
        Labels of the axes.
    label : Label
        Text above the frame.
    """
    figure, axes = one_panel(label)
    masses = sorted(limits)
    low_two, low_one, middle, high_one, high_two = np.array(
        [limits[at][0] * limits[at][1].expected_limit for at in masses]
    ).T
    axes.fill_between(masses, low_two, high_two, color=_TWO, label="95% expected")
    axes.fill_between(masses, low_one, high_one, color=_ONE, label="68% expected")
    axes.plot(masses, middle, "k--", marker=".", label="median expected")
    observed = np.array([limits[at][0] * limits[at][1].observed_limit for at in masses])
    if np.isfinite(observed).all():
        axes.plot(masses, observed, "k-", marker="o", label="observed")
    axes.set(yscale="log", xlabel=mass, ylabel=f"95% CL limit on {cross_section}")
    axes.legend(fontsize="small")
    return figure
