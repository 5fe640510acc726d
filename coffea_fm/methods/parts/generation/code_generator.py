"""Base classes of methods that generate jets particle by particle, from codes."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from coffea_fm.errors import RecipeError
from coffea_fm.methods.parts.generation.base import JetGenerator, JetGeneratorConfig
from coffea_fm.methods.parts.generation.decoding import as_packed, generated_level, particles
from coffea_fm.methods.parts.generation.head import ParticleHead
from coffea_fm.methods.parts.generation.sampling import Codes, Kinds, Logits, SamplingConfig, sample
from coffea_fm.methods.parts.targets.identity import kinds_of
from coffea_fm.methods.parts.tokenizers.load import Tokenizer, load_tokenizer, save_tokenizer
from coffea_fm.nn.inputs import Inputs, only_member
from coffea_fm.nn.model import Model
from coffea_fm.tokens import Level, Packed

TOKENIZER = "tokenizer"
"""Folder with the tokenizer, next to a checkpoint."""


class CodeGeneratorConfig(JetGeneratorConfig):
    """Base class of configurations of methods that generate jets from codes.

    Parameters
    ----------
    tokenizer : Path, optional
        A trained tokenizer, such as ``runs/NAME/best``.
    """

    tokenizer: Path | None = None


class CodeGenerator(JetGenerator):
    """A method that learns the probability of each particle given those before it.

    Parameters
    ----------
    config : CodeGeneratorConfig
    model : Model
    tokenizer : KMeansTokenizer or VQTokenizer
    types : bool
        Whether the types of particles are predicted besides their codes.
    """

    elsewhere: ClassVar = ("model.", "tokenizer.")
    head: ParticleHead

    def __init__(self, config: CodeGeneratorConfig, model: Model, tokenizer: Tokenizer, *, types: bool) -> None:
        super().__init__(config, model)
        longest = only_member(model.backbone.level).maximum
        if longest is None:
            raise RecipeError("a sequence of particles needs a largest length: set inputs.max_tokens")
        self.longest, self.types = longest, types
        self.tokenizer = tokenizer.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> CodeGenerator:
        """Set the mode, but keep the tokenizer in evaluation mode."""
        super().train(mode)
        self.tokenizer.eval()
        return self

    def steps(self, jets: Inputs, classes: Tensor | None) -> tuple[Logits, Kinds | None]:
        """Functions for `sample`, for these jets (whose particles are not read) and classes (-1: any)."""
        raise NotImplementedError

    def generated_level(self) -> Level:
        """What is known of generated jets."""
        return generated_level(self.tokenizer, self.longest, types=self.types)

    @torch.no_grad()
    def generate(self, jets: Inputs, classes: Tensor | None, config: SamplingConfig, random: torch.Generator) -> Packed:
        """Generate one jet for each of these."""
        level = self.generated_level()
        logits, kinds = self.steps(jets, classes)
        codes = sample(len(jets.values), self.longest, logits, kinds, config, random)
        return self._packed(codes, jets, level)

    @torch.no_grad()
    def decoded(self, jets: Inputs) -> Packed:
        """The particles of these jets after they were turned into codes and back; types are kept."""
        mask = jets.tokens.mask
        names = only_member(self.model.backbone.level).names
        kinds = kinds_of(jets, names.index("pdgId")) if self.types else torch.zeros_like(mask, dtype=torch.int64)
        return self._packed(Codes(self.tokenizer.codes(jets), kinds, mask), jets, self.generated_level())

    def _packed(self, codes: Codes, jets: Inputs, level: Level) -> Packed:
        columns = particles(self.tokenizer, codes, self.axis(jets), types=self.types)
        return as_packed(columns, codes.mask, level)

    def axis(self, jets: Inputs) -> Tensor:
        """Pseudorapidity and azimuth of jets, [jets, 2]."""
        names = self.model.backbone.level.names
        return jets.values[:, [names.index("eta"), names.index("phi")]]

    def refuse_other_tokenizer(self, folder: Path) -> None:
        """Raise `RecipeError` if the checkpoint in this folder was made with other codes."""
        if not (folder / TOKENIZER).is_dir():
            return
        ours = self.tokenizer.state_dict()
        theirs = load_tokenizer(folder / TOKENIZER, self.model.backbone.level).state_dict()
        if ours.keys() != theirs.keys() or not all(
            torch.equal(part, theirs[name].to(part)) for name, part in ours.items()
        ):
            raise RecipeError(f"method.tokenizer is not the one of {folder}: set it to {folder / TOKENIZER}")

    def describe(self, folder: Path) -> None:
        """Write what generation needs: the method, its weights, and the tokenizer."""
        super().describe(folder)
        save_tokenizer(self.tokenizer, folder / TOKENIZER)
