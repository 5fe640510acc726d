from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from random_jets import CLASSES, LEVEL, write_random_shards

from coffea_fm.nn.checkpoint import save_checkpoint
from coffea_fm.nn.inputs import Inputs
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens.padding import pad
from coffea_fm.training.data.embeddings import EmbeddedShards, content_hash, embed_shards, embeddings_of
from coffea_fm.training.recipe.recipe import Recipe


@pytest.fixture
def model(make_recipe: Callable[..., Recipe]) -> torch.nn.Module:
    torch.manual_seed(1)
    return make_recipe().network(CLASSES).build()


def test_every_jet_has_the_embedding_of_the_network(model: torch.nn.Module, train_data: ShardDataset) -> None:
    vectors = embed_shards(model, train_data)
    assert (vectors.shape, vectors.dtype) == ((400, 16), np.float32)
    assert model.training
    packed, _ = train_data.read(train_data.row_groups)
    with torch.no_grad():
        expected = model.eval().backbone(Inputs.from_arrays(pad(packed, LEVEL), LEVEL)).embedding
    np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_kept_by_content(model: torch.nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = ShardDataset(write_random_shards(tmp_path / "shards", (20, 30)))
    vectors = embed_shards(model, data, cache=tmp_path / "kept")
    assert [path.suffix for path in (tmp_path / "kept").iterdir()] == [".npy"]
    with monkeypatch.context() as patch:
        patch.setattr("coffea_fm.training.data.embeddings.in_order", None)
        np.testing.assert_array_equal(embed_shards(model, data, cache=tmp_path / "kept"), vectors)
    before = content_hash(model, data)
    same_sizes = ShardDataset(write_random_shards(tmp_path / "others", (20, 30), seed=5))
    assert same_sizes.fingerprint == data.fingerprint
    assert content_hash(model, same_sizes) != before
    with torch.no_grad():
        model.head.layers[1].weight += 1.0
    assert content_hash(model, data) == before
    with torch.no_grad():
        model.backbone.norm.bias[0] += 1e-3
    assert content_hash(model, data) != before


def test_of_a_checkpoint(
    make_recipe: Callable[..., Recipe], model: torch.nn.Module, shards: Path, tmp_path: Path
) -> None:
    save_checkpoint(tmp_path / "best", model.state_dict(), make_recipe().network(CLASSES), {})
    vectors, columns = embeddings_of(tmp_path / "best", shards / "validation")
    np.testing.assert_array_equal(vectors, embed_shards(model, ShardDataset(shards / "validation")))
    assert columns["target"].tolist() == [0] * 50 + [1] * 50
    assert len(list((tmp_path / "best" / "embeddings").glob("*.npy"))) == 1


def test_row_groups_in_any_order_have_their_embeddings(train_data: ShardDataset) -> None:
    vectors = np.arange(400.0, dtype=np.float32)[:, np.newaxis]
    embedded = EmbeddedShards(train_data, vectors)
    chosen = [embedded.row_groups[2], embedded.row_groups[0]]
    packed, _ = embedded.read(chosen)
    starts = np.cumsum([0, *(group.n_sets for group in embedded.row_groups)])
    expected = np.concatenate([vectors[starts[index] : starts[index + 1]] for index in (2, 0)])
    np.testing.assert_array_equal(packed.known["embedding"], expected)
    plain, _ = train_data.read(chosen)
    np.testing.assert_array_equal(packed.values, plain.values)
