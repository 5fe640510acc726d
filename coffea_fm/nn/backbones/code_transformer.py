"""The backbone of OmniJet-alpha (arXiv:2403.05618): a causal transformer that reads particles as codes."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import torch
from pydantic import Field
from torch import Tensor, nn

from coffea_fm.nn.backbones.backbone import Backbone, BackboneConfig, Replacement
from coffea_fm.nn.backbones.set_transformer import SetTransformer, SetTransformerConfig
from coffea_fm.nn.blocks.attention import AttentionConfig, causal_bias, padding_bias
from coffea_fm.nn.blocks.nearest import nearest
from coffea_fm.nn.blocks.transformer import Block
from coffea_fm.nn.inputs import BackboneOutput, Inputs, not_finite
from coffea_fm.nn.sizes import Count, Width
from coffea_fm.tokens import Level

BOUNDARY = 1e-5
"""Relative difference of two distances within which rounding may decide."""


class CodeTransformerConfig(AttentionConfig, BackboneConfig):
    """Architecture of a code transformer; the defaults are those of OmniJet-alpha.

    Parameters
    ----------
    dim, layers, heads : int
    feed_forward : int
        Hidden width of the feed-forward layers, in units of `dim`.
    dropout : float
        Dropout probability of the residual updates.
    encoder : SetTransformerConfig
        The encoder of the VQ-VAE that makes the codes.
    codes, latent : int
        Number of its codes, and their dimension.
    """

    kind: Literal["code-transformer"] = "code-transformer"
    dim: Width = 256
    layers: Count = 3
    heads: Count = 8
    feed_forward: Count = 4
    dropout: float = 0.0
    encoder: SetTransformerConfig
    codes: Annotated[int, Field(ge=2, le=1_000_000)] = 8192
    latent: Count = 4

    def build(self, level: Level) -> CodeTransformer:
        """Build the network."""
        return CodeTransformer(self, level)


class CodeTransformer(Backbone):
    """The frozen encoder of a VQ-VAE turns particles into codes, and a causal transformer reads the codes in order.

    A learned start vector stands before the first particle. As in the public code of OmniJet-alpha there are no position
    vectors: causal attention knows the place of a particle from what it can see. The blocks are pre-norm. The
    embedding is the mean of all output vectors, including that of the start.

    Parameters
    ----------
    config : CodeTransformerConfig
    level : Level
        The raw input fields.
    """

    config: CodeTransformerConfig
    ordered = True
    table: Tensor

    def __init__(self, config: CodeTransformerConfig, level: Level) -> None:
        super().__init__()
        self.config, self.level, self.dim, self.reveals_replaced = config, level, config.dim, True
        self.encoder = SetTransformer(config.encoder, level)
        self.to_latent = nn.Linear(config.encoder.dim, config.latent)
        self.register_buffer("table", torch.randn(config.codes, config.latent))
        self.embed = nn.Embedding(config.codes, config.dim)
        nn.init.normal_(self.embed.weight, std=0.02)
        self.start = nn.Parameter(0.02 * torch.randn(config.dim))
        self.blocks = nn.ModuleList(
            Block(config.dim, config.heads, config.layers, config.feed_forward, config.dropout)
            for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.dim)
        self.requires_grad_()

    def train(self, mode: bool = True) -> Self:
        """Set the mode, but keep the encoder in evaluation mode."""
        super().train(mode)
        self.encoder.eval()
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set whether parameters are trained; what makes the codes never is."""
        super().requires_grad_(requires_grad)
        for part in (self.encoder, self.to_latent):
            part.requires_grad_(False)
        return self

    def adopt(self, encoder: dict[str, Any], to_latent: dict[str, Any], table: Tensor) -> None:
        """Take over what makes the codes: the state of the encoder and its projection, and the table of codes."""
        self.encoder.load_state_dict(encoder)
        self.to_latent.load_state_dict(to_latent)
        self.table.copy_(table.detach())

    @torch.no_grad()
    def codes(self, inputs: Inputs) -> Tensor:
        """Code of each particle, int64 [jets, tokens]."""
        return nearest(self._latents(inputs), self.table)

    @torch.no_grad()
    def undecided(self, inputs: Inputs) -> Tensor:
        """Jets with a particle that is as near to one code as to another, bool [jets]."""
        nearer, other = torch.cdist(self._latents(inputs), self.table).topk(2, largest=False).values.unbind(dim=-1)
        return ((other - nearer < BOUNDARY * (1 + other)) & inputs.tokens.mask).any(dim=1)

    def _latents(self, inputs: Inputs) -> Tensor:
        with torch.autocast(inputs.values.device.type, enabled=False):
            latents: Tensor = self.to_latent(self.encoder(inputs).token_vectors)
            return latents

    def sequence(self, vectors: Tensor, mask: Tensor, condition: Tensor | None = None) -> Tensor:
        """Read embedded codes [jets, tokens, dim] in order: [jets, 1 + tokens, dim], the first after no particle.

        Parameters
        ----------
        vectors : Tensor [jets, tokens, dim]
        mask : Tensor, bool [jets, tokens]
        condition : Tensor [jets, dim], optional
            Added to the start vector.
        """
        vectors = torch.cat((self.starts(vectors.shape[0], condition).unsqueeze(1), vectors), dim=1)
        real = nn.functional.pad(mask, (1, 0), value=True)
        bias = padding_bias(real, vectors.dtype) + causal_bias(1, mask.shape[1], vectors)
        rows = vectors.view(-1, self.dim)
        for block in self.blocks:
            rows = block(rows, tuple(real.shape), bias)
        result: Tensor = self.norm(rows).view(vectors.shape)
        return result

    def starts(self, n_jets: int, condition: Tensor | None = None) -> Tensor:
        """The vector before the first particle, [jets, dim]."""
        start = self.start.expand(n_jets, -1)
        return start if condition is None else start + condition

    def forward(self, inputs: Inputs, replace: Replacement | None = None) -> BackboneOutput:
        """Embed a batch of jets."""
        mask = inputs.tokens.mask
        tokens = self.embed(self.codes(inputs))
        if replace is not None:
            tokens = torch.where(replace.where.unsqueeze(-1), replace.vector.to(tokens.dtype), tokens)
        vectors = self.sequence(tokens, mask)
        token_vectors = vectors[:, 1:].masked_fill(~mask.unsqueeze(-1), 0.0)
        embedding = (vectors[:, 0] + token_vectors.sum(dim=1)) / (1 + mask.sum(dim=1, keepdim=True))
        return BackboneOutput(embedding + not_finite(inputs), token_vectors)

    def groups_by_depth(self) -> tuple[tuple[str, ...], ...]:
        """The codes and their embedding, each block, and the final norm."""
        return self._by_depth((*((f"blocks.{index}",) for index in range(self.config.layers)), ("norm",)))
