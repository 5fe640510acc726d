from __future__ import annotations

import numpy as np
import torch
from random_jets import LEVEL, random_jets

from coffea_fm.nn.batches import Examples, padded_batches


def examples(n_jets: int = 100) -> Examples:
    packed, target = random_jets(n_jets)
    return Examples(packed, {"target": target.astype(np.int64)}, np.arange(n_jets, dtype=np.float32))


def test_every_jet_is_in_one_batch_with_its_target() -> None:
    given = examples()
    found = {}
    for batch in padded_batches(given, LEVEL, 400):
        for index, weight in enumerate(batch.weight):
            jet = int(weight)
            assert jet not in found
            found[jet] = int(batch.columns["target"][index])
            tokens = given.packed.take(np.array([jet])).at(("constituents",))
            found_tokens = batch.inputs.tokens
            mask = found_tokens.mask[index]
            np.testing.assert_array_equal(found_tokens.values[index][mask].numpy(), tokens.values)
            np.testing.assert_array_equal(found_tokens.missing[index][mask].numpy(), tokens.missing)
            np.testing.assert_array_equal(batch.inputs.values[index].numpy(), given.packed.values[jet])
    assert found == dict(enumerate(given.columns["target"].tolist()))


def test_random_order_has_the_same_batches() -> None:
    ordered = list(padded_batches(examples(), LEVEL, 400))
    shuffled = list(padded_batches(examples(), LEVEL, 400, random=np.random.default_rng(0)))
    assert [batch.weight.tolist() for batch in ordered] != [batch.weight.tolist() for batch in shuffled]
    assert sorted(batch.weight.tolist() for batch in ordered) == sorted(batch.weight.tolist() for batch in shuffled)


def test_types() -> None:
    batch = next(padded_batches(examples(), LEVEL, 400))
    assert (batch.columns["target"].dtype, batch.weight.dtype) == (torch.int64, torch.float32)
