from __future__ import annotations

from pathlib import Path

import pytest

from coffea_fm.bundle import Manifest, load_bundle, save_bundle
from coffea_fm.errors import BundleError, InputError


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_folder_is_complete_and_alone(folder: Path) -> None:
    assert files(folder) == {"README.md", "manifest.json", "calibration.json", "backbone.onnx", "head.onnx"}
    assert files(folder.parent) == {"small"}


def test_a_bundle_replaces_a_bundle(folder: Path, manifest: Manifest, graphs: dict[str, bytes]) -> None:
    before = load_bundle(folder).checksum
    signed = save_bundle(folder, manifest, graphs | {"head": b"\x12\x05other"}, "")
    assert load_bundle(folder).checksum == signed.checksum != before
    assert files(folder.parent) == {"small"}


def test_nothing_but_a_bundle_is_replaced(tmp_path: Path, manifest: Manifest, graphs: dict[str, bytes]) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").touch()
    with pytest.raises(BundleError, match="is not a bundle"):
        save_bundle(tmp_path / "thesis", manifest, graphs, "")
    assert files(tmp_path / "thesis") == {"chapter"}


def test_graphs_are_those_of_the_manifest(tmp_path: Path, manifest: Manifest) -> None:
    with pytest.raises(BundleError, match="backbone, head, but head were given"):
        save_bundle(tmp_path / "x", manifest, {"head": b""}, "")


def test_an_interrupted_save_leaves_the_old_bundle(
    folder: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch, graphs: dict[str, bytes]
) -> None:
    before = load_bundle(folder).checksum
    rename = Path.rename

    def fail(path: Path, target: Path) -> Path:
        if path.name.endswith(".tmp"):
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(InputError, match="No space left on device"):
        save_bundle(folder, manifest, graphs | {"head": b"\x12\x05other"}, "")
    assert load_bundle(folder).checksum == before
    assert files(folder.parent) == {"small"}


def test_an_unwritable_place_is_named(tmp_path: Path, manifest: Manifest, graphs: dict[str, bytes]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot write .*file/small"):
        save_bundle(tmp_path / "file" / "small", manifest, graphs, "")
