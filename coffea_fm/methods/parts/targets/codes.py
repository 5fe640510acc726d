"""Which code a tokenizer gives a hidden particle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from coffea_fm.methods.parts.decoders.masked import Predicted
from coffea_fm.methods.parts.masked_jets import MaskedJets
from coffea_fm.methods.parts.targets.target import Readout, Target
from coffea_fm.methods.parts.tokenizers.kmeans import KMeansTokenizer
from coffea_fm.methods.parts.tokenizers.load import Tokenizer
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
    summary : float
        Factor, within the loss, of how often each code occurs in the jet, read off the embedding; 0 in
        arXiv:2409.12589.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    codes: Annotated[int, Field(ge=2)] = 2048
    tokenizer: Path | None = None
    weight: PositiveFloat = 1.0
    summary: NonNegativeFloat = 1.0


class VQTargetConfig(BaseModel):
    """Codes of a trained VQ-VAE.

    Parameters
    ----------
    tokenizer : Path
        Its folder, such as ``runs/NAME/best``.
    weight : float
        Factor of the loss.
    summary : float
        As for k-means.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokenizer: Path
    weight: PositiveFloat = 1.0
    summary: NonNegativeFloat = 1.0


CodeConfig = KMeansTargetConfig | VQTargetConfig


class CodeTarget(Target):
    """Cross-entropy of logits that are linear in the vectors, and of such that are linear in the embedding.

    The latter are a guess of how often each code occurs in the whole jet: so the embedding, of the visible particles,
    has to tell what the jet is made of, in a form that a linear model can read. Where only particles are predicted
    nothing asks that of it, and probes find less in it than in that of an untrained network.

    Parameters
    ----------
    tokenizer : KMeansTokenizer or VQTokenizer
    dim, embedding_dim : int
        Widths of vectors and embedding.
    config : KMeansTargetConfig or VQTargetConfig
    fit : bool
        Find the centres when the training begins.
    """

    def __init__(self, tokenizer: Tokenizer, dim: int, embedding_dim: int, config: CodeConfig, *, fit: bool) -> None:
        super().__init__(config.weight)
        self.summary = config.summary
        self.tokenizer = tokenizer.requires_grad_(False).eval()
        self.logits = Readout(nn.Linear(dim, tokenizer.n_codes))
        self.summary_logits = nn.Linear(embedding_dim, tokenizer.n_codes)
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

    def forward(self, predicted: Predicted, part: MaskedJets) -> Tensor:
        """Loss of each hidden particle, float32 [n_hidden]."""
        codes = self.tokenizer.codes(part.whole)
        own = part.of_hidden(codes.gather(1, part.hidden.place))
        loss = cross_entropy(self.logits(predicted.vectors), own, reduction="none")
        if self.summary:
            guess = self.summary_logits(predicted.embedding).float().log_softmax(dim=1).gather(1, codes)
            mask = part.whole.mask
            summary = -guess.masked_fill(~mask, 0.0).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
            loss = loss + self.summary * summary[part.jet_of_hidden()]
        return loss
