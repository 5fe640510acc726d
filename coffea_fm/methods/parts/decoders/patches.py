"""Predict a vector for each hidden patch from the encoder's output for the visible particles."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from coffea_fm.errors import RecipeError
from coffea_fm.methods.parts.decoders.stack import DecoderConfig, Stack
from coffea_fm.methods.parts.patches.patched_jets import PatchedJets
from coffea_fm.methods.parts.patches.relative_eta_phi import PositionVectors
from coffea_fm.nn.backbones import Backbone
from coffea_fm.nn.inputs import only_member


class PatchPredictorConfig(DecoderConfig):
    """Size of a predictor of patches, and what it knows of a hidden one.

    Parameters
    ----------
    told : {"position", "order"}
        Its η and φ, or its place among the hidden patches of the jet by pT.
    """

    told: Literal["position", "order"] = "position"


class PatchPredictor(nn.Module):
    """A decoder reads the encoder's output, and a query for each hidden patch that says which one is asked for.

    - ``position``: the query and the vectors of visible particles carry η and φ relative to the axis of the jet.
    - ``order``: the k-th hardest hidden patch has the k-th learned vector.

    Parameters
    ----------
    backbone : Backbone
        The encoder.
    config : PatchPredictorConfig
    """

    def __init__(self, backbone: Backbone, config: PatchPredictorConfig) -> None:
        super().__init__()
        self.told = config.told
        self.project = nn.Linear(backbone.dim, config.dim)
        self.stack = Stack(config)
        self.project_out = nn.Linear(config.dim, backbone.dim)
        if config.told == "position":
            self.query = nn.Parameter(0.02 * torch.randn(config.dim))
            self.position = PositionVectors(config.dim)
            return
        most = only_member(backbone.level).maximum
        if most is None:
            raise RecipeError("predictor.told: order learns a vector for each patch: set inputs.max_tokens")
        self.places = nn.Parameter(0.02 * torch.randn(most, config.dim))

    def forward(self, embedding: Tensor, vectors: Tensor, part: PatchedJets) -> Tensor:
        """Predict vectors of hidden patches.

        Parameters
        ----------
        embedding : Tensor [jets, dim]
            Embedding of the visible particles of each jet.
        vectors : Tensor [jets, visible, dim]
            Their vectors.
        part : PatchedJets

        Returns
        -------
        Tensor [jets, patches, dim]
        """
        context = self.project(vectors)
        n_jets, n_patches = part.mask.shape
        if self.told == "position":
            context = context + self.position(part.position).to(context.dtype)
            queries = self.query + self.position(part.centre)
        else:
            queries = self.places[:n_patches].expand(n_jets, -1, -1)
        whole = self.project(embedding).unsqueeze(1)
        rows = torch.cat((whole, context, queries.to(context.dtype)), dim=1)
        mask = torch.cat((part.jets.visible.mask, part.mask), dim=1)
        decoded = self.stack(rows, nn.functional.pad(mask, (1, 0), value=True))
        predicted: Tensor = self.project_out(decoded[:, rows.shape[1] - n_patches :])
        return predicted
