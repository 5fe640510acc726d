"""What was measured of a model stands apart from it: measuring again changes no model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from coffea_fm.bundle import Calibration, Manifest, load_bundle, save_bundle, save_calibration
from coffea_fm.errors import BundleError


def test_measuring_changes_the_bundle_and_not_the_model(folder: Path, graphs: dict[str, bytes]) -> None:
    before, text = load_bundle(folder), (folder / "manifest.json").read_bytes()
    save_calibration(folder, before.calibration.model_copy(update={"accuracy": 0.8}))
    after = load_bundle(folder)
    assert (before.calibration.accuracy, after.calibration.accuracy) == (0.7, 0.8)
    assert after.calibration.working_points == before.calibration.working_points
    assert after.checksum == before.checksum
    assert after.bundle_checksum != before.bundle_checksum
    assert (folder / "manifest.json").read_bytes() == text
    assert after.graphs == graphs
    save_calibration(folder, before.calibration)
    assert load_bundle(folder).bundle_checksum == before.bundle_checksum


def test_another_graph_is_another_model(folder: Path, manifest: Manifest, graphs: dict[str, bytes]) -> None:
    before = load_bundle(folder)
    save_bundle(folder, manifest, graphs | {"head": b"\x12\x05other"}, "", before.calibration)
    after = load_bundle(folder)
    assert after.checksum != before.checksum
    assert after.bundle_checksum != before.bundle_checksum
    assert after.calibration.model == after.checksum


def test_a_bundle_that_was_not_measured_has_an_empty_calibration(
    tmp_path: Path, manifest: Manifest, graphs: dict[str, bytes]
) -> None:
    save_bundle(tmp_path / "new", manifest, graphs, "")
    calibration = load_bundle(tmp_path / "new").calibration
    assert calibration == Calibration().signed(calibration.model)
    assert calibration.working_points == ()


def refuse(folder: Path, message: str) -> None:
    with pytest.raises(BundleError, match=message) as caught:
        load_bundle(folder)
    assert "\n" not in str(caught.value)


def edit(folder: Path, **change: object) -> None:
    path = folder / "calibration.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


def test_an_edited_calibration_is_refused(folder: Path) -> None:
    edit(folder, accuracy=0.99)
    refuse(folder, r"calibration\.json of the bundle .* was edited or damaged: .*evaluate --record")


def test_a_calibration_that_does_not_validate_is_refused(folder: Path) -> None:
    edit(folder, accuracy="high")
    refuse(folder, r"calibration\.json of the bundle .* is damaged")
    (folder / "calibration.json").write_text("{")
    refuse(folder, r"calibration\.json of the bundle .* is damaged")


def test_the_calibration_of_another_model_is_refused(
    folder: Path, tmp_path: Path, manifest: Manifest, graphs: dict[str, bytes]
) -> None:
    save_bundle(tmp_path / "other", manifest, graphs | {"head": b"\x12\x05other"}, "", Calibration(accuracy=0.5))
    (folder / "calibration.json").write_bytes((tmp_path / "other" / "calibration.json").read_bytes())
    refuse(folder, r"calibration\.json of the bundle .* was measured with another model")


def test_a_missing_calibration_is_named(folder: Path) -> None:
    (folder / "calibration.json").unlink()
    refuse(folder, r"calibration\.json is missing from the bundle")


def test_what_is_measured_is_written_to_folders_of_bundles_alone(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is not the folder of a bundle"):
        save_calibration(tmp_path, Calibration())
    assert list(tmp_path.iterdir()) == []


def test_numbers_that_are_not_finite_are_no_measurement() -> None:
    with pytest.raises(ValidationError, match="finite"):
        Calibration(accuracy=float("nan"))


def test_what_a_working_point_cuts(calibration: Calibration) -> None:
    (loose,) = calibration.working_points
    assert loose.formula == "Hbb / (Hbb + QCD) >= 0.4000"
    two = loose.model_copy(update={"signal": ("Hbb", "Hcc")})
    assert two.formula == "(Hbb + Hcc) / (Hbb + Hcc + QCD) >= 0.4000"
