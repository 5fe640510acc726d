"""L-GATr in onnxruntime: what it gives is that of torch, and invariant under boosts along the beam and rotations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from boosted import moved
from random_jets import CLASSES, FIELDS, LEVEL, random_jets
from random_weights import spread_weights

from coffea_fm.bundle import Manifest
from coffea_fm.export import check_graphs, make_graphs
from coffea_fm.export.check import open_session
from coffea_fm.export.graphs import describe
from coffea_fm.inference.chain import Chain
from coffea_fm.nn.backbones.lgatr import LGATrConfig, LGATrSlimConfig
from coffea_fm.nn.checkpoint import NetworkConfig
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.tokens import jet_level, token_level

pytest.importorskip("lgatr")

SHORT = jet_level((token_level("constituents", FIELDS, minimum=1, maximum=12),), LEVEL.names)
CONFIGS = {
    "slim": LGATrSlimConfig(dim=16, vectors=8, layers=3, heads=2),
    "full": LGATrConfig(dim=8, vectors=4, layers=2, heads=2),
}


@pytest.fixture(scope="module", params=CONFIGS.values(), ids=CONFIGS.keys())
def exported(request):
    torch.manual_seed(0)
    network = NetworkConfig(level=SHORT, backbone=request.param, head=ClassificationHeadConfig(), classes=CLASSES)
    model = network.build().eval()
    spread_weights(model)
    return model, make_graphs(model)


def test_all_shapes_and_adversarial_inputs_are_as_in_torch(exported):
    model, graphs = exported
    assert check_graphs(graphs, model, random_jets(50)[0]).maximal_difference < 1e-4


def test_scores_are_invariant_under_boosts_along_the_beam_and_rotations(exported):
    model, graphs = exported
    described, outputs = describe(model)
    manifest = Manifest(name="lgatr", level=LEVEL, graphs=described, outputs=outputs)
    chain = Chain(manifest, lambda graph: open_session(graphs[graph.name]))
    packed, _ = random_jets(60, seed=3)

    def run(packed):
        return chain.run(packed, LEVEL, ["scores", "embedding"], usable=np.ones(len(packed), np.bool_))

    expected = run(packed)
    assert expected["scores"].std() > 0.02
    for rapidity, angle in ((0.0, 2.0), (-2.5, 1.0)):
        found = run(moved(packed, LEVEL, rapidity, angle))
        for name in expected:
            np.testing.assert_allclose(found[name], expected[name], atol=1e-4, rtol=0)
    # The control: a boost across the beam is no symmetry of a collider, nor is a scale.
    scaled = moved(packed, LEVEL, 0.0, 0.0)
    scaled.members["constituents"].things.values[:, 0] *= 1.1
    assert np.abs(run(scaled)["scores"] - expected["scores"]).max() > 1e-3
