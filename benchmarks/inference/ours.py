"""The same weights as a bundle, through the tagger."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import torch
from jets import LEVEL, load_jets

from coffea_fm.bundle import Provenance
from coffea_fm.classes import JET_CLASSES
from coffea_fm.export import export_model
from coffea_fm.inference import Tagger, load
from coffea_fm.nn.backbones.particle_transformer import ParticleTransformerConfig
from coffea_fm.nn.checkpoint import NetworkConfig
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.tokens.pack import pack
from coffea_fm.weights.weaver_names import from_weaver_state


def make_tagger(weights: dict[str, torch.Tensor], folder: Path) -> Tagger:
    """Export weaver's weights to a bundle, and load it for one thread."""
    network = NetworkConfig(
        level=LEVEL, backbone=ParticleTransformerConfig(), head=ClassificationHeadConfig(), classes=JET_CLASSES
    )
    model = network.build()
    backbone, head = from_weaver_state(weights)
    model.backbone.load_state_dict(backbone)
    model.head.load_state_dict(head)
    jets, _ = pack(load_jets(1000), LEVEL)
    export_model(model, jets, folder, provenance=Provenance(), card="")
    return load(folder, threads=1)


def tag(tagger: Tagger, jets: ak.Array) -> np.ndarray:
    """Scores [n_jets, 10], from awkward to awkward."""
    scores = ak.flatten(tagger(jets))
    return np.stack([ak.to_numpy(scores[name]) for name in JET_CLASSES], axis=1)


def network_only(tagger: Tagger, jets: ak.Array) -> Callable[[], None]:
    """Run the graphs on jets that are packed: the tagger without its awkward side."""
    packed, _ = pack(jets, LEVEL)

    def run() -> None:
        tagger.chain.run(packed, LEVEL, ("scores",))

    return run
