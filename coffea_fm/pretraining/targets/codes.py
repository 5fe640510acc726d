"""Which code a tokenizer gives a hidden particle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from coffea_fm.pretraining.masked_jets import MaskedJets
from coffea_fm.pretraining.targets.target import Readout, Target
from coffea_fm.pretraining.tokenizers.kmeans import KMeansTokenizer
from coffea_fm.pretraining.tokenizers.load import Tokenizer
from coffea_fm.shards import ShardDataset


class KMeansTargetConfig(BaseModel):
    """Codes of a k-means tokenizer.

    Parameters
    ----------
    codes : int
        How many; the centres are found when the training begins.
    tokenizer : Path, optional
        A trained tokenizer to take instead, such as ``runs/NAME/best``; it has its own `codes` and fields.
    weight : float
        Factor of the loss.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    codes: Annotated[int, Field(ge=2)] = 2048
    tokenizer: Path | None = None
    weight: PositiveFloat = 1.0


class VQTargetConfig(BaseModel):
    """Codes of a trained VQ-VAE.

    Parameters
    ----------
    tokenizer : Path
        Its folder, such as ``runs/NAME/best``.
    weight : float
        Factor of the loss.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokenizer: Path
    weight: PositiveFloat = 1.0


class CodeTarget(Target):
    """Cross-entropy of logits, linear in the vectors.

    Parameters
    ----------
    tokenizer : KMeansTokenizer or VQTokenizer
    dim : int
        Width of the vectors.
    weight : float
    fit : bool
        Find the centres when the training begins.
    """

    def __init__(self, tokenizer: Tokenizer, dim: int, weight: float, *, fit: bool) -> None:
        super().__init__(weight)
        self.tokenizer = tokenizer.requires_grad_(False).eval()
        self.logits = Readout(nn.Linear(dim, tokenizer.n_codes))
        self._fit = fit

    def train(self, mode: bool = True) -> Self:
        """The tokenizer never trains."""
        super().train(mode)
        self.tokenizer.eval()
        return self

    def prepare(self, data: ShardDataset, seed: int) -> None:
        """Find the centres, if they are not given."""
        if self._fit and isinstance(self.tokenizer, KMeansTokenizer):
            self.tokenizer.fit(data, seed)

    def forward(self, vectors: Tensor, part: MaskedJets) -> Tensor:
        """Loss of each hidden particle, float32 [n_hidden]."""
        if self.tokenizer.reads_context:
            codes = self.tokenizer.codes(part.whole).gather(1, part.hidden.place)
        else:
            codes = self.tokenizer.codes(part.hidden.inputs)
        return cross_entropy(self.logits(vectors), part.of_hidden(codes), reduction="none")
