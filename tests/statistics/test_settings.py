from __future__ import annotations

import json

import pytest

from coffea_fm.errors import RecipeError
from coffea_fm.statistics.settings import read_settings


def test_settings_with_a_mistake(tmp_path):
    path = tmp_path / "fit.yaml"
    with pytest.raises(RecipeError, match="cannot read the fit settings"):
        read_settings(path)
    path.write_text("multijet: [")
    with pytest.raises(RecipeError, match="is not YAML"):
        read_settings(path)
    path.write_text(json.dumps({"multijet": "q", "backgrounds": {}, "planes": {"a": {"histograms": "h", "C": "x"}}}))
    with pytest.raises(RecipeError, match=r"unknown key 'planes\.a\.histograms'; did you mean 'histogram'\?"):
        read_settings(path)
    path.write_text(json.dumps({"multijet": "q", "backgrounds": {}, "planes": {"a": {"histogram": "h"}}}))
    with pytest.raises(RecipeError, match=r"planes\.a\.C: Field required"):
        read_settings(path)
