"""Outputs of functions of padded jets, in the order of the jets, and kept in a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from random_jets import LEVEL, random_jets

from coffea_fm.nn.inputs import Inputs
from coffea_fm.nn.outputs import in_order, kept


def test_outputs_are_in_the_order_of_the_jets() -> None:
    packed, _ = random_jets(300)
    seen = []

    def pt_and_number(inputs: Inputs) -> torch.Tensor:
        seen.append(len(inputs.values))
        return torch.stack((inputs.values[:, 0], inputs.tokens.mask.sum(dim=1)), dim=1)

    found = in_order(pt_and_number, packed, LEVEL, 2)
    assert len(seen) > 1
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:, 0], packed.values[:, 0])
    np.testing.assert_array_equal(found[:, 1], packed.members["constituents"].counts)


def test_a_file_is_computed_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "numbers.npy"
    first = kept(path, lambda: np.arange(6, dtype=np.float32).reshape(2, 3))
    np.testing.assert_array_equal(kept(path, lambda: pytest.fail("computed again")), first)
    assert [file.name for file in path.parent.iterdir()] == ["numbers.npy"]
