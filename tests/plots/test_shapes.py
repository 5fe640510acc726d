from __future__ import annotations

import hist
import numpy as np
import pytest

from coffea_fm.errors import InputError
from coffea_fm.plots.bins import Bins
from coffea_fm.plots.shapes import shapes_figure, single_figure
from coffea_fm.plots.style import Label


def filled(values, axis=None, weight=1.0) -> hist.Hist:
    axis = axis or hist.axis.Regular(4, 0, 40, name="m", label="Mass [GeV]")
    return hist.Hist(axis, storage=hist.storage.Weight(), label="Jets").fill(np.array(values, float), weight=weight)


def drawn(panel) -> dict[str, np.ndarray]:
    """Heights of the lines by legend entry."""
    return {patch.get_label(): patch.get_data().values for patch in panel.patches if not patch.get_fill()}


def test_shapes_have_unit_area_and_say_so():
    figure = shapes_figure({"QCD": filled([5, 5, 15, 25]), "Hbb": filled([15], weight=3)})
    (panel,) = figure.axes
    lines = drawn(panel)
    assert lines["QCD (4)"] == pytest.approx([0.5, 0.25, 0.25, 0])
    assert lines[r"H$\to$bb (1)"] == pytest.approx([0, 1, 0, 0])
    assert any("normalised to unit area" in text.get_text() for text in panel.texts)
    assert panel.get_ylabel() == "Fraction of jets / 10 GeV"


def test_shapes_may_be_relative_to_what_was_before_a_selection():
    figure = shapes_figure({"QCD": filled([5])}, {"QCD": 10.0}, text="after")
    assert drawn(figure.axes[0])["QCD"] == pytest.approx([0.1, 0, 0, 0])
    assert [text.get_text() for text in figure.axes[0].texts] == ["after"]


@pytest.mark.parametrize(("curves", "panels"), [(6, [6]), (7, [4, 3]), (10, [5, 5]), (13, [5, 5, 3])])
def test_at_most_six_curves_a_panel(curves, panels):
    figure = shapes_figure({f"c{number}": filled([5, 15]) for number in range(curves)})
    assert [len(drawn(panel)) for panel in figure.axes] == panels


def test_a_luminosity_does_not_stand_over_shapes():
    label = Label(energy=13, luminosity=138)
    shapes = shapes_figure({"a": filled([5])}, label=label).axes[0]
    counts = single_figure(filled([5]), label=label).axes[0]
    assert shapes.get_title(loc="right") == "13 TeV"
    assert counts.get_title(loc="right") == "138 fb$^{-1}$ (13 TeV)"
    assert counts.get_title(loc="left") == "Simulation"


def test_empty_bins_are_gaps_on_a_logarithmic_axis():
    (panel,) = single_figure(filled([5] * 1000 + [25])).axes
    assert panel.get_yscale() == "log"
    (line,) = (patch for patch in panel.patches if not patch.get_fill())
    assert np.isnan(line.get_data().values).tolist() == [False, True, False, True]
    assert line.get_data().baseline is None


def test_bins_of_several_widths_are_densities_and_infinite_ones_are_left_out():
    axis = hist.axis.Variable([0, 1, 3, np.inf], name="m", label="Mass [GeV]")
    bins = Bins.of(filled([0.5, 2, 2.5, 100], axis))
    assert bins.values == pytest.approx([1, 1])
    assert bins.errors == pytest.approx([1, np.sqrt(2) / 2])
    assert bins.per_bin == "Jets / GeV"
    assert bins.area == pytest.approx(3)


def test_only_infinite_bins_or_a_negative_sum_are_refused():
    with pytest.raises(InputError, match="finite edges"):
        Bins.of(filled([1], hist.axis.Variable([-np.inf, 0, np.inf])))
    with pytest.raises(InputError, match="has no shape"):
        shapes_figure({"a": filled([5], weight=-1)})
