from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from awkward_jets import random_tree
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_events import random_events, write_random_events
from random_jets import CLASSES, LEVEL, assert_same, random_jets, write_random_shards

from coffea_fm.errors import InputError
from coffea_fm.shards import ShardDataset, Source, write_shard
from coffea_fm.shards import write as write_module
from coffea_fm.tokens import Level, Packed, jet_level, token_level

SOURCE = Source(dataset="test", file="file", start=0, stop=100)


def write(path: Path, packed: Packed, target: np.ndarray, **columns: np.ndarray) -> None:
    write_shard(path, packed, LEVEL, columns={"target": target, **columns}, classes=CLASSES, source=SOURCE)


def test_everything_written_is_read(tmp_path: Path) -> None:
    packed, target = random_jets(100)
    mass = np.linspace(0, 100, 100)
    write(tmp_path / "a.parquet", packed, target, msoftdrop=mass)
    dataset = ShardDataset(tmp_path)
    assert (dataset.level, dataset.classes, dataset.n_sets) == (LEVEL, CLASSES, 100)
    read, columns = dataset.read(dataset.row_groups)
    assert_same(read, packed)
    np.testing.assert_array_equal(columns["target"], target)
    np.testing.assert_array_equal(columns["weight"], np.ones(100))
    np.testing.assert_array_equal(columns["msoftdrop"], mass)
    np.testing.assert_array_equal(columns["pt_raw"], packed.values[:, 0])


def levels() -> st.SearchStrategy[Level]:
    """Trees of two levels below the top, or of one; any fields, and any group of tokens or two."""
    tokens = st.sampled_from(
        [
            (token_level("constituents", ("pt", "d0", "dz", "charge")),),
            (token_level("constituents", ("eta",), order="stored"), token_level("vertices", ("chi2", "pt"))),
            (),
        ]
    )
    jets = st.builds(
        lambda members, fields: jet_level(members, fields, name="FatJet", order="stored"),
        tokens,
        st.sampled_from([("pt",), ("mass", "pt_raw")]),
    )
    events = st.lists(jets, min_size=1, max_size=1).map(lambda members: Level("event", members=tuple(members)))
    tops = tokens.filter(bool).map(lambda members: jet_level(members, ("eta", "mass_raw")))
    return st.one_of(events, tops)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(level=levels(), n=st.integers(1, 12), seed=st.integers(0, 2**31))
def test_any_tree_survives(tmp_path: Path, level: Level, n: int, seed: int) -> None:
    packed = random_tree(level, n, seed)
    write_shard(tmp_path / "a.parquet", packed, level, columns={"target": np.zeros(n)}, classes=CLASSES, source=SOURCE)
    dataset = ShardDataset(tmp_path)
    assert dataset.level == dataset.stored == level
    assert_same(dataset.read(dataset.row_groups)[0], packed)


def test_jets_without_fields_of_their_own_survive(tmp_path: Path) -> None:
    jets = jet_level(LEVEL.members, (), name="FatJet")
    level = Level("event", members=(jets,))
    packed = random_tree(level, 6, seed=1)
    write_shard(tmp_path / "a.parquet", packed, level, columns={"target": np.zeros(6)}, classes=CLASSES, source=SOURCE)
    dataset = ShardDataset(tmp_path)
    assert_same(dataset.read(dataset.row_groups)[0], packed)


def test_other_programs_read_the_columns(tmp_path: Path) -> None:
    packed, target = random_jets(10)
    write(tmp_path / "a.parquet", packed, target)
    table = pq.read_table(tmp_path / "a.parquet")
    members = packed.members["constituents"]
    third = slice(members.offsets[3], members.offsets[4])
    np.testing.assert_array_equal(table["constituents.pt"][3].as_py(), members.things.values[third, 0])
    d0 = table["constituents.d0"][3].as_py()
    assert [value is None for value in d0] == members.things.missing[third, 0].tolist()


def test_other_programs_read_lists_of_lists(tmp_path: Path) -> None:
    write_random_events(tmp_path, (10,))
    packed, _ = random_events(10)
    (path,) = tmp_path.iterdir()
    table = pq.read_table(path)
    members = packed.members["FatJet"]
    assert pa.types.is_integer(table.schema.field("event").type)
    third = packed.take(np.array([3])).at(("FatJet",))
    assert table["FatJet.pt_raw"][3].as_py() == third.values[:, 0].tolist()
    found = table["FatJet.constituents.pt"][3].as_py()
    assert [len(tokens) for tokens in found] == third.members["constituents"].counts.tolist()
    assert [pt for tokens in found for pt in tokens] == third.at(("constituents",)).values[:, 0].tolist()
    assert len(table["FatJet.pt"].combine_chunks().flatten()) == len(members.things)


def test_row_groups_are_read_alone_and_in_any_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_module, "ROW_GROUP", 8)
    write_random_shards(tmp_path, (20, 12))
    dataset = ShardDataset(tmp_path)
    assert [group.n_sets for group in dataset.row_groups] == [8, 8, 4, 8, 4]
    assert [group.targets for group in dataset.row_groups] == [(0, 0)] * 3 + [(1, 1)] * 2
    parts = [packed for packed, _ in dataset]
    order = [3, 0, 2, 4, 1]
    read, columns = dataset.read([dataset.row_groups[index] for index in order])
    assert_same(read, Packed.concatenate([parts[index] for index in order]))
    assert columns["target"].tolist() == [1] * 8 + [0] * 12 + [1] * 4 + [0] * 8


def test_scalars_of_all_shards(tmp_path: Path) -> None:
    write_random_shards(tmp_path, (5, 7))
    dataset = ShardDataset(tmp_path)
    scalars = dataset.scalars("target", "mass_raw")
    assert scalars["target"].tolist() == [0] * 5 + [1] * 7
    assert len(scalars["mass_raw"]) == 12
    with pytest.raises(InputError, match="no column 'tau21'"):
        dataset.scalars("tau21")


def test_writing_twice_replaces(tmp_path: Path) -> None:
    write_random_shards(tmp_path, (5,))
    write_random_shards(tmp_path, (5,))
    assert ShardDataset(tmp_path).n_sets == 5
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "class of each jet"),
        ({"target": np.array([0, 2])}, "2 classes"),
        ({"target": np.array([0, -1])}, "drop rows without a class"),
        ({"target": np.zeros(3, int)}, r"shape \(3,\)"),
        ({"target": np.zeros(2, int), "pt_raw": np.zeros(2)}, "called 'pt_raw'"),
    ],
)
def test_wrong_columns_write_nothing(tmp_path: Path, columns: dict[str, np.ndarray], message: str) -> None:
    packed, _ = random_jets(2)
    with pytest.raises(InputError, match=message):
        write_shard(tmp_path / "a.parquet", packed, LEVEL, columns=columns, classes=CLASSES, source=SOURCE)
    assert not list(tmp_path.iterdir())


def test_infinite_values_write_nothing(tmp_path: Path) -> None:
    packed, target = random_jets(2)
    packed.at(("constituents",)).values[0, 0] = np.inf
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


def test_another_version_is_refused(tmp_path: Path) -> None:
    (path,) = write_random_shards(tmp_path, (5,)).iterdir()
    table = pq.read_table(path)
    assert b'"schema_version":3' in table.schema.metadata[b"coffea_fm"]
    text = table.schema.metadata[b"coffea_fm"].replace(b'"schema_version":3', b'"schema_version":2')
    pq.write_table(table.replace_schema_metadata({b"coffea_fm": text}), path)
    with pytest.raises(InputError, match="collect it again"):
        ShardDataset(tmp_path)
