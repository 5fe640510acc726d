from __future__ import annotations

import hist
import numpy as np
import pytest

from coffea_fm.plots.stack import stack_figure
from coffea_fm.plots.style import MOST_CURVES
from coffea_fm.plots.variations import variations_figure


def filled(values, weight=1.0) -> hist.Hist:
    axis = hist.axis.Regular(2, 0, 2, name="m", label="m")
    return hist.Hist(axis, storage=hist.storage.Weight(), label="Events").fill(np.array(values, float), weight=weight)


def entries(panel) -> list[str]:
    return [text.get_text() for text in panel.get_legend().get_texts()]


def test_a_change_of_the_rate_is_seen():
    nominal = filled([0.5] * 50 + [1.5] * 50)
    figure = variations_figure(nominal, {"rateUp": nominal * 1.2, "rateDown": nominal * 0.9})
    main, below = figure.axes
    assert entries(main) == ["nominal", "rateUp (+20.0%)", "rateDown (-10.0%)"]
    lines = [patch.get_data().values for patch in below.patches if not patch.get_fill()]
    assert lines[0] == pytest.approx([1.2, 1.2])
    assert lines[1] == pytest.approx([0.9, 0.9])
    low, high = below.get_ylim()
    assert low < 0.9
    assert high > 1.2


def test_a_bin_that_is_empty_in_nominal_has_no_ratio():
    figure = variations_figure(filled([0.5] * 9), {"up": filled([0.5] * 9 + [1.5])})
    line = next(patch for patch in figure.axes[1].patches if not patch.get_fill())
    assert line.get_data().values == pytest.approx([1, np.nan], nan_ok=True)


def test_processes_are_stacked_with_the_error_of_their_sum():
    figure = stack_figure({"QCD": filled([0.5] * 16, 0.5), "TT": filled([1.5] * 4)})
    (main,) = figure.axes
    assert entries(main) == ["stat. unc.", "QCD", r"t$\bar{t}$"]
    band = main.patches[-1].get_data()
    assert band.values - band.baseline == pytest.approx([2 * np.sqrt(16 * 0.25), 2 * 2])


def test_data_stand_over_the_expected_events():
    figure = stack_figure({"QCD": filled([0.5] * 10 + [1.5] * 10)}, data=filled([0.5] * 12 + [1.5] * 9))
    main, below = figure.axes
    (points,) = below.containers
    assert points.lines[0].get_ydata() == pytest.approx([1.2, 0.9])
    assert "Data" in entries(main)


def test_the_smallest_of_many_processes_are_one():
    processes = {f"p{number}": filled([0.5] * number) for number in range(1, 10)}
    figure = stack_figure(processes)
    names = entries(figure.axes[0])
    assert len(names) == MOST_CURVES + 1
    assert "4 others" in names
    total = figure.axes[0].patches[-1].get_data()
    assert (total.values + total.baseline)[0] / 2 == pytest.approx(45)
