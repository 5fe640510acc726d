"""Predict the next particle of a sequence: its code or the end, and its type."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from coffea_fm.methods.parts.targets.identity import KINDS
from coffea_fm.methods.parts.targets.target import Readout

NOTHING = -100
"""Target where there is nothing to predict."""


def next_codes(codes: Tensor, mask: Tensor, end: int, longest: int) -> Tensor:
    """What comes after the start and after each particle: the code of the next one, `end`, or `NOTHING` in padding.

    A jet with `longest` particles may have been cut there, so that nothing is known of its end.

    Parameters
    ----------
    codes : Tensor, int64 [jets, tokens]
    mask : Tensor, bool [jets, tokens]
    end, longest : int

    Returns
    -------
    Tensor, int64 [jets, 1 + tokens]
    """
    targets = nn.functional.pad(codes.masked_fill(~mask, NOTHING), (0, 1), value=NOTHING)
    length = mask.sum(dim=1, keepdim=True)
    return targets.scatter(1, length, torch.where(length < longest, end, NOTHING))


class ParticleHead(nn.Module):
    """Linear classifiers of the code and, given the code, of the type of a particle.

    So the two give the joint probability ``p(code) p(type | code)``, from which one can sample.

    Parameters
    ----------
    dim : int
        Width of the vectors.
    codes : int
        Number of codes, including the end if that is to be predicted.
    types : bool
        Whether to predict types.
    """

    def __init__(self, dim: int, codes: int, *, types: bool) -> None:
        super().__init__()
        self.types = types
        self.logits = Readout(nn.Linear(dim, codes))
        if types:
            self.kinds = Readout(nn.Linear(dim, len(KINDS)))
            self.kinds_of_code = nn.Embedding(codes, len(KINDS))
            nn.init.zeros_(self.kinds_of_code.weight)

    def kind_logits(self, vectors: Tensor, codes: Tensor) -> Tensor:
        """Logits of the type of a particle with a given code, float32 [n, types]."""
        result: Tensor = self.kinds(vectors) + self.kinds_of_code(codes)
        return result

    def losses(self, vectors: Tensor, codes: Tensor, kinds: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy of the codes and of the types of each jet, float32 [jets], averaged over what is predicted.

        Parameters
        ----------
        vectors : Tensor [jets, places, dim]
        codes, kinds : Tensor, int64 [jets, places]
            `NOTHING` where there is nothing to predict. Without types, the second loss is 0.
        """
        coded, typed = codes != NOTHING, kinds != NOTHING
        of_codes = cross_entropy(self.logits(vectors[coded]), codes[coded], reduction="none")
        if not self.types:
            return _mean(of_codes, coded), torch.zeros(len(codes), device=codes.device)
        logits = self.kind_logits(vectors[typed], codes[typed])
        return _mean(of_codes, coded), _mean(cross_entropy(logits, kinds[typed], reduction="none"), typed)


def _mean(values: Tensor, where: Tensor) -> Tensor:
    """Mean of each jet, float32 [jets], of the values at these places, [n]; 0 for a jet without any."""
    padded = torch.zeros(where.shape, device=values.device).masked_scatter(where, values)
    return padded.sum(dim=1) / where.sum(dim=1).clamp(min=1)
