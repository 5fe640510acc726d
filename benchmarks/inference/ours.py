"""The same weights as a bundle, through the tagger."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import torch
from jets import SPEC, load_jets

from coffea_fm.bundle import Provenance, load_bundle
from coffea_fm.export import export_model
from coffea_fm.inference import Tagger, load
from coffea_fm.inference.run import MULTIPLE, default_batch_tokens
from coffea_fm.inference.sessions import session
from coffea_fm.nn.backbones.particle_transformer import ParticleTransformerConfig
from coffea_fm.nn.backbones.weaver import from_weaver_state
from coffea_fm.nn.build import build_model
from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.tokens.classes import JET_CLASSES
from coffea_fm.tokens.pack import pack
from coffea_fm.tokens.padding import length_buckets, pad


def make_tagger(weights: dict[str, torch.Tensor], folder: Path) -> Tagger:
    """Export weaver's weights to a bundle, and load it for one thread."""
    model = build_model(ParticleTransformerConfig(), ClassificationHeadConfig(hidden=()), SPEC, len(JET_CLASSES))
    backbone, head = from_weaver_state(weights)
    model.backbone.load_state_dict(backbone)
    model.head.load_state_dict(head)
    jets, _ = pack(load_jets(1000), SPEC)
    export_model(model, SPEC, JET_CLASSES, jets, folder, provenance=Provenance(), card="")
    return load(folder, threads=1)


def tag(tagger: Tagger, jets: ak.Array) -> np.ndarray:
    """Scores [n_jets, 10], from awkward to awkward."""
    scores = ak.flatten(tagger(jets))
    return np.stack([ak.to_numpy(scores[name]) for name in JET_CLASSES], axis=1)


def network_only(tagger: Tagger, jets: ak.Array) -> Callable[[], None]:
    """Run the graphs on batches that are ready: the tagger without its awkward side."""
    packed, _ = pack(jets, SPEC)
    buckets = length_buckets(
        packed.groups["constituents"].lengths, default_batch_tokens(tagger.manifest, on_gpu=False), MULTIPLE
    )
    batches = [pad(packed.take(sets), SPEC, MULTIPLE) for sets in buckets]
    bundle = load_bundle(tagger.source)
    chain = [
        (session(graph.sha256, bundle.graph_bytes(graph.name)), graph.inputs, list(graph.outputs))
        for graph in bundle.manifest.graphs
    ]

    def run() -> None:
        for batch in batches:
            arrays = dict(batch)
            for graph, inputs, outputs in chain:
                values = graph.run(outputs, {name: arrays[name] for name in inputs})
                arrays.update(zip(outputs, values, strict=True))

    return run
