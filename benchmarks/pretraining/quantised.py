"""Jets whose constituents are known by codes only: what a network loses that reads tokens of a vocabulary."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from coffea_fm.methods.parts.tokenizers.kmeans import KMeansConfig, KMeansTokenizer
from coffea_fm.methods.parts.views.base import with_values
from coffea_fm.nn.inputs import Inputs
from coffea_fm.shards import ShardDataset, Source, write_shard
from coffea_fm.tokens import Packed, pad

CODES = 2048
STORED = ("target", "weight", "msoftdrop")
"""What is written of each jet besides its constituents."""


def quantise(shards: Path, output: Path, fitted_on: Path) -> None:
    """Write the jets once more, each constituent moved to the nearest of the centres that k-means finds.

    Transverse momentum, direction and the significances of impact parameters become those of the centre; charge, type
    and the errors of the impact parameters stay.
    """
    data = ShardDataset(shards)
    tokenizer = KMeansTokenizer(KMeansConfig(codes=CODES), data.level)
    tokenizer.fit(ShardDataset(fitted_on), seed=0)
    for number, group in enumerate(data.row_groups):
        packed, columns = data.read([group])
        numbers = {name: columns[name] for name in STORED}
        source = Source(dataset="quantised", file=shards.name, start=number, stop=number + 1)
        moved = _moved(packed, data, tokenizer)
        write_shard(output / source.shard_name, moved, data.level, columns=numbers, classes=data.classes, source=source)


@torch.no_grad()
def _moved(packed: Packed, data: ShardDataset, tokenizer: KMeansTokenizer) -> Packed:
    (group,) = data.level.members
    inputs = Inputs.from_arrays(pad(packed, data.level), data.level)
    centres = tokenizer.fields.invert(tokenizer.reconstruct(inputs))[inputs.tokens.mask].numpy()
    found = dict(zip(tokenizer.fields.names, centres.T, strict=True))
    tokens = packed.members[group.name]
    values = tokens.things.values.copy()
    eta, phi = (packed.values[tokens.parents, data.level.names.index(name)] for name in ("eta", "phi"))
    columns = {name: group.names.index(name) for name in group.names}
    values[:, columns["pt"]] = found["pt"]
    values[:, columns["eta"]] = eta + found["eta"] * np.where(eta < 0, -1.0, 1.0)
    values[:, columns["phi"]] = np.arctan2(np.sin(phi + found["phi"]), np.cos(phi + found["phi"]))
    for name in ("d0", "dz"):
        significance = found[f"{name}_significance"]
        moved = np.sign(significance) * np.expm1(np.abs(significance)) * values[:, columns[f"{name}_error"]]
        known = ~tokens.things.missing[:, group.missing_names.index(name)]
        values[known, columns[name]] = moved[known]
    return replace(packed, members={group.name: with_values(tokens, values)})
