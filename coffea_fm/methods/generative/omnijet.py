"""OmniJet-alpha (arXiv:2403.05618): predict the code of the next particle from the codes of those before it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast

import torch
from pydantic import NonNegativeInt
from torch import Tensor, nn

from coffea_fm.errors import RecipeError
from coffea_fm.methods.parts.generation.cached import CachedSequence
from coffea_fm.methods.parts.generation.code_generator import CodeGenerator, CodeGeneratorConfig
from coffea_fm.methods.parts.generation.head import NOTHING, ParticleHead, next_codes
from coffea_fm.methods.parts.generation.sampling import Kinds, Logits
from coffea_fm.methods.parts.tokenizers.load import load_tokenizer
from coffea_fm.methods.parts.tokenizers.vq import VQTokenizer
from coffea_fm.nn.backbones.code_transformer import CodeTransformer
from coffea_fm.nn.batches import Batch
from coffea_fm.nn.inputs import Inputs
from coffea_fm.nn.model import Model
from coffea_fm.shards import ShardDataset

UNKNOWN = 0.1
"""Fraction of the jets whose class is hidden in training, so that the network also works without."""


class OmniJetConfig(CodeGeneratorConfig):
    """The method ``omnijet``, for the backbone ``code-transformer``.

    Parameters
    ----------
    tokenizer : Path
        A trained VQ-VAE, such as ``runs/NAME/best``.
    classes : int
        Number of classes to condition on, those of the data; 0 for none, as published.
    """

    kind: Literal["omnijet"] = "omnijet"
    tokenizer: Path
    classes: NonNegativeInt = 0

    def build(self, model: Model) -> OmniJet:  # noqa: D102
        return OmniJet(self, model)


class OmniJet(CodeGenerator):
    """Cross-entropy of the next code or the end, averaged over each jet; the codes are those of the tokenizer."""

    of_jets = False

    def __init__(self, config: OmniJetConfig, model: Model) -> None:
        tokenizer = load_tokenizer(config.tokenizer, model.backbone.level)
        super().__init__(config, model, tokenizer, types=False)
        backbone = model.backbone
        if not isinstance(backbone, CodeTransformer) or not isinstance(tokenizer, VQTokenizer):
            raise RecipeError("the method omnijet needs backbone.kind: code-transformer and a tokenizer of kind vq-vae")
        made = (tokenizer.backbone.config, tokenizer.n_codes, tokenizer.codebook.config.latent)
        for key, theirs in zip(("encoder", "codes", "latent"), made, strict=True):
            if (ours := getattr(backbone.config, key)) != theirs:
                raise RecipeError(f"backbone.{key} is {ours}, but that of the tokenizer {config.tokenizer} is {theirs}")
        backbone.adopt(tokenizer.backbone.state_dict(), tokenizer.to_latent.state_dict(), tokenizer.codebook.table())
        self.n_classes = config.classes
        self.head = ParticleHead(backbone.dim, tokenizer.n_codes + 1, types=False)
        self.classes = nn.Parameter(0.02 * torch.randn(config.classes, backbone.dim))

    @property
    def backbone(self) -> CodeTransformer:
        """The backbone of the model."""
        return cast("CodeTransformer", self.model.backbone)

    def start_from(self, folder: Path) -> None:
        """Refuse a checkpoint that was made with another tokenizer: its codes mean something else."""
        self.refuse_other_tokenizer(folder)

    def prepare(self, data: ShardDataset, seed: int) -> None:  # noqa: ARG002
        """Check the number of classes."""
        self.check_classes(data)

    def condition(self, classes: Tensor | None) -> Tensor | None:
        """Vectors of classes, int64 [jets], to be added to the start; 0 for -1. None without conditioning."""
        if classes is None or self.n_classes == 0:
            return None
        return self.classes[classes.clamp(min=0)].masked_fill((classes < 0).unsqueeze(1), 0.0)

    def forward(self, part: Batch) -> dict[str, Tensor]:
        """Loss of each jet."""
        mask, codes = part.inputs.tokens.mask, self.backbone.codes(part.inputs)
        classes = part.columns.get("target")
        if classes is not None and self.training:
            classes = classes.masked_fill(torch.rand(len(classes), device=classes.device) < UNKNOWN, -1)
        vectors = self.backbone.sequence(self.backbone.embed(codes), mask, self.condition(classes))
        targets = next_codes(codes, mask, self.tokenizer.n_codes, self.longest)
        return {"loss": self.head.losses(vectors, targets, torch.full_like(targets, NOTHING))[0]}

    def steps(self, jets: Inputs, classes: Tensor | None) -> tuple[Logits, Kinds | None]:
        """Functions for `sample`, with the keys and values of earlier particles kept."""
        past = CachedSequence(self.backbone, self.backbone.starts(len(jets.values), self.condition(classes)))
        return lambda codes, alive: self.head.logits(past(codes.codes, alive)), None
