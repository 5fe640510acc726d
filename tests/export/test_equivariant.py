"""L-GATr, LLoCa and PELICAN in onnxruntime: as in torch, and invariant under what they promise, only."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from boosted import lorentz, transformed
from random_jets import CLASSES, FIELDS, LEVEL, random_jets
from random_weights import spread_weights

from coffea_fm.bundle import Manifest
from coffea_fm.export import check_graphs, make_graphs
from coffea_fm.export.check import open_session
from coffea_fm.export.graphs import describe
from coffea_fm.inference.chain import Chain
from coffea_fm.nn.backbones.lgatr import LGATrConfig, LGATrSlimConfig
from coffea_fm.nn.backbones.lloca import LLoCaConfig
from coffea_fm.nn.backbones.pelican import PelicanConfig
from coffea_fm.nn.checkpoint import NetworkConfig
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.tokens import jet_level, token_level

SHORT = jet_level((token_level("constituents", FIELDS, minimum=1, maximum=12),), LEVEL.names)
CONFIGS = {
    f"{config.kind}-{config.symmetry}": config
    for symmetry in ("lorentz", "beam")
    for config in (
        LLoCaConfig(dim=16, heads=2, layers=2, vectors=1, symmetry=symmetry),
        PelicanConfig(dim=8, layers=2, symmetry=symmetry),
    )
} | {
    "lgatr-slim": LGATrSlimConfig(dim=16, vectors=8, layers=3, heads=2),
    "lgatr": LGATrConfig(dim=8, vectors=4, layers=2, heads=2),
}


@pytest.fixture(scope="module", params=CONFIGS.values(), ids=CONFIGS.keys())
def exported(request):
    if request.param.kind.startswith("lgatr"):
        pytest.importorskip("lgatr")
    torch.manual_seed(0)
    network = NetworkConfig(level=SHORT, backbone=request.param, head=ClassificationHeadConfig(), classes=CLASSES)
    model = network.build().eval()
    spread_weights(model)
    return model, make_graphs(model)


def test_all_shapes_and_adversarial_inputs_are_as_in_torch(exported):
    model, graphs = exported
    if model.backbone.config == CONFIGS["pelican-lorentz"]:
        pytest.skip("the graph with references has all of its operations")
    assert check_graphs(graphs, model, random_jets(50)[0]).maximal_difference < 1e-4


def test_embeddings_are_invariant_under_the_symmetry_and_under_nothing_else(exported):
    model, graphs = exported
    described, outputs = describe(model)
    manifest = Manifest(name="equivariant", level=LEVEL, graphs=described, outputs=outputs)
    chain = Chain(manifest, lambda graph: open_session(graphs[graph.name]))
    packed, _ = random_jets(60, seed=3)

    def run(packed):
        found = chain.run(packed, LEVEL, ["scores", "embedding"], usable=np.ones(len(packed), np.bool_))
        return found["embedding"]

    expected = run(packed)
    assert expected.std(axis=0).max() > 0.1
    along, across = lorentz((0.0, 0.0, -1.5), (1.0, 0.0, 0.0)), lorentz((0.2, -0.3, 0.1), (0.5, 0.2, 0.1))
    difference = {
        name: np.abs(run(transformed(packed, LEVEL, matrix)) - expected).max()
        for name, matrix in (("along", along), ("across", across))
    }
    scaled = transformed(packed, LEVEL, np.eye(4))
    scaled.members["constituents"].things.values[:, 0] *= 1.1
    assert difference["along"] < 1e-4
    assert (
        difference["across"] < 1e-4
        if getattr(model.backbone.config, "symmetry", "beam") == "lorentz"
        else difference["across"] > 1e-2
    )
    assert np.abs(run(scaled) - expected).max() > 5e-3
