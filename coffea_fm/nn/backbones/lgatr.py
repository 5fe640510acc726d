"""L-GATr (arXiv:2405.14806) and L-GATr-slim, from the package ``lgatr``, exactly invariant under boosts along the beam."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Literal

import torch
from torch import Tensor, nn

from coffea_fm.errors import RecipeError
from coffea_fm.nn.backbones.backbone import Backbone, BackboneConfig, Replacement
from coffea_fm.nn.blocks.lorentz_vectors import slim_block
from coffea_fm.nn.blocks.multivectors import equi_linear, geometric_block
from coffea_fm.nn.features.group import FeatureKind
from coffea_fm.nn.features.jet_frame import JetFrame
from coffea_fm.nn.features.minkowski import REFERENCES, UNIT
from coffea_fm.nn.inputs import BackboneOutput, Inputs, not_finite
from coffea_fm.nn.sizes import Count, Width
from coffea_fm.tokens import Level

_FIRST = 1 + len(REFERENCES)
"""Index of the first particle: a global token and the references are before it."""
_NEVER = -1e9
"""Attention logit of padding; the exponential is exactly 0."""


class LorentzConfig(BackboneConfig):
    """Base class of the configurations of L-GATr and L-GATr-slim.

    Parameters
    ----------
    dim : int
        Scalar channels: width of token vectors and embedding.
    vectors : int
        Vector channels, or multivector channels.
    layers, heads : int
    features : {"jetclass", "kinematic"}
        Scalar inputs: seven numbers from the momentum in the frame of the jet, and for ``jetclass`` charge, particle
        type and impact parameters.
    """

    dim: Width
    vectors: Width
    layers: Count
    heads: Count = 8
    features: Literal["jetclass", "kinematic"] = "jetclass"


class LGATrSlimConfig(LorentzConfig):
    """Size of L-GATr-slim; the defaults are those published for jet tagging.

    Parameters
    ----------
    feed_forward : int
        Hidden width of the feed-forward layers, in units of `dim`.
    dim, vectors, layers, heads, features : object
        See `LorentzConfig`.
    """

    kind: Literal["lgatr-slim"] = "lgatr-slim"
    dim: Width = 96
    vectors: Width = 32
    layers: Count = 12
    feed_forward: Count = 4

    def build(self, level: Level) -> LGATrSlim:
        """Build the network."""
        return LGATrSlim(self, level)


class LGATrConfig(LorentzConfig):
    """Size of L-GATr; the defaults are those published for jet tagging.

    Parameters
    ----------
    attention, feed_forward : int
        Hidden widths of the attention and of the feed-forward layers, in units of `dim`.
    dim, vectors, layers, heads, features : object
        See `LorentzConfig`.
    """

    kind: Literal["lgatr"] = "lgatr"
    dim: Width = 32
    vectors: Width = 16
    layers: Count = 12
    attention: Count = 2
    feed_forward: Count = 2

    def build(self, level: Level) -> LGATr:
        """Build the network."""
        return LGATr(self, level)


class LorentzBackbone(Backbone):
    """A Lorentz-equivariant network on the particles of a jet, both beams, the time axis and a global token.

    Momenta and scalar inputs are those in the frame of the jet (see `JetFrame`), where the references are fixed. So
    the output does not change if the jet is boosted along the beam or rotated about it.

    Parameters
    ----------
    config : LorentzConfig
    level : Level
        The raw fields of the jets, with one group of tokens.

    Raises
    ------
    RecipeError
        If the package ``lgatr`` is missing.
    """

    references: Tensor
    reveals_replaced = True

    def __init__(self, config: LorentzConfig, level: Level) -> None:
        super().__init__()
        self.config, self.level, self.dim = config, level, config.dim
        features: FeatureKind = config.features
        self.features = JetFrame(level, features)
        references = torch.zeros(_FIRST, 4)
        references[1:] = torch.tensor(REFERENCES)
        self.register_buffer("references", references, persistent=False)

    def forward(self, inputs: Inputs, replace: Replacement | None = None) -> BackboneOutput:
        """Embed a batch of jets. Of a replaced token, nothing enters but its part in the frame of the jet."""
        found = self.features(inputs)
        sets = found.mask.shape[0]
        momenta = torch.cat((self.references.expand(sets, -1, -1), found.momenta / UNIT), dim=1)
        # The last scalar marks the global token.
        scalars = nn.functional.pad(found.scalars, (0, 1, _FIRST, 0))
        scalars[:, 0, -1] = 1.0
        hidden = None
        if replace is not None:
            each = replace.vector.expand(*replace.where.shape, -1)
            hidden = Replacement(
                nn.functional.pad(replace.where, (_FIRST, 0)), nn.functional.pad(each, (0, 0, _FIRST, 0))
            )
        mask = nn.functional.pad(found.mask, (_FIRST, 0), value=True)
        bias = torch.zeros_like(mask, dtype=scalars.dtype).masked_fill(~mask, _NEVER)[:, None, None, :]
        with torch.autocast(inputs.values.device.type, enabled=False):  # invariants of momenta cancel
            vectors = self.embed(momenta, scalars, bias, hidden)
        embedding = vectors[:, 0] + not_finite(inputs)
        return BackboneOutput(embedding, vectors[:, _FIRST:].masked_fill(~found.mask.unsqueeze(-1), 0.0))

    def embed(self, momenta: Tensor, scalars: Tensor, bias: Tensor, hidden: Replacement | None) -> Tensor:
        """Scalar outputs of all tokens, [sets, tokens, dim].

        Parameters
        ----------
        momenta : Tensor [sets, tokens, 4]
        scalars : Tensor [sets, tokens, n_scalars]
        bias : Tensor [sets, 1, 1, tokens]
            Added to the attention logits.
        hidden : Replacement or None
            Tokens whose scalars are replaced and whose vectors vanish before the first layer.
        """
        raise NotImplementedError

    def groups_by_depth(self) -> tuple[tuple[str, ...], ...]:
        """The input layer, each block, and the output layer."""
        return self._by_depth((*((f"blocks.{index}",) for index in range(len(self.blocks))), ("linear_out",)))

    def _take(self, network: Any) -> None:
        """Take the layers of a network of the package."""
        self.linear_in, self.blocks, self.linear_out = network.linear_in, network.blocks, network.linear_out


class LGATrSlim(LorentzBackbone):
    """L-GATr-slim: four-vectors and scalars."""

    config: LGATrSlimConfig

    def __init__(self, config: LGATrSlimConfig, level: Level) -> None:
        super().__init__(config, level)
        network = _package().LGATrSlim(
            num_blocks=config.layers,
            in_v_channels=1,
            out_v_channels=0,
            hidden_v_channels=config.vectors,
            in_s_channels=self.features.n_scalars + 1,
            out_s_channels=config.dim,
            hidden_s_channels=config.dim,
            num_heads=config.heads,
            mlp_ratio=config.feed_forward,
        )
        self._take(network)

    def embed(self, momenta: Tensor, scalars: Tensor, bias: Tensor, hidden: Replacement | None) -> Tensor:
        """See `LorentzBackbone.embed`."""
        vectors, scalars = self.linear_in(momenta.unsqueeze(-1), scalars)
        if hidden is not None:
            where = hidden.where.unsqueeze(-1)
            scalars = torch.where(where, hidden.vector.to(scalars.dtype), scalars)
            vectors = vectors.masked_fill(where.unsqueeze(-1), 0.0)
        for block in self.blocks:
            vectors, scalars = slim_block(block, vectors, scalars, bias)
        found: Tensor = self.linear_out.linear_s(scalars)
        return found


class LGATr(LorentzBackbone):
    """L-GATr: multivectors of the geometric algebra and scalars."""

    config: LGATrConfig

    def __init__(self, config: LGATrConfig, level: Level) -> None:
        super().__init__(config, level)
        network = _package().LGATr(
            num_blocks=config.layers,
            in_mv_channels=1,
            out_mv_channels=1,
            hidden_mv_channels=config.vectors,
            in_s_channels=self.features.n_scalars + 1,
            out_s_channels=config.dim,
            hidden_s_channels=config.dim,
            attention={"num_heads": config.heads, "attn_ratio": config.attention, "head_scale": True},
            mlp={"mlp_ratio": config.feed_forward},
        )
        for parameter in (network.linear_out.weight, *network.linear_out.s2mvs.parameters()):
            parameter.requires_grad_(False)  # only scalars are read from the last layer
        self._take(network)

    def embed(self, momenta: Tensor, scalars: Tensor, bias: Tensor, hidden: Replacement | None) -> Tensor:
        """See `LorentzBackbone.embed`."""
        sets, tokens = scalars.shape[:2]
        multivectors = nn.functional.pad(momenta, (1, 11)).permute(2, 0, 1).reshape(16, sets * tokens, 1)
        vectors, rows = equi_linear(self.linear_in, multivectors, scalars.flatten(0, 1))
        if hidden is not None:
            where = hidden.where.reshape(-1, 1)
            rows = torch.where(where, hidden.vector.flatten(0, 1).to(rows.dtype), rows)
            vectors = vectors.masked_fill(where, 0.0)
        for block in self.blocks:
            vectors, rows = geometric_block(block, vectors, rows, (sets, tokens), bias)
        return equi_linear(self.linear_out, vectors, rows)[1].view(sets, tokens, self.dim)


def _package() -> Any:
    try:
        return import_module("lgatr")
    except ImportError as error:
        raise RecipeError("this backbone needs the package lgatr: pip install 'coffea-fm[lgatr]'") from error
