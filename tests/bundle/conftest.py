"""A small bundle whose graphs hold nothing but the name of who made them."""

from __future__ import annotations

from pathlib import Path

import onnx
import platformdirs
import pytest

from coffea_fm.bundle import (
    Calibration,
    Graph,
    Manifest,
    NumericalCheck,
    Output,
    Provenance,
    WorkingPoint,
    save_bundle,
)
from coffea_fm.tokens import Level, jet_level, token_level


@pytest.fixture
def graphs() -> dict[str, bytes]:
    return {name: onnx.ModelProto(producer_name=f"{name} bytes").SerializeToString() for name in ("backbone", "head")}


@pytest.fixture
def manifest() -> Manifest:
    constituents = token_level("constituents", ("pt", "eta", "d0"), minimum=1)
    return Manifest(
        name="small",
        level=jet_level((constituents,), ("pt_raw", "msoftdrop")),
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
    )


@pytest.fixture
def event_manifest(manifest: Manifest) -> Manifest:
    """A model of events: the backbone runs at their jets, and the head on its embedding of these."""
    jets = jet_level(manifest.level.members, ("pt_raw", "pt"), name="FatJet", order="pt", minimum=2, maximum=4)
    backbone = manifest.graphs[0].model_copy(
        update={
            "level": "FatJet",
            "inputs": ("constituents", "constituents_mask", "constituents_missing", "FatJet"),
        }
    )
    head = Graph(
        name="event-head",
        file="event-head.onnx",
        level="event",
        inputs=("FatJet_embedding", "FatJet", "FatJet_mask"),
        outputs=("scores",),
    )
    return Manifest(
        name="events",
        level=Level("event", members=(jets,)),
        outputs=(
            Output(name="scores", dim=2, classes=("background", "signal"), level="event"),
            Output(name="embedding", dim=4, level="FatJet"),
        ),
        graphs=(backbone, head),
    )


@pytest.fixture
def calibration() -> Calibration:
    loose = WorkingPoint(
        name="loose",
        signal=("Hbb",),
        background=("QCD",),
        cut=0.4,
        signal_efficiency=0.9,
        background_efficiency=0.1,
    )
    return Calibration(temperature=1.2, accuracy=0.7, n_jets=100, data="test", working_points=(loose,))


@pytest.fixture
def folder(tmp_path: Path, manifest: Manifest, graphs: dict[str, bytes], calibration: Calibration) -> Path:
    save_bundle(tmp_path / "small", manifest, graphs, "# Small\n", calibration)
    return tmp_path / "small"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty user cache for every test."""
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache" / "coffea-fm" / "bundles"
