from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_jets import CLASSES, SPEC, assert_same, random_jets, write_random_shards

from coffea_fm.errors import InputError
from coffea_fm.shards import ShardDataset, Source, write_shard
from coffea_fm.shards import write as write_module
from coffea_fm.tokens import InputSpec, PackedSets, PackedTokens, jet_fields, token_group

SOURCE = Source(dataset="test", file="file", start=0, stop=100)


def write(path: Path, packed: PackedSets, target: np.ndarray, **columns: np.ndarray) -> None:
    write_shard(path, packed, SPEC, columns={"target": target, **columns}, classes=CLASSES, source=SOURCE)


def test_everything_written_is_read(tmp_path: Path) -> None:
    packed, target = random_jets(100)
    mass = np.linspace(0, 100, 100)
    write(tmp_path / "a.parquet", packed, target, msoftdrop=mass)
    dataset = ShardDataset(tmp_path)
    assert (dataset.spec, dataset.classes, dataset.n_jets) == (SPEC, CLASSES, 100)
    read, columns = dataset.read(dataset.row_groups)
    assert_same(read, packed)
    np.testing.assert_array_equal(columns["target"], target)
    np.testing.assert_array_equal(columns["weight"], np.ones(100))
    np.testing.assert_array_equal(columns["msoftdrop"], mass)
    np.testing.assert_array_equal(columns["pt"], packed.jet[:, 0])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.integers(0, 2**32 - 1))
def test_any_lengths_survive(tmp_path: Path, lengths: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_tokens = sum(lengths)
    missing = rng.random((n_tokens, 4)) < 0.3
    values = rng.normal(size=(n_tokens, 10)).astype(np.float32)
    values[:, 6:][missing] = 0.0
    tokens = PackedTokens(values, np.array(lengths), missing)
    packed = PackedSets({"constituents": tokens}, rng.normal(size=(len(lengths), 4)).astype(np.float32))
    write(tmp_path / "a.parquet", packed, np.zeros(len(lengths)))
    dataset = ShardDataset(tmp_path)
    assert_same(dataset.read(dataset.row_groups)[0], packed)


def test_other_programs_read_the_columns(tmp_path: Path) -> None:
    packed, target = random_jets(10)
    write(tmp_path / "a.parquet", packed, target)
    table = pq.read_table(tmp_path / "a.parquet")
    tokens = packed.groups["constituents"]
    third = slice(tokens.offsets[3], tokens.offsets[4])
    np.testing.assert_array_equal(table["constituents.pt"][3].as_py(), tokens.values[third, 0])
    d0 = table["constituents.d0"][3].as_py()
    assert [value is None for value in d0] == tokens.missing[third, 0].tolist()


def test_row_groups_are_read_alone_and_in_any_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_module, "ROW_GROUP", 8)
    write_random_shards(tmp_path, (20, 12))
    dataset = ShardDataset(tmp_path)
    assert [group.n_jets for group in dataset.row_groups] == [8, 8, 4, 8, 4]
    assert [group.targets for group in dataset.row_groups] == [(0, 0)] * 3 + [(1, 1)] * 2
    parts = [packed for packed, _ in dataset]
    order = [3, 0, 2, 4, 1]
    read, columns = dataset.read([dataset.row_groups[index] for index in order])
    assert_same(read, PackedSets.concatenate([parts[index] for index in order]))
    assert columns["target"].tolist() == [1] * 8 + [0] * 12 + [1] * 4 + [0] * 8


def test_fewer_fields_and_tokens(tmp_path: Path) -> None:
    packed, target = random_jets(50)
    write(tmp_path / "a.parquet", packed, target)
    few = InputSpec((token_group("constituents", ("eta", "pt", "dz"), max_tokens=5),), jet_fields(("phi",)))
    dataset = ShardDataset(tmp_path, few)
    read, columns = dataset.read(dataset.row_groups)
    tokens, whole = read.groups["constituents"], packed.groups["constituents"]
    np.testing.assert_array_equal(tokens.lengths, np.minimum(whole.lengths, 5))
    for jet in range(50):
        kept = whole.offsets[jet] + np.arange(tokens.lengths[jet])
        mine = slice(tokens.offsets[jet], tokens.offsets[jet + 1])
        np.testing.assert_array_equal(tokens.values[mine], whole.values[kept][:, [1, 0, 8]])
        np.testing.assert_array_equal(tokens.missing[mine, 0], whole.missing[kept, 2])
    np.testing.assert_array_equal(read.jet[:, 0], packed.jet[:, 2])
    np.testing.assert_array_equal(columns["mass"], packed.jet[:, 3])


@pytest.mark.parametrize(
    ("group", "jet", "message"),
    [
        (token_group("constituents", ("pt", "weight")), (), "constituents.weight"),
        (token_group("constituents", ("pt",)), ("msoftdrop",), "jet.msoftdrop"),
        (token_group("constituents", ("pt",), max_tokens=200), (), "first 128"),
        (token_group("constituents", ("pt", "eta"), order="eta"), (), "by pt"),
        (token_group("vertices", ("pt",)), (), "no vertices"),
    ],
)
def test_what_shards_lack_is_named(tmp_path: Path, group: object, jet: tuple[str, ...], message: str) -> None:
    write_random_shards(tmp_path, (5,))
    with pytest.raises(InputError, match=message):
        ShardDataset(tmp_path, InputSpec((group,), jet_fields(jet)))  # type: ignore[arg-type]


def test_scalars_of_all_shards(tmp_path: Path) -> None:
    write_random_shards(tmp_path, (5, 7))
    dataset = ShardDataset(tmp_path)
    scalars = dataset.scalars("target", "mass")
    assert scalars["target"].tolist() == [0] * 5 + [1] * 7
    assert len(scalars["mass"]) == 12
    with pytest.raises(InputError, match="no column 'tau21'"):
        dataset.scalars("tau21")


def test_writing_twice_replaces(tmp_path: Path) -> None:
    write_random_shards(tmp_path, (5,))
    write_random_shards(tmp_path, (5,))
    assert ShardDataset(tmp_path).n_jets == 5
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "class of each jet"),
        ({"target": np.array([0, 2])}, "2 classes"),
        ({"target": np.array([0, -1])}, "drop unmatched"),
        ({"target": np.zeros(3, int)}, r"shape \(3,\)"),
        ({"target": np.zeros(2, int), "pt": np.zeros(2)}, "called 'pt'"),
    ],
)
def test_wrong_columns_write_nothing(tmp_path: Path, columns: dict[str, np.ndarray], message: str) -> None:
    packed, _ = random_jets(2)
    with pytest.raises(InputError, match=message):
        write_shard(tmp_path / "a.parquet", packed, SPEC, columns=columns, classes=CLASSES, source=SOURCE)
    assert not list(tmp_path.iterdir())


def test_infinite_values_write_nothing(tmp_path: Path) -> None:
    packed, target = random_jets(2)
    packed.groups["constituents"].values[0, 0] = np.inf
    with pytest.raises(InputError, match="not finite"):
        write(tmp_path / "a.parquet", packed, target)
    assert not list(tmp_path.iterdir())


def test_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no shards"):
        ShardDataset(tmp_path)


def test_foreign_parquet_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"target": [1]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="not a coffea-fm shard"):
        ShardDataset(tmp_path)


def test_truncated_file_is_refused(tmp_path: Path) -> None:
    (path,) = write_random_shards(tmp_path, (50,)).iterdir()
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="cannot be read as parquet"):
        ShardDataset(tmp_path)


def test_shards_of_two_kinds_are_refused(tmp_path: Path) -> None:
    write_random_shards(tmp_path, (5,))
    packed, target = random_jets(5)
    write(tmp_path / "with-mass.parquet", packed, target, msoftdrop=np.ones(5))
    with pytest.raises(InputError, match="other columns or classes"):
        ShardDataset(tmp_path)


def test_newer_version_is_refused(tmp_path: Path) -> None:
    (path,) = write_random_shards(tmp_path, (5,)).iterdir()
    table = pq.read_table(path)
    text = table.schema.metadata[b"coffea_fm"].replace(b'"schema_version":1', b'"schema_version":2')
    pq.write_table(table.replace_schema_metadata({b"coffea_fm": text}), path)
    with pytest.raises(InputError, match="collect it again"):
        ShardDataset(tmp_path)
