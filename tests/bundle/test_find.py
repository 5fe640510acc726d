"""Bundles and checkpoints by bare names."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from coffea_fm.bundle import load_bundle
from coffea_fm.bundle.find import bundle_names, find_bundle, find_checkpoint
from coffea_fm.errors import BundleError, InputError
from coffea_fm.shipped import shipped

NAME = "jet-classifier-small"


def test_a_shipped_bundle_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    bundle = load_bundle(NAME)
    assert bundle.source == str(shipped("exports", NAME).absolute())
    assert bundle.manifest.name == NAME


def test_bundles_of_the_search_path_in_its_order(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for place in (first, second):
        shutil.copytree(folder, place / "mine")
    shutil.copytree(folder, second / "yours")
    (second / "notes").mkdir()
    monkeypatch.setenv("COFFEA_FM_PATH", os.pathsep.join([str(first), str(tmp_path / "absent"), "", str(second)]))
    assert load_bundle("mine").source == str(first / "mine")
    assert find_bundle("yours") == str(second / "yours")
    assert {"mine", "yours", NAME} < set(bundle_names())
    assert "notes" not in bundle_names()


def test_what_is_shipped_comes_before_the_search_path_and_that_before_the_working_directory(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folder, tmp_path / "mine" / NAME)
    shutil.copytree(folder, tmp_path / "here" / "small")
    shutil.copytree(folder, tmp_path / "mine" / "small")
    monkeypatch.setenv("COFFEA_FM_PATH", str(tmp_path / "mine"))
    monkeypatch.chdir(tmp_path / "here")
    assert find_bundle(NAME) == str(shipped("exports", NAME).absolute())
    assert find_bundle("small") == str(tmp_path / "mine" / "small")
    assert find_bundle("./small") == str(tmp_path / "here" / "small")
    monkeypatch.delenv("COFFEA_FM_PATH")
    assert find_bundle("small") == str(tmp_path / "here" / "small")


def test_paths_and_urls_are_not_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert find_bundle(f"sub/{NAME}") == str(tmp_path / "sub" / NAME)
    assert find_bundle(f"{NAME}.zip") == str(tmp_path / f"{NAME}.zip")
    assert find_bundle(f"~/{NAME}") == str(tmp_path / "home" / NAME)
    assert find_bundle("s3://bucket/x") == "s3://bucket/x"
    assert find_bundle(tmp_path) == str(tmp_path)


def test_the_nearest_name_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BundleError, match=r"no bundle 'jet-clasifier-small'; did you mean 'jet-classifier-small'\?"):
        load_bundle("jet-clasifier-small")
    with pytest.raises(BundleError, match=r"Bundles known by name: .*mpm-v2.*COFFEA_FM_PATH"):
        load_bundle("x")


def test_the_checkpoint_of_a_shipped_model_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    models = tmp_path / "models"
    (models / "small" / "checkpoint").mkdir(parents=True)
    (models / "small" / "checkpoint" / "config.json").touch()
    monkeypatch.setattr("coffea_fm.bundle.find.shipped", lambda kind, name="": tmp_path / kind / name)
    with pytest.raises(
        InputError, match=r"weights of 'small' are not in the wheel.*git clone.*models/small/checkpoint"
    ):
        find_checkpoint("small")
    (models / "small" / "checkpoint" / "model.safetensors").touch()
    assert find_checkpoint("small") == models / "small" / "checkpoint"
    assert find_checkpoint("runs/small/best") == Path("runs/small/best")
    with pytest.raises(InputError, match="is a bundle, which cannot be trained: start from its checkpoint, 'small'"):
        find_checkpoint(folder)


def test_a_bundle_where_a_checkpoint_is_needed(folder: Path) -> None:
    with pytest.raises(InputError, match="is a bundle, which cannot be trained: give runs/NAME/best"):
        find_checkpoint(folder)
