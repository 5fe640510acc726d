"""Target: the tokenizer's code of a hidden particle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import Field, NonNegativeFloat
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from coffea_fm.methods.parts.decoders.masked import Predicted
from coffea_fm.methods.parts.masked_jets import MaskedJets
from coffea_fm.methods.parts.targets.target import Readout, Surroundings, Target, TargetConfig
from coffea_fm.methods.parts.tokenizers.kmeans import KMeansConfig, KMeansTokenizer
from coffea_fm.methods.parts.tokenizers.load import Tokenizer, load_tokenizer
from coffea_fm.shards import ShardDataset


class KMeansTargetConfig(TargetConfig):
    """Codes of a k-means tokenizer.

    Parameters
    ----------
    codes : int
        Number of codes; the centres are fitted when the training begins.
    tokenizer : Path, optional
        A trained tokenizer to use instead, such as ``runs/NAME/best``; it has its own `codes` and fields.
    summary : float
        Weight of predicting from the embedding how often each code occurs in the jet; 0 in arXiv:2409.12589.
    """

    known: ClassVar = "kmeans_codes"
    codes: Annotated[int, Field(ge=2)] = 2048
    tokenizer: Path | None = None
    summary: NonNegativeFloat = 1.0

    def build(self, around: Surroundings) -> CodeTarget:  # noqa: D102
        if self.tokenizer is not None:
            return CodeTarget(load_tokenizer(self.tokenizer, around.level), around, self, fit=False)
        tokenizer = KMeansTokenizer(KMeansConfig(codes=self.codes, fields=around.fields), around.level)
        return CodeTarget(tokenizer, around, self, fit=True)


class VQTargetConfig(TargetConfig):
    """Codes of a trained VQ-VAE.

    Parameters
    ----------
    tokenizer : Path
        Its folder, such as ``runs/NAME/best``.
    summary : float
        See `KMeansTargetConfig`.
    """

    known: ClassVar = "vq_codes"
    tokenizer: Path
    summary: NonNegativeFloat = 1.0

    def build(self, around: Surroundings) -> CodeTarget:  # noqa: D102
        return CodeTarget(load_tokenizer(self.tokenizer, around.level), around, self, fit=False)


CodeConfig = KMeansTargetConfig | VQTargetConfig


class CodeTarget(Target):
    """Cross-entropy of two linear predictions: each code from its vector, and all codes from the embedding.

    The second one predicts how often each code occurs in the whole jet, so the embedding of the visible particles must
    describe the content of the jet in a linearly readable form. If only particles are predicted, nothing enforces this,
    and linear probes on the embedding do worse than on that of an untrained network.

    Parameters
    ----------
    tokenizer : KMeansTokenizer or VQTokenizer
    around : Surroundings
    config : KMeansTargetConfig or VQTargetConfig
    fit : bool
        Fit the centres when the training begins.

    Attributes
    ----------
    known : str
        Name of the codes among the known outputs of the particles; see `Method.constants`.
    """

    def __init__(self, tokenizer: Tokenizer, around: Surroundings, config: CodeConfig, *, fit: bool) -> None:
        super().__init__(config.weight)
        self.summary = config.summary
        self.known = config.known
        self.tokenizer = tokenizer.requires_grad_(False).eval()
        self.logits = Readout(nn.Linear(around.dim, tokenizer.n_codes))
        self.summary_logits = nn.Linear(around.embedding_dim, tokenizer.n_codes)
        self._fit = fit

    def train(self, mode: bool = True) -> Self:
        """Set the mode, but keep the tokenizer in evaluation mode."""
        super().train(mode)
        self.tokenizer.eval()
        return self

    def prepare(self, data: ShardDataset, seed: int) -> None:
        """Fit the centres, unless a trained tokenizer is used."""
        if self._fit and isinstance(self.tokenizer, KMeansTokenizer):
            self.tokenizer.fit(data, seed)

    def forward(self, predicted: Predicted, part: MaskedJets) -> Tensor:
        """Loss of each hidden particle, float32 [n_hidden]."""
        stored = part.whole.tokens.known.get(self.known)
        codes = self.tokenizer.codes(part.whole) if stored is None else stored.squeeze(-1).long()
        own = part.of_hidden(codes.gather(1, part.hidden.place))
        loss = cross_entropy(self.logits(predicted.vectors), own, reduction="none")
        if self.summary:
            guess = self.summary_logits(predicted.embedding).float().log_softmax(dim=1).gather(1, codes)
            mask = part.whole.tokens.mask
            summary = -guess.masked_fill(~mask, 0.0).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
            loss = loss + self.summary * summary[part.jet_of_hidden()]
        return loss
