"""Bundles and models that somebody with bad intentions made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import tiny_bundles
from onnx import ModelProto, load_from_string

from coffea_fm.bundle import save_bundle

Change = Callable[[ModelProto], object]


@pytest.fixture
def bundle_with(tmp_path: Path) -> Callable[[Change], Path]:
    """Write a bundle, with all checksums right, whose head was changed."""

    def write(change: Change) -> Path:
        model = load_from_string(tiny_bundles.head_bytes())
        change(model)
        graphs = {"backbone": tiny_bundles.backbone_bytes(), "head": model.SerializeToString()}
        save_bundle(tmp_path / "bundle", tiny_bundles.tiny_manifest(), graphs, "")
        return tmp_path / "bundle"

    return write
