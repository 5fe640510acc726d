"""The k-means tokenizer: the code of a particle is its nearest centre."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import PositiveInt
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor, nn

from coffea_fm.config import Config
from coffea_fm.methods.parts.tokenizers.fields import DEFAULT_FIELDS, FITTED_JETS, FieldName, ParticleFields
from coffea_fm.methods.parts.tokenizers.sample import sample_jets
from coffea_fm.nn.blocks.nearest import nearest
from coffea_fm.nn.inputs import Inputs
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import Level, pad

BATCH = 16384


class KMeansConfig(Config):
    """The tokenizer ``k-means``.

    Parameters
    ----------
    codes : int
        Number of centres (16384 in MPM v2).
    fields : tuple of str
        Particle fields to cluster in.
    """

    kind: Literal["k-means"] = "k-means"
    codes: PositiveInt = 2048
    fields: tuple[FieldName, ...] = DEFAULT_FIELDS


class KMeansTokenizer(nn.Module):
    """Nearest centres in the space of the scaled fields, all weighted equally.

    Parameters
    ----------
    config : KMeansConfig
    level : Level

    Attributes
    ----------
    n_codes : int
    """

    centres: Tensor

    def __init__(self, config: KMeansConfig, level: Level) -> None:
        super().__init__()
        self.config = config
        self.level = level
        self.n_codes = config.codes
        self.fields = ParticleFields(level, config.fields)
        self.register_buffer("centres", torch.zeros(config.codes, len(config.fields)))

    def fit(self, data: ShardDataset, seed: int) -> None:
        """Fit the quantiles and centres on a sample of the training jets."""
        self.fields.fit(data)
        inputs = Inputs.from_arrays(pad(sample_jets(data, FITTED_JETS), self.level), self.level)
        particles = self.fields(inputs)[inputs.tokens.mask].numpy()
        means = MiniBatchKMeans(self.n_codes, batch_size=BATCH, n_init=1, max_iter=10, random_state=seed)
        self.centres.copy_(torch.from_numpy(means.fit(particles).cluster_centers_))

    @torch.no_grad()
    def codes(self, inputs: Inputs) -> Tensor:
        """Code of each particle, int64 [jets, tokens]."""
        return nearest(self.fields(inputs), self.centres)

    @torch.no_grad()
    def decode(self, codes: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002 -- particles are decoded one by one
        """Scaled fields of the particles with these codes, int64 [jets, tokens]: float32 [jets, tokens, fields]."""
        return self.centres[codes]

    def reconstruct(self, inputs: Inputs) -> Tensor:
        """Reconstruct the scaled fields from the codes, float32 [jets, tokens, fields]."""
        return self.centres[self.codes(inputs)]
