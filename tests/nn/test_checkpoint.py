"""A checkpoint describes its network: it needs no recipe, and no method."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from random_events import EVENTS
from random_jets import LEVEL

from coffea_fm.errors import InputError
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.checkpoint import CONFIG, WEIGHTS, NetworkConfig, load_checkpoint, save_checkpoint
from coffea_fm.nn.heads import JetHeadConfig
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.nn.heads.deep_sets import DeepSetsConfig
from coffea_fm.tokens import Level, jet_level, token_level

VERTICES = token_level("vertices", ("pt", "eta", "phi", "d3d"), maximum=5)
BACKBONE = SetTransformerConfig(size="tiny")
NETWORKS = {
    "jets without a head": NetworkConfig(level=LEVEL, backbone=BACKBONE),
    "events": NetworkConfig(
        level=EVENTS,
        backbone=BACKBONE,
        head=DeepSetsConfig(hidden=(8,), reads=("scores", "embedding")),
        classes=("background", "signal"),
        jet_head=JetHeadConfig(config=ClassificationHeadConfig(), classes=("QCD", "Hbb")),
    ),
    "vertices": NetworkConfig(
        level=jet_level((*LEVEL.members, VERTICES), LEVEL.names),
        backbone=BACKBONE,
        head=ClassificationHeadConfig(),
        classes=("QCD", "Hbb"),
    ),
}


def save(folder: Path, network: NetworkConfig, **provenance: object) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    weights = network.build().state_dict()
    save_checkpoint(folder, weights, network, provenance)
    return weights


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS.keys())
def test_what_is_saved_is_loaded(network: NetworkConfig, tmp_path: Path) -> None:
    weights = save(tmp_path, network, seen=100)
    model, checkpoint = load_checkpoint(tmp_path)
    assert not model.training
    assert checkpoint.network == network
    assert checkpoint.provenance == {"seen": 100}
    assert isinstance(checkpoint.network.level, Level)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, weights[name]), name


def test_a_recipe_with_keys_that_nobody_knows_breaks_no_checkpoint(tmp_path: Path) -> None:
    save(tmp_path, NETWORKS["vertices"], recipe={"method": {"kind": "renamed", "old_key": 1}, "gone": None})
    _, checkpoint = load_checkpoint(tmp_path)
    assert checkpoint.provenance["recipe"]["method"]["old_key"] == 1


def test_loading_imports_no_method(tmp_path: Path) -> None:
    save(tmp_path, NETWORKS["events"])
    code = (
        "import sys; from coffea_fm.nn.checkpoint import load_checkpoint; load_checkpoint(sys.argv[1]); "
        "above = [n for n in sys.modules if n.startswith(('coffea_fm.methods', 'coffea_fm.training', 'coffea_fm.shards'))]; "
        "assert not above, above"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


def test_what_is_no_checkpoint_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not a checkpoint \(No such file or directory\): give a folder such as"):
        load_checkpoint(tmp_path / "nowhere")
    save(tmp_path, NETWORKS["vertices"])
    content = json.loads((tmp_path / CONFIG).read_text())
    content["network"]["backbone"]["layers"] = 1
    (tmp_path / CONFIG).write_text(json.dumps(content))
    with pytest.raises(InputError, match="does not fit this coffea-fm"):
        load_checkpoint(tmp_path)
    (tmp_path / WEIGHTS).write_bytes(b"damaged")
    with pytest.raises(InputError, match="is damaged"):
        load_checkpoint(tmp_path)
