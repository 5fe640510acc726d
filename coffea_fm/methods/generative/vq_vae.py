"""The VQ-VAE: reconstruct the particles of a jet from their codes. This trains a tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch
from pydantic import PositiveFloat
from torch import Tensor

from coffea_fm.methods.method import Method, MethodConfig
from coffea_fm.methods.parts.tokenizers.load import TokenizerDescription
from coffea_fm.methods.parts.tokenizers.sample import sample_jets
from coffea_fm.methods.parts.tokenizers.vq import VQTokenizer, VQTokenizerConfig
from coffea_fm.nn.batches import Batch
from coffea_fm.nn.inputs import Inputs
from coffea_fm.nn.model import Model
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import pad

START_JETS = 256


class VQVAEConfig(VQTokenizerConfig, MethodConfig):  # type: ignore[misc]  # its kind is that of the tokenizer
    """The method ``vq-vae``; the recipe's backbone is its encoder.

    Parameters
    ----------
    codebook, decoder, fields : object
        See `VQTokenizerConfig`.
    alpha : float
        Weight of the codebook loss relative to the reconstruction loss; 10 in MPM v1 (arXiv:2401.13537).
    """

    several_groups: ClassVar = False
    alpha: PositiveFloat = 10.0

    def build(self, model: Model) -> VQVAE:  # noqa: D102
        return VQVAE(self, model)


class VQVAE(Method):
    """Mean absolute error of the reconstructed fields, plus the codebook loss.

    Parameters
    ----------
    config : VQVAEConfig
    model : Model
        Its backbone is the encoder.
    """

    metrics: ClassVar = ("loss", "reconstruction")
    model: VQTokenizer

    def __init__(self, config: VQVAEConfig, model: Model) -> None:
        super().__init__(VQTokenizer(config, model.backbone))
        self.config = config

    @torch.no_grad()
    def prepare(self, data: ShardDataset, seed: int) -> None:
        """Compute the quantiles of the fields, and initialise the codes."""
        tokenizer = self.model
        tokenizer.fields.fit(data)
        inputs = Inputs.from_arrays(pad(sample_jets(data, START_JETS), data.level), data.level)
        tokenizer.codebook.start(tokenizer.latents(inputs)[inputs.tokens.mask], seed)

    def forward(self, part: Batch) -> dict[str, Tensor]:
        """Loss and reconstruction loss of each jet, averaged over its particles."""
        numbers, code_loss = self.model.restore(part.inputs)
        mask = part.inputs.tokens.mask
        count = mask.sum(dim=1).clamp(min=1)
        difference = (numbers - self.model.fields(part.inputs)).abs().mean(dim=2).masked_fill(~mask, 0.0)
        reconstruction = difference.sum(dim=1) / count
        loss = reconstruction + self.config.alpha * code_loss.sum(dim=1) / count
        return {"loss": loss, "reconstruction": reconstruction}

    def finish_step(self, progress: float) -> None:  # noqa: ARG002
        """Replace idle codes."""
        self.model.codebook.replace_idle()

    def describe(self, folder: Path) -> None:
        """Write the description of the tokenizer, which is the model."""
        tokenizer = VQTokenizerConfig(**{name: getattr(self.config, name) for name in VQTokenizerConfig.model_fields})
        backbone = self.model.backbone
        described = {"tokenizer": tokenizer, "level": backbone.level, "backbone": backbone.config}
        TokenizerDescription.model_validate(described).write(folder)
