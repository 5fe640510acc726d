"""A small bundle whose graphs are arbitrary bytes: the bundle package never looks inside them."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from coffea_fm.bundle import Graph, Manifest, NumericalCheck, Output, Provenance, WorkingPoint, save_bundle
from coffea_fm.tokens.spec import InputSpec, jet_fields, token_group


@pytest.fixture
def graphs() -> dict[str, bytes]:
    return {"backbone": b"backbone bytes", "head": b"head bytes"}


@pytest.fixture
def manifest() -> Manifest:
    spec = InputSpec((token_group("constituents", ("pt", "eta", "d0")),), jet_fields(("pt", "msoftdrop")))
    return Manifest(
        name="small",
        inputs=spec,
        outputs=(Output(name="scores", dim=2, classes=("QCD", "Hbb")), Output(name="embedding", dim=4)),
        graphs=(
            Graph(
                name="backbone",
                file="backbone.onnx",
                inputs=("constituents", "constituents_mask", "constituents_missing", "jet"),
                outputs=("embedding",),
            ),
            Graph(name="head", file="head.onnx", inputs=("embedding",), outputs=("scores",)),
        ),
        provenance=Provenance(recipe={"name": "small"}, data={"jets": 10}, seed=1, versions={"torch": "2.13.0"}),
        check=NumericalCheck(maximal_difference=1e-6, tolerance=1e-4, cases=20),
        working_points=(
            WorkingPoint(
                name="loose",
                signal=("Hbb",),
                background=("QCD",),
                cut=0.4,
                signal_efficiency=0.9,
                background_efficiency=0.1,
            ),
        ),
    )


@pytest.fixture
def folder(tmp_path: Path, manifest: Manifest, graphs: dict[str, bytes]) -> Path:
    save_bundle(tmp_path / "small", manifest, graphs, "# Small\n")
    return tmp_path / "small"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty user cache for every test."""
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache" / "coffea-fm" / "bundles"
