from __future__ import annotations

import hist
import numpy as np
import pytest

from coffea_fm.evaluation.tagging import draw_tagging

CLASSES = ["QCD", "Hbb", "Tbqq", "unmatched"]


def filled(bins: int, high: float, values: dict[str, np.ndarray]) -> hist.Hist:
    made = hist.Hist(
        hist.axis.StrCategory([], growth=True, name="dataset"),
        hist.axis.StrCategory(CLASSES, name="truth"),
        hist.axis.Regular(bins, 0, high, name="value"),
        storage=hist.storage.Weight(),
    )
    for truth, numbers in values.items():
        made.fill("sample", truth, numbers)
    return made


def histograms() -> dict[str, hist.Hist]:
    rng = np.random.default_rng(0)
    mass = {name: rng.normal(centre, 10, 500) for name, centre in zip(CLASSES[:3], (40, 120, 170), strict=True)}
    disc = {"QCD": rng.beta(1, 5, 500), "Hbb": rng.beta(5, 1, 500), "Tbqq": rng.beta(5, 1, 500)}
    found = {"msoftdrop": filled(60, 300, mass)}
    for name in ("Hbb", "Tbqq", "Hcc"):
        found[f"discriminant/{name}_vs_QCD"] = filled(200, 1, disc)
        found[f"tagged_msoftdrop/{name}_medium"] = filled(60, 300, {key: value[:50] for key, value in mass.items()})
    return found


def test_two_signals_give_the_six_figures_that_one_shows():
    figures = draw_tagging(histograms())
    assert list(figures) == [
        "roc",
        "discriminant_Hbb",
        "discriminant_Tbqq",
        "mass_before",
        "mass_after_Hbb",
        "mass_after_Tbqq",
    ]


def test_masses_after_a_tag_are_relative_to_all_jets():
    (panel,) = draw_tagging(histograms())["mass_after_Hbb"].axes
    lines = [patch.get_data().values for patch in panel.patches if not patch.get_fill()]
    assert [np.nansum(line) for line in lines] == pytest.approx([0.1, 0.1, 0.1], abs=0.005)


def test_without_working_points_the_masses_before_remain():
    found = {name: value for name, value in histograms().items() if not name.startswith("tagged")}
    assert "mass_after_Hbb" not in draw_tagging(found)
    assert "mass_before" in draw_tagging(found)
