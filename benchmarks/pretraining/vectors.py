"""Jets as vectors: embeddings of a frozen encoder, raw features, and scores of a fine-tuned network."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from study import Study

from coffea_fm.nn.backbones import Backbone
from coffea_fm.nn.batches import Examples, padded_batches
from coffea_fm.nn.features.level import Features
from coffea_fm.nn.inputs import Inputs
from coffea_fm.nn.model import Model
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import pad
from coffea_fm.training.data.embeddings import embed_shards

HARDEST = 20
MICRO_TOKENS = 4096
Floats = npt.NDArray[np.float32]


def embed(study: Study, backbone: Backbone, part: str) -> Floats:
    """Embeddings of the jets of a sample, float32 [n_jets, dim]."""
    return embed_shards(Model(backbone), ShardDataset(study.work / "shards" / part), cache=study.work / "embeddings")


@torch.no_grad()
def raw_features(study: Study, part: str) -> Floats:
    """Network inputs of the hardest constituents and of the jet, zero where there are fewer, [n_jets, features]."""
    data = ShardDataset(study.work / "shards" / part)
    features = Features(data.level)
    rows = []
    for packed, _ in data:
        arrays = {
            name: array[:, :HARDEST] if array.ndim > 1 and name != "jet" else array
            for name, array in pad(packed, data.level).items()
        }
        found = features(Inputs.from_arrays(arrays, data.level))
        tokens = found.tokens["constituents"].flatten(1).numpy()
        whole = np.zeros((len(tokens), HARDEST * features.n_features["constituents"]), np.float32)
        whole[:, : tokens.shape[1]] = tokens
        rows.append(np.concatenate([whole, found.jet.numpy()], axis=1))
    return np.concatenate(rows)


@torch.no_grad()
def predict(study: Study, model: Model, part: str) -> Floats:
    """Scores of the jets of a sample, float32 [n_jets, classes]."""
    data = ShardDataset(study.work / "shards" / part, model.level)
    model.eval()
    parts = []
    for packed, _ in data:
        numbers = np.arange(len(packed))
        examples = Examples(packed, {"number": numbers}, np.ones(len(packed), np.float32))
        scores = None
        for batch in padded_batches(examples, data.level, MICRO_TOKENS):
            with torch.autocast("cpu", torch.bfloat16):
                found = model(batch.inputs).float().softmax(dim=1)
            scores = found.new_zeros(len(packed), found.shape[1]) if scores is None else scores
            scores[batch.columns["number"]] = found
        if scores is not None:
            parts.append(scores.numpy())
    return np.concatenate(parts)
