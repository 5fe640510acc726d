from __future__ import annotations

import pytest

from coffea_fm import shipped as module
from coffea_fm.errors import InputError
from coffea_fm.shipped import shipped


def test_found_in_a_checkout():
    assert shipped("processors", "tag_jets.py").read_text().startswith('"""')
    assert shipped("processors").is_dir()


def test_found_in_a_wheel_before_anything_beside_it(tmp_path, monkeypatch):
    inside = tmp_path / "site-packages" / "coffea_fm"
    (inside / "shipped" / "exports" / "small").mkdir(parents=True)
    (tmp_path / "site-packages" / "exports").mkdir()
    monkeypatch.setattr(module, "_PACKAGE", inside)
    assert shipped("exports", "small") == inside / "shipped" / "exports" / "small"


def test_what_is_not_there_is_refused_with_what_is(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"no 'none' among the shipped processors: .*tag_jets\.py"):
        shipped("processors", "none")
    monkeypatch.setattr(module, "_PACKAGE", tmp_path / "coffea_fm")
    with pytest.raises(InputError, match="has no samples"):
        shipped("samples")
