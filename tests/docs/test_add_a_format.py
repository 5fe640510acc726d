"""The page that shows how formats and backbones are added: its jets are tagged, its backbone keeps the contract."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import torch
from padded_jets import make_inputs
from pages import BLOCK, run_python
from random_jets import LEVEL

import coffea_fm

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "contributing" / "add-a-format.md"
JETS, BACKBONE = (text for language, _, text in BLOCK.findall(PAGE.read_text()) if language == "python")


def test_jets_without_a_schema_are_tagged() -> None:
    random = np.random.default_rng(0)
    lengths = [[20, 30], [], [25]]

    def jets(low: float, high: float) -> ak.Array:
        return ak.unflatten(random.uniform(low, high, 3), [2, 0, 1])

    def candidates(low: float, high: float) -> ak.Array:
        return ak.unflatten(ak.unflatten(random.uniform(low, high, 75), ak.flatten(lengths)), [2, 0, 1])

    ranges = {"pt": (300, 900), "eta": (-1.5, 1.5), "phi": (-3, 3), "mass": (20, 200)}
    space: dict[str, object] = {"coffea_fm": coffea_fm}
    space |= {f"jet_{name}": jets(*limits) for name, limits in ranges.items()}
    space |= {
        f"cand_{name}": candidates(*limits) for name, limits in (ranges | {"pt": (1, 60), "mass": (0, 0.2)}).items()
    }
    run_python(JETS, space)
    scores = space["scores"]
    assert isinstance(scores, ak.Array)
    assert ak.num(scores.QCD).to_list() == [2, 0, 1]
    assert np.isfinite(ak.to_numpy(ak.flatten(scores.QCD))).all()
    assert coffea_fm.report(scores).counts["without_constituents"] == 0


@torch.no_grad()
def test_the_backbone_of_the_page_keeps_the_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep_set_of_the_page.py").write_text(BACKBONE)
    monkeypatch.syspath_prepend(tmp_path)
    config = import_module("deep_set_of_the_page").DeepSetConfig(dim=16)
    torch.manual_seed(0)
    backbone = config.build(LEVEL).eval()
    narrow, wide = (backbone(make_inputs([5, 9, 1], LEVEL, multiple=multiple)) for multiple in (1, 16))
    assert narrow.embedding.shape == (3, 16)
    torch.testing.assert_close(narrow.embedding, wide.embedding, atol=1e-5, rtol=0)
    assert wide.token_vectors[2, 1:].abs().max() == 0
    for name, _ in backbone.named_parameters():
        assert backbone.layers_above(name) >= 0


def test_the_page_names_the_places() -> None:
    page = PAGE.read_text()
    for place in ("coffea_fm/schemas/__init__.py", "coffea_fm/nn/backbones/backbone.py", "coffea_fm/nn/heads"):
        assert place in page
        assert (ROOT / place).exists()
    assert "AnyBackboneConfig = " in (ROOT / "coffea_fm/nn/backbones/__init__.py").read_text()
