"""ParticleNet (arXiv:1902.08570): edge convolutions on dynamic graphs of nearest neighbours."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated, Literal, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import pad, relu

from coffea_fm.nn.backbones.backbone import Backbone, BackboneConfig, Replacement
from coffea_fm.nn.blocks.dropout import Dropout
from coffea_fm.nn.blocks.edge_conv import EdgeConv, NormedLinear, nearest, to_slots
from coffea_fm.nn.features.group import FeatureKind, GroupFeatures
from coffea_fm.nn.features.level import Features
from coffea_fm.nn.inputs import BackboneOutput, Inputs, not_finite, only_member
from coffea_fm.nn.sizes import Count, Width
from coffea_fm.tokens import Level

Widths = Annotated[tuple[Width, ...], Field(min_length=1, max_length=64)]


class ParticleNetConfig(BackboneConfig):
    """Size of a ParticleNet; the defaults are those used for JetClass (arXiv:2202.03772).

    Parameters
    ----------
    convolutions : tuple of tuple of int
        Widths of the layers of each edge convolution.
    neighbours : int
        Number of nearest neighbours of each token.
    fusion : bool
        Combine the results of all edge convolutions, instead of taking the last one.
    hidden : tuple of int
        Widths of the layers after the average over tokens; the last one is the width of the embedding.
    features : {"full", "jetclass", "jetclass-kin", "jetclass-kinpid", "kinematic"}
        Set of network inputs computed from the raw fields.
    dropout : float
        Dropout probability between hidden layers. Weaver's, after the last one, is the `dropout` of the head.
    """

    kind: Literal["particle-net"] = "particle-net"
    convolutions: Annotated[tuple[Widths, ...], Field(min_length=1)] = ((64,) * 3, (128,) * 3, (256,) * 3)
    neighbours: Count = 16
    fusion: bool = False
    hidden: Widths = (256,)
    features: FeatureKind = "jetclass"
    dropout: float = 0.1

    def build(self, level: Level) -> ParticleNet:
        """Build the network."""
        return ParticleNet(self, level)


class ParticleNet(Backbone):
    """Edge convolutions: the first on neighbours in (η, φ), the others on neighbours in the space of token vectors.

    A jet with fewer tokens than `neighbours` is filled up with neighbours whose vectors are 0, as weaver does. Unlike in
    weaver, a token is never its own neighbour where two have the same position, and the statistics of batch norms do not
    include empty slots. The token vectors are the result of applying the layers after the average to each token.

    Parameters
    ----------
    config : ParticleNetConfig
    level : Level
        The raw input fields, with a single group of tokens.
    """

    config: ParticleNetConfig
    reveals_replaced = True

    def __init__(self, config: ParticleNetConfig, level: Level) -> None:
        super().__init__()
        only_member(level)
        self.config, self.level, self.dim = config, level, config.hidden[-1]
        self.features = Features(level, config.features)
        (group,) = cast("Iterable[GroupFeatures]", self.features.groups.values())
        self.coordinates = tuple(
            next(index for index, name in enumerate(group.names) if name.endswith(f"delta_{angle}"))
            for angle in ("eta", "phi")
        )
        (n_features,) = self.features.n_features.values()
        self.norm = nn.BatchNorm1d(n_features)
        widths = [n_features, *(layers[-1] for layers in config.convolutions)]
        self.convolutions = nn.ModuleList(
            EdgeConv(before, layers) for before, layers in zip(widths, config.convolutions, strict=False)
        )
        total = sum(widths[1:])
        fused = min(max(total // 128 * 128, 128), 1024)
        self.fusion = NormedLinear(total, fused) if config.fusion else None
        hidden = (fused if config.fusion else widths[-1], *config.hidden)
        self.hidden = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(hidden))
        self.dropout = Dropout(config.dropout)

    def forward(self, inputs: Inputs, replace: Replacement | None = None) -> BackboneOutput:
        """Embed a batch of jets.

        A replaced token gets the first numbers of the replacing vector as its features. Its position is not hidden.
        """
        features = self.features(inputs)
        ((name, tokens),) = features.tokens.items()
        mask = inputs.members[name].mask
        vectors = self._normed(tokens, mask)
        if replace is not None:
            hidden = pad(replace.vector, (0, vectors.shape[-1] - self.dim)).to(vectors.dtype)  # may cut, too
            vectors = torch.where(replace.where.unsqueeze(-1), hidden, vectors)
        points, results = tokens[..., self.coordinates], []
        for convolution in self.convolutions:
            vectors = convolution(vectors, nearest(points, vectors, mask, self.config.neighbours), mask)
            points = vectors
            results.append(vectors)
        if self.fusion is not None:
            together = torch.cat(results, dim=-1)
            rows = together[mask] if self.training else together.flatten(0, 1)
            vectors = to_slots(relu(self.fusion(rows)), mask, only_real=self.training)
        mean = vectors.sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)
        token_vectors = self._hidden(vectors).masked_fill(~mask.unsqueeze(-1), 0.0)
        return BackboneOutput(self._hidden(mean) + not_finite(inputs), token_vectors)

    def groups_by_depth(self) -> tuple[tuple[str, ...], ...]:
        """The norm of the inputs, each edge convolution, and everything above."""
        blocks = ((f"convolutions.{index}",) for index in range(len(self.convolutions)))
        return self._by_depth((*blocks, ("fusion", "hidden", "dropout")))

    def _normed(self, tokens: Tensor, mask: Tensor) -> Tensor:
        rows = self.norm(tokens[mask] if self.training else tokens.flatten(0, 1))
        return to_slots(rows, mask, only_real=self.training)

    def _hidden(self, vectors: Tensor) -> Tensor:
        for index, layer in enumerate(self.hidden):
            vectors = relu(layer(self.dropout(vectors) if index else vectors))
        return vectors
