from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from coffea_fm.bundle import Manifest, load_bundle
from coffea_fm.errors import BundleError


@pytest.fixture
def archive(folder: Path, tmp_path: Path) -> Path:
    """A zip that holds the folder itself, as file managers make it."""
    return Path(shutil.make_archive(str(tmp_path / "sent"), "zip", folder.parent, "small"))


@pytest.fixture
def memory(folder: Path, archive: Path) -> Iterator[str]:
    files = fsspec.filesystem("memory")
    files.put(str(folder), "/remote/small", recursive=True)
    files.put(str(archive), "/remote/small.zip")
    yield "memory://remote/small"
    files.rm("/remote", recursive=True)


def test_a_folder_gives_back_what_was_saved(folder: Path, manifest: Manifest, graphs: dict[str, bytes]) -> None:
    bundle = load_bundle(folder)
    assert bundle.manifest.level == manifest.level
    assert bundle.manifest.outputs == manifest.outputs
    assert {name: bundle.graph_bytes(name) for name in graphs} == graphs
    assert bundle.checksum == bundle.manifest.content_hash()


def test_zip_flat_zip_and_urls_are_the_same_bundle(folder: Path, archive: Path, memory: str, tmp_path: Path) -> None:
    flat = shutil.make_archive(str(tmp_path / "flat"), "zip", folder)
    expected = load_bundle(folder)
    for place in (archive, flat, memory, f"{memory}.zip", folder.as_uri(), f"zip://small::{archive.as_uri()}"):
        bundle = load_bundle(place)
        assert (bundle.manifest, bundle.graphs) == (expected.manifest, expected.graphs)
        assert bundle.calibration == expected.calibration


def test_a_relative_path_becomes_absolute(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert load_bundle("small").source == str(folder)


def test_a_local_bundle_is_not_copied_to_the_cache(folder: Path, cache: Path) -> None:
    load_bundle(folder)
    assert not cache.exists()


def refuse(path: object, *words: str) -> None:
    with pytest.raises(BundleError) as caught:
        load_bundle(path)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def edit(folder: Path, **change: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


def test_absent_places_are_named(tmp_path: Path, folder: Path) -> None:
    refuse(tmp_path / "no", "does not exist", str(tmp_path / "no"))
    refuse(tmp_path / "no.zip", "does not exist")
    refuse(folder / "README.md", "is not a folder or a .zip")
    refuse(tmp_path, "has no manifest.json")
    refuse("memory://nowhere/at/all", "has no manifest.json")
    refuse("gopher://x/y", "gopher")


def test_a_newer_or_older_schema_says_what_to_do(folder: Path) -> None:
    edit(folder, schema_version=4, novelty=True)
    refuse(folder, "schema_version 4", "reads 3", "upgrade coffea-fm")
    edit(folder, schema_version=2)
    refuse(folder, "schema_version 2", "export the bundle again")
    edit(folder, schema_version=0)
    refuse(folder, "schema_version 0", "export the bundle again")
    edit(folder, schema_version="one")
    refuse(folder, "has no schema_version")


def test_an_edited_manifest_is_refused(folder: Path) -> None:
    edit(folder, name="better")
    refuse(folder, "manifest.json", "was edited")


def test_a_manifest_that_does_not_validate_names_the_place(folder: Path) -> None:
    edit(folder, outputs=[{"name": "scores", "dim": -1}])
    refuse(folder, "damaged: outputs.0.dim")
    (folder / "manifest.json").write_text("{")
    refuse(folder, "it is not JSON")


def test_an_edited_graph_is_refused(folder: Path) -> None:
    (folder / "head.onnx").write_bytes(b"head bytEs")
    refuse(folder, "head.onnx", "does not have the checksum")


def test_a_missing_graph_is_named(folder: Path) -> None:
    (folder / "head.onnx").unlink()
    refuse(folder, "head.onnx is missing from the bundle")


def test_a_damaged_zip_is_refused(folder: Path, archive: Path) -> None:
    data = archive.read_bytes()
    archive.write_bytes(data[: len(data) // 2])
    refuse(archive, "damaged zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as stored:
        for path in folder.iterdir():
            stored.write(path, path.name)
    archive.write_bytes(archive.read_bytes().replace(b"head bytes", b"head bytez"))
    refuse(archive, "head.onnx", "damaged")


def test_another_content_than_asked_for_is_refused(folder: Path) -> None:
    with pytest.raises(BundleError, match="has been replaced"):
        load_bundle(folder, checksum="0" * 64)
