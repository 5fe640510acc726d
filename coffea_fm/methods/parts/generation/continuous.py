"""Predict the next particle from what a backbone says of the continuous particles before it."""

from __future__ import annotations

from typing import Annotated, cast

import torch
from pydantic import Field, NonNegativeFloat
from torch import Tensor
from torch.nn.functional import pad

from coffea_fm.errors import RecipeError
from coffea_fm.methods.parts.generation.code_generator import CodeGenerator, CodeGeneratorConfig
from coffea_fm.methods.parts.generation.decoding import as_inputs, particles, require
from coffea_fm.methods.parts.generation.head import NOTHING, ParticleHead, next_codes
from coffea_fm.methods.parts.generation.sampling import Codes, Kinds, Logits
from coffea_fm.methods.parts.targets.identity import kinds_of
from coffea_fm.methods.parts.tokenizers.fields import DEFAULT_FIELDS, FieldName
from coffea_fm.methods.parts.tokenizers.kmeans import KMeansConfig, KMeansTokenizer
from coffea_fm.methods.parts.tokenizers.load import load_tokenizer
from coffea_fm.nn.backbones.set_transformer import SetTransformer
from coffea_fm.nn.inputs import Inputs, only_member
from coffea_fm.nn.model import Model
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import Level


class ContinuousConfig(CodeGeneratorConfig):
    """Settings of methods whose input is continuous and whose targets are codes and types.

    Parameters
    ----------
    codes : int
        Number of codes of a k-means tokenizer that is fitted when the training begins.
    fields : tuple of str
        Fields that it clusters in. To generate jets, they must give everything that the network reads.
    tokenizer : Path, optional
        A trained tokenizer instead, of either kind, with its own codes and fields.
    id : float
        Weight of the loss of the type of the particle, given its code; 0 for none.
    """

    codes: Annotated[int, Field(ge=2)] = 1024
    fields: tuple[FieldName, ...] = DEFAULT_FIELDS
    id: NonNegativeFloat = 0.3


class Continuous(CodeGenerator):
    """Codes, and the prediction of the next one, of jets that the backbone reads as they are.

    Parameters
    ----------
    config : ContinuousConfig
    model : Model

    Raises
    ------
    RecipeError
        If a field that is needed is missing, or the backbone is not a ``set-transformer``.
    """

    of_jets = True

    def __init__(self, config: ContinuousConfig, model: Model) -> None:
        level = model.backbone.level
        if not isinstance(model.backbone, SetTransformer) or model.backbone.reveals_replaced:
            raise RecipeError(f"the method {config.kind} needs backbone.kind: set-transformer, without pair_bias")
        if config.tokenizer is None:
            tokenizer = KMeansTokenizer(KMeansConfig(codes=config.codes, fields=config.fields), level)
            super().__init__(config, model, tokenizer, types=config.id > 0)
        else:
            super().__init__(config, model, load_tokenizer(config.tokenizer, level), types=config.id > 0)
        self.weight, self.fitted = config.id, config.tokenizer is None
        if self.types and "pdgId" not in only_member(level).names:
            raise RecipeError("method.id needs the field pdgId: add it to inputs.fields, or set method.id: 0")
        self.head = ParticleHead(model.backbone.dim, self.tokenizer.n_codes + 1, types=self.types)

    def prepare(self, data: ShardDataset, seed: int) -> None:
        """Fit the tokenizer, unless it is a trained one."""
        if self.fitted and isinstance(self.tokenizer, KMeansTokenizer):
            self.tokenizer.fit(data, seed)

    @property
    def backbone(self) -> SetTransformer:
        """The backbone of the model."""
        return cast("SetTransformer", self.model.backbone)

    def vectors(self, inputs: Inputs) -> Tensor:
        """What is known after the jet's own fields and after each particle, [jets, 1 + particles, dim]."""
        encoded = self.backbone.encode(inputs, causal=True)
        return torch.cat((encoded.registers[:, :1], encoded.tokens), dim=1)

    def kinds(self, inputs: Inputs) -> Tensor:
        """Type of each particle, int64 [jets, particles]; `NOTHING` in padding, and everywhere without types."""
        mask = inputs.tokens.mask
        if not self.types:
            return torch.full(mask.shape, NOTHING, device=mask.device)
        names = only_member(self.backbone.level).names
        return kinds_of(inputs, names.index("pdgId")).masked_fill(~mask, NOTHING)

    def next_losses(self, inputs: Inputs, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Loss of the codes and weighted loss of the types of each jet, float32 [jets]."""
        targets = next_codes(codes, inputs.tokens.mask, self.tokenizer.n_codes, self.longest)
        kinds = pad(self.kinds(inputs), (0, 1), value=NOTHING)
        of_codes, of_kinds = self.head.losses(self.vectors(inputs), targets, kinds)
        return of_codes, self.weight * of_kinds

    def generated_level(self) -> Level:
        """What is known of generated jets: all that the network reads of them."""
        level = super().generated_level()
        require(self.backbone.level, only_member(level).names)
        return level

    def steps(self, jets: Inputs, classes: Tensor | None) -> tuple[Logits, Kinds | None]:  # noqa: ARG002
        """Functions for `sample`. The backbone reads all particles again for each next one."""
        level = self.model.backbone.level
        latest = torch.empty(0)

        def logits(codes: Codes, alive: Tensor) -> Tensor:
            nonlocal latest
            length = codes.mask.shape[1]
            codes = codes if length else Codes(*(pad(part, (0, 1)) for part in codes))  # an empty slot
            some = jets._replace(values=jets.values[alive], missing=jets.missing[alive])
            columns = particles(self.tokenizer, codes, self.axis(some), types=self.types)
            latest = self.vectors(as_inputs(some, level, columns, codes.mask))[:, length]
            result: Tensor = self.head.logits(latest)
            return result

        return logits, (lambda codes: self.head.kind_logits(latest, codes)) if self.types else None
