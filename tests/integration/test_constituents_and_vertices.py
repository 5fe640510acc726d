"""One network that reads two groups of tokens, from training to tagging: PFNano's constituents and secondary vertices."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import torch
from coffea.nanoevents import NanoEventsFactory
from random_jets import FIELDS

import coffea_fm
from coffea_fm.bundle import Provenance
from coffea_fm.export import export_model
from coffea_fm.nn.batches import Examples, make_inputs, padded_batches
from coffea_fm.nn.checkpoint import NetworkConfig
from coffea_fm.nn.model import Model
from coffea_fm.schemas import PFNanoAODSchema
from coffea_fm.tokens import jet_level, pack, token_level

VERTEX_FIELDS = ("pt", "eta", "phi", "mass", "n_tracks", "chi2", "d3d", "d3d_significance")
LEVEL = jet_level(
    (token_level("constituents", FIELDS, minimum=1), token_level("vertices", VERTEX_FIELDS, maximum=10)),
    ("pt_raw", "eta", "phi", "mass_raw"),
)
SET = {"kind": "set-transformer", "size": "tiny", "embedding": "mean", "pair_bias": True}
PARTICLE = {"kind": "particle-transformer", "dim": 16, "embed": [16], "layers": 2, "class_layers": 1, "heads": 2}
BACKBONES = {"set transformer": SET, "particle transformer": PARTICLE | {"pair_hidden": [8], "dropout": 0.0}}
pytestmark = pytest.mark.filterwarnings("ignore::coffea_fm.errors.InputWarning")


@pytest.fixture(scope="module")
def jets(shared_data: Path) -> ak.Array:
    file = shared_data / "real" / "pfnano.root"
    if not file.exists():
        pytest.skip(f"the PFNano sample is not at {file}")
    jets = NanoEventsFactory.from_root({str(file): "Events"}, schemaclass=PFNanoAODSchema).events().Jet
    return jets[ak.num(jets.constituents, axis=2) > 0]


def train(model: Model, examples: Examples) -> list[float]:
    """A few steps over all jets, whose class is whether they have a vertex; the loss of each."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        total = 0.0
        for batch in padded_batches(examples, LEVEL, 4096):
            loss = torch.nn.functional.cross_entropy(model(batch.inputs), batch.columns["target"], reduction="sum")
            loss.backward()
            total += float(loss.detach())
        optimizer.step()
        losses.append(total)
    return losses


@pytest.mark.parametrize("backbone", BACKBONES.values(), ids=BACKBONES.keys())
def test_one_network_reads_constituents_and_vertices(
    backbone: dict[str, object], jets: ak.Array, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    config = {
        "level": LEVEL,
        "backbone": backbone,
        "head": {"kind": "classification"},
        "classes": ("prompt", "displaced"),
    }
    model = NetworkConfig.model_validate(config).build()
    packed, _ = pack(jets, LEVEL)
    has_vertices = packed.members["vertices"].counts > 0
    assert 0 < has_vertices.sum() < len(packed)
    examples = Examples(packed, {"target": has_vertices.astype(np.int64)}, np.ones(len(packed), np.float32))
    losses = train(model, examples)
    assert losses[-1] < 0.8 * losses[0]

    manifest = export_model(model, packed, tmp_path / "vertices", provenance=Provenance())
    assert manifest.check is not None
    assert manifest.check.maximal_difference < 5e-5
    assert "vertices_missing" in manifest.graphs[0].inputs
    tagger = coffea_fm.load(tmp_path / "vertices")
    scores = ak.to_numpy(ak.flatten(tagger(jets).displaced))
    with torch.no_grad():
        expected = model.eval()(make_inputs(packed, LEVEL, 4096)).softmax(dim=-1)[:, 1]
    np.testing.assert_allclose(scores, expected, atol=1e-5)

    without = tagger(ak.with_field(jets, jets.vertices[..., :0], "vertices"))
    difference = np.abs(ak.to_numpy(ak.flatten(without.displaced)) - scores)
    assert (difference[has_vertices] > 1e-4).all()
    assert (difference[~has_vertices] < 1e-5).all()
