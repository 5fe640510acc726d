from __future__ import annotations

from importlib import import_module

import pytest

from coffea_fm.shipped import shipped
from coffea_fm.statistics.settings import read_settings

axes = import_module("hh4b.histograms").HISTOGRAMS
SETTINGS = sorted(path.name for path in shipped("processors", "hh4b").glob("limit*.yaml"))


@pytest.mark.parametrize("name", SETTINGS)
def test_the_regions_of_the_fit_are_those_of_the_processor(name):
    settings = read_settings(shipped("processors", f"hh4b/{name}"))
    assert settings.experiment.energy == 13
    assert "HH" in settings.scan.cross_section
    used = {(figure.histogram, region) for figure in settings.figures.values() for region in figure.regions}
    for plane in settings.planes.values():
        used |= {(plane.histogram, region) for region in (plane.C, plane.D)}
        for category in plane.categories.values():
            used |= {(plane.histogram, region) for region in (category.A, category.B)}
    assert {(histogram, region) for histogram, region in used if region not in axes[histogram][0]} == set()


def test_there_are_settings():
    assert SETTINGS == ["limit.yaml", "limit_discriminant.yaml"]
