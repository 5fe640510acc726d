"""The VQ-VAE tokenizer: an encoder, a codebook, and a decoder that reconstructs the particles from their codes."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from coffea_fm.config import Config
from coffea_fm.methods.parts.decoders.stack import DecoderConfig, Stack
from coffea_fm.methods.parts.tokenizers.codebook import Codebook, CodebookConfig
from coffea_fm.methods.parts.tokenizers.fields import DEFAULT_FIELDS, FieldName, ParticleFields
from coffea_fm.nn.backbones import Backbone
from coffea_fm.nn.inputs import Inputs
from coffea_fm.nn.model import Model


class VQTokenizerConfig(Config):
    """The tokenizer ``vq-vae``; the defaults are those of MPM v1 (arXiv:2401.13537).

    Parameters
    ----------
    codebook : CodebookConfig
    decoder : DecoderConfig
    fields : tuple of str
        Particle fields to reconstruct.
    """

    kind: Literal["vq-vae"] = "vq-vae"
    codebook: CodebookConfig = CodebookConfig()
    decoder: DecoderConfig = DecoderConfig(layers=3)
    fields: tuple[FieldName, ...] = DEFAULT_FIELDS


class VQTokenizer(Model):
    """Encoder, codebook and decoder: the model in the checkpoints of the method.

    Parameters
    ----------
    config : VQTokenizerConfig
    backbone : Backbone
        The encoder.
    """

    def __init__(self, config: VQTokenizerConfig, backbone: Backbone) -> None:
        super().__init__(backbone)
        self.config = config
        self.level = backbone.level
        self.n_codes = config.codebook.codes
        self.fields = ParticleFields(self.level, config.fields)
        self.to_latent = nn.Linear(backbone.dim, config.codebook.latent)
        self.codebook = Codebook(config.codebook)
        self.from_latent = nn.Linear(config.codebook.latent, config.decoder.dim)
        self.decoder = Stack(config.decoder)
        self.to_fields = nn.Linear(config.decoder.dim, len(config.fields))

    def latents(self, inputs: Inputs) -> Tensor:
        """Vector of each particle before quantisation, float32 [jets, tokens, latent]."""
        vectors: Tensor = self.to_latent(self.backbone(inputs).token_vectors)
        return vectors.float()

    def restore(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """Reconstruct the scaled fields [jets, tokens, fields]; also returns the codebook loss [jets, tokens]."""
        latents, mask = self.latents(inputs), inputs.tokens.mask
        codes, _, loss = self.codebook(latents[mask])
        quantised = torch.zeros_like(latents).masked_scatter(mask.unsqueeze(-1), codes)
        return self._decoded(quantised, mask), torch.zeros(mask.shape, device=loss.device).masked_scatter(mask, loss)

    @torch.no_grad()
    def codes(self, inputs: Inputs) -> Tensor:
        """Code of each particle, int64 [jets, tokens]."""
        index: Tensor = self.codebook(self.latents(inputs).flatten(0, 1))[1]
        return index.view(inputs.tokens.mask.shape)

    @torch.no_grad()
    def decode(self, codes: Tensor, mask: Tensor) -> Tensor:
        """Scaled fields of the particles with these codes, int64 [jets, tokens]: float32 [jets, tokens, fields]."""
        return self._decoded(self.codebook.table()[codes].masked_fill(~mask.unsqueeze(-1), 0.0), mask)

    def _decoded(self, quantised: Tensor, mask: Tensor) -> Tensor:
        numbers: Tensor = self.to_fields(self.decoder(self.from_latent(quantised), _with_one(mask)))
        return numbers.float()

    @torch.no_grad()
    def reconstruct(self, inputs: Inputs) -> Tensor:
        """Reconstruct the scaled fields from the codes, float32 [jets, tokens, fields]."""
        return self.restore(inputs)[0]


def _with_one(mask: Tensor) -> Tensor:
    """Add a token to jets without any: the softmax over an empty set is NaN."""
    return mask | (~mask.any(dim=1, keepdim=True) & (torch.arange(mask.shape[1], device=mask.device) == 0))
