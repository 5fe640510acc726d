"""Padded jets of given lengths for networks, and changes of them."""

from __future__ import annotations

import numpy as np
import torch

from coffea_fm.nn.inputs import Inputs
from coffea_fm.tokens import Level, Members, Packed, pad


def make_jets(lengths: list[int], seed: int = 0) -> Packed:
    """Jets of made-up but plausible constituents."""
    random = np.random.default_rng(seed)
    n = sum(lengths)
    axis_eta, axis_phi = random.uniform(-2, 2, len(lengths)), random.uniform(-np.pi, np.pi, len(lengths))
    pdg_id = random.choice([211, -211, 130, 22, 11, -11, 13, -13], n)
    charge = np.where(np.isin(pdg_id, [130, 22]), 0, np.where(np.abs(pdg_id) == 211, 1, -1) * np.sign(pdg_id))
    masses = {211: 0.1396, 130: 0.4976, 22: 0.0, 11: 0.000511, 13: 0.10566}
    phi = np.repeat(axis_phi, lengths) + random.normal(0, 0.2, n)
    error = random.lognormal(-3.8, 0.5, (2, n))
    d0, dz = random.normal(0, 2, (2, n)) * error
    neutral = charge == 0
    values = np.stack(
        [
            random.lognormal(1.8, 1.2, n),
            np.repeat(axis_eta, lengths) + random.normal(0, 0.2, n),
            (phi + np.pi) % (2 * np.pi) - np.pi,
            [masses[abs(code)] for code in pdg_id],
            charge,
            pdg_id,
            *(np.where(neutral, 0, column) for column in (d0, error[0], dz, error[1])),
        ],
        axis=1,
    ).astype(np.float32)
    jet = np.stack(
        [random.uniform(500, 1000, len(lengths)), axis_eta, axis_phi, random.uniform(20, 180, len(lengths))], axis=1
    ).astype(np.float32)
    missing = np.repeat(neutral[:, np.newaxis], 4, axis=1)
    members = {"constituents": Members(np.array(lengths, np.int64), Packed(values, missing))}
    return Packed(jet, np.zeros((len(jet), 0), dtype=bool), members)


def make_inputs(lengths: list[int], level: Level, seed: int = 0, multiple: int = 1) -> Inputs:
    return Inputs.from_arrays(pad(make_jets(lengths, seed), level, multiple), level)


def with_tokens(inputs: Inputs, **changes: torch.Tensor) -> Inputs:
    """The same jets with other arrays of their constituents."""
    return inputs._replace(members={"constituents": inputs.tokens._replace(**changes)})


def cut(inputs: Inputs, row: int, length: int) -> Inputs:
    """One of the jets, without padding behind so many slots."""
    tokens = type(inputs.tokens)(*(part[row : row + 1, :length] for part in inputs.tokens[:3]))
    return Inputs(inputs.values[row : row + 1], inputs.missing[row : row + 1], {"constituents": tokens})
