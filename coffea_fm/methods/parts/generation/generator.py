"""Base classes of methods that can generate jets."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from coffea_fm.errors import RecipeError
from coffea_fm.files import atomic
from coffea_fm.methods.method import Method, MethodConfig
from coffea_fm.methods.parts.generation.decoding import as_packed, generated_level, particles
from coffea_fm.methods.parts.generation.head import ParticleHead, kinds_of
from coffea_fm.methods.parts.generation.sampling import Codes, Kinds, Logits, SamplingConfig, sample
from coffea_fm.methods.parts.tokenizers.load import Tokenizer, save_tokenizer
from coffea_fm.nn.checkpoint import save_tensors
from coffea_fm.nn.inputs import Inputs, only_member
from coffea_fm.nn.model import Model
from coffea_fm.tokens import Level, Packed

GENERATOR = "generator"
"""Stem of the two files next to a checkpoint with what generation needs in addition to it."""
TOKENIZER = "tokenizer"
"""Folder next to them."""


class GeneratorConfig(MethodConfig):
    """Base class of configurations of methods that can generate jets.

    Parameters
    ----------
    tokenizer : Path, optional
        A trained tokenizer, such as ``runs/NAME/best``.
    """

    several_groups: ClassVar = False
    tokenizer: Path | None = None


class Generator(Method):
    """A method that learns the probability of each particle given those before it.

    Parameters
    ----------
    config : GeneratorConfig
    model : Model
    tokenizer : KMeansTokenizer or VQTokenizer
    types : bool
        Whether the types of particles are predicted besides their codes.

    Attributes
    ----------
    of_jets : bool
        Whether jets are generated for given jet momenta.
    n_classes : int
        Number of classes that one can ask for; 0 if the method does not know them.
    """

    of_jets: ClassVar[bool]
    n_classes: int = 0
    head: ParticleHead

    def __init__(self, config: GeneratorConfig, model: Model, tokenizer: Tokenizer, *, types: bool) -> None:
        super().__init__(model)
        longest = only_member(model.backbone.level).maximum
        if longest is None:
            raise RecipeError("a sequence of particles needs a largest length: set inputs.max_tokens")
        self.config, self.longest, self.types = config, longest, types
        self.tokenizer = tokenizer.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Generator:
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
        logits, kinds = self.steps(jets, classes)
        codes = sample(len(jets.values), self.longest, logits, kinds, config, random)
        return self._packed(codes, jets)

    @torch.no_grad()
    def decoded(self, jets: Inputs) -> Packed:
        """The particles of these jets after they were turned into codes and back; types are kept."""
        mask = jets.tokens.mask
        names = only_member(self.model.backbone.level).names
        kinds = kinds_of(jets, names.index("pdgId")) if self.types else torch.zeros_like(mask, dtype=torch.int64)
        return self._packed(Codes(self.tokenizer.codes(jets), kinds, mask), jets)

    def _packed(self, codes: Codes, jets: Inputs) -> Packed:
        level = self.generated_level()
        columns = particles(self.tokenizer, codes, self.axis(jets), types=self.types)
        return as_packed(columns, codes.mask, level)

    def axis(self, jets: Inputs) -> Tensor:
        """Pseudorapidity and azimuth of jets, [jets, 2]."""
        names = self.model.backbone.level.names
        return jets.values[:, [names.index("eta"), names.index("phi")]]

    def describe(self, folder: Path) -> None:
        """Write what generation needs: the method, its weights, and the tokenizer."""
        kept = {name: part for name, part in self.state_dict().items() if not name.startswith(("model.", "tokenizer."))}
        save_tensors(folder / f"{GENERATOR}.safetensors", kept)
        save_tokenizer(self.tokenizer, folder / TOKENIZER)
        with atomic(folder / f"{GENERATOR}.json") as temporary:
            temporary.write_text(self.config.model_dump_json(indent=1) + "\n", encoding="utf-8")
