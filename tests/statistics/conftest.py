from __future__ import annotations

import pytest
from known_yields import make_histogram
from small_analysis import analysis_of, workspace_of

from coffea_fm.statistics.likelihood import Likelihood
from coffea_fm.statistics.settings import FitSettings
from coffea_fm.statistics.yields import Filled


@pytest.fixture(scope="session")
def settings() -> FitSettings:
    return FitSettings.model_validate(
        {
            "multijet": "multijet",
            "backgrounds": {"TT": 0.06},
            "systematics": ["scale", "tune", "nowhere"],
            "planes": {
                "boosted": {
                    "histogram": "boosted/mass",
                    "C": "fail_high",
                    "D": "fail_low",
                    "categories": {"tagged": {"A": "pass_high", "B": "pass_low"}},
                }
            },
        }
    )


@pytest.fixture(scope="session")
def filled() -> Filled:
    return Filled(make_histogram(), "boosted/mass")


@pytest.fixture(scope="session")
def blinded(settings):
    analysis = analysis_of(settings)
    workspace = workspace_of(analysis)
    return workspace, Likelihood.of(workspace)
