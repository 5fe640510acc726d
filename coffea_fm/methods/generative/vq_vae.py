"""The VQ-VAE: restore the particles of a jet from their codes."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from coffea_fm.methods.method import Method
from coffea_fm.methods.parts.tokenizers.sample import sample_jets
from coffea_fm.methods.parts.tokenizers.vq import VQTokenizer, VQVAEConfig
from coffea_fm.nn.batches import Batch
from coffea_fm.nn.build import Model
from coffea_fm.nn.inputs import Inputs
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import pad

START_JETS = 256


class VQVAE(Method):
    """Mean absolute difference of the restored numbers, and the loss of the codebook.

    Parameters
    ----------
    config : VQVAEConfig
    model : Model
    """

    metrics: ClassVar = ("loss", "reconstruction")
    model: VQTokenizer

    def __init__(self, config: VQVAEConfig, model: Model) -> None:
        super().__init__(VQTokenizer(config, model))
        self.alpha = config.alpha

    @torch.no_grad()
    def prepare(self, data: ShardDataset, seed: int) -> None:
        """Take the quantiles of the numbers, and place the codes."""
        tokenizer = self.model
        tokenizer.fields.fit(data)
        inputs = Inputs.from_arrays(pad(sample_jets(data, START_JETS), data.spec), data.spec)
        tokenizer.codebook.start(tokenizer.latents(inputs)[inputs.mask], seed)

    def forward(self, part: Batch) -> dict[str, Tensor]:
        """Loss and reconstruction loss of each jet, means over its particles."""
        numbers, code_loss = self.model.restore(part.inputs)
        mask = part.inputs.mask
        count = mask.sum(dim=1).clamp(min=1)
        difference = (numbers - self.model.fields(part.inputs)).abs().mean(dim=2).masked_fill(~mask, 0.0)
        reconstruction = difference.sum(dim=1) / count
        return {"loss": reconstruction + self.alpha * code_loss.sum(dim=1) / count, "reconstruction": reconstruction}

    def finish_step(self, progress: float) -> None:  # noqa: ARG002
        """Replace idle codes."""
        self.model.codebook.replace_idle()
