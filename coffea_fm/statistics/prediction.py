"""Multijet background from control regions: ``A = C B / D`` times a correction, in bins with enough events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from coffea_fm.analysis.regions import DATA
from coffea_fm.arrays import DoubleArray, IntArray
from coffea_fm.errors import InputError
from coffea_fm.statistics.binning import merged_bins
from coffea_fm.statistics.settings import FitSettings, Plane
from coffea_fm.statistics.yields import Filled, Yields


@dataclass(frozen=True)
class Prediction:
    """The multijet background of one plane.

    Parameters
    ----------
    plane : Plane
        Names of the histogram and regions.
    filled : Filled
        The histogram.
    bins : int64 [n_bins]
        First histogram bin of each bin in regions A and C.
    rate_bins : int64 [n_rate_bins]
        The same in regions B and D.
    seen : dict of str to Yields
        Data in each control region, or all simulated backgrounds if there are no data.
    multijet : dict of str to Yields
        The same minus the other backgrounds, in bins of the fit.
    transfer : dict of str to float
        B / D by category.
    correction : dict of str to float
        ``A D / (B C)`` of simulated multijet events by category; 1 if there are none in A.
    """

    plane: Plane
    filled: Filled
    bins: IntArray
    rate_bins: IntArray
    seen: dict[str, Yields]
    multijet: dict[str, Yields]
    transfer: dict[str, float]
    correction: dict[str, float]

    def bins_of(self, region: str) -> IntArray:
        """First histogram bin of each bin of a region."""
        rates = {self.plane.D, *(category.B for category in self.plane.categories.values())}
        return self.rate_bins if region in rates else self.bins

    def edges_of(self, region: str) -> DoubleArray:
        """Edges of the bins of a region."""
        return np.append(self.filled.edges[:-1][self.bins_of(region)], self.filled.edges[-1])

    def yields(self, process: str, region: str, variation: str = "nominal") -> Yields:
        """A process in the bins of a region."""
        return self.filled.get(process, region, variation).merged(self.bins_of(region))

    def predicted(self, category: str) -> Yields:
        """Multijet events in the signal region of a category."""
        return self.multijet[self.plane.C].times(self.transfer[category] * self.correction[category])


def predict(plane: Plane, filled: Filled, settings: FitSettings, name: str) -> Prediction:
    """Choose bins and predict the multijet background of a plane.

    Parameters
    ----------
    plane : Plane
        Names of the regions.
    filled : Filled
        Its histogram.
    settings : FitSettings
        Processes, and the minimal number of events per bin.
    name : str
        Name of the plane, for errors.

    Raises
    ------
    InputError
        If a region has too few events for a single bin, or no multijet events remain in a control region.
    """
    rates = {category: regions.B for category, regions in plane.categories.items()}
    control = (plane.C, plane.D, *rates.values())
    others = {region: _sum(filled, settings.backgrounds, region) for region in control}
    simulated = {region: filled.get(settings.multijet, region) + others[region] for region in control}
    seen = {region: filled.get(DATA, region) for region in control} if DATA in filled.processes else simulated
    multijet = {region: seen[region] - others[region] for region in control}
    for region, left in multijet.items():
        if left.total <= 0:
            raise InputError(
                f"no multijet events remain in region {region!r} of {name} to predict from: loosen its cuts, or check for "
                "overestimated simulated backgrounds"
            )
    transfer = {category: multijet[region].total / multijet[plane.D].total for category, region in rates.items()}
    simulated_shape = simulated[plane.C] - others[plane.C]
    fitted, correction = {}, {}
    for category, regions in plane.categories.items():
        rate, correction[category] = _simulated_rate(plane, category, filled, settings.multijet, name)
        fitted[regions.A] = simulated_shape.times(rate * correction[category]) + _sum(
            filled, settings.backgrounds, regions.A
        )
    least = settings.minimal_effective_events
    bins = merged_bins({plane.C: simulated[plane.C], **fitted}, [multijet[plane.C]], least, name)
    of_rates = control[1:]
    rate_bins = merged_bins(
        {region: simulated[region] for region in of_rates}, [multijet[region] for region in of_rates], least, name
    )
    by_region = {region: bins if region == plane.C else rate_bins for region in control}
    return Prediction(
        plane,
        filled,
        bins,
        rate_bins,
        {region: seen[region].merged(first_bins) for region, first_bins in by_region.items()},
        {region: multijet[region].merged(first_bins) for region, first_bins in by_region.items()},
        transfer,
        correction,
    )


def _simulated_rate(plane: Plane, category: str, filled: Filled, multijet: str, name: str) -> tuple[float, float]:
    """B / D of simulated multijet events, and the correction of the prediction."""
    regions = plane.categories[category]
    signal, rate, shape, reference = (
        filled.get(multijet, region).total for region in (regions.A, regions.B, plane.C, plane.D)
    )
    if min(rate, shape, reference) <= 0:
        raise InputError(
            f"no simulated event of {multijet!r} is in a control region of {name}: the closure of its prediction cannot be "
            "tested; loosen its cuts, or simulate more"
        )
    transfer = rate / reference
    return transfer, signal / (shape * transfer) if signal > 0 else 1.0


def _sum(filled: Filled, processes: Mapping[str, float], region: str) -> Yields:
    nothing = np.zeros(len(filled.edges) - 1)
    return sum((filled.get(process, region) for process in processes), Yields(nothing, nothing))
