"""Levels that ask for less than is stored, and those that ask for what is not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from random_events import EVENTS, random_events, write_random_events
from random_jets import CLASSES, LEVEL, assert_same, random_jets, write_random_shards

from coffea_fm.errors import InputError
from coffea_fm.shards import ShardDataset, Source, write_shard
from coffea_fm.shards import write as write_module
from coffea_fm.tokens import Level, jet_level, token_level


def test_fewer_fields_and_tokens(tmp_path: Path) -> None:
    packed, target = random_jets(50)
    source = Source(dataset="test", file="file", start=0, stop=50)
    write_shard(tmp_path / "a.parquet", packed, LEVEL, columns={"target": target}, classes=CLASSES, source=source)
    few = jet_level((token_level("constituents", ("eta", "pt", "dz"), minimum=1, maximum=5),), ("phi",))
    dataset = ShardDataset(tmp_path, few)
    assert (dataset.level, dataset.stored) == (few, LEVEL)
    read, columns = dataset.read(dataset.row_groups)
    mine, whole = read.members["constituents"], packed.members["constituents"]
    np.testing.assert_array_equal(mine.counts, np.minimum(whole.counts, 5))
    for jet in range(50):
        kept = whole.offsets[jet] + np.arange(mine.counts[jet])
        rows = slice(mine.offsets[jet], mine.offsets[jet + 1])
        np.testing.assert_array_equal(mine.things.values[rows], whole.things.values[kept][:, [1, 0, 8]])
        np.testing.assert_array_equal(mine.things.missing[rows, 0], whole.things.missing[kept, 2])
    np.testing.assert_array_equal(read.values[:, 0], packed.values[:, 2])
    np.testing.assert_array_equal(columns["mass_raw"], packed.values[:, 3])


def test_fewer_jets_of_fewer_constituents(tmp_path: Path) -> None:
    write_random_events(tmp_path, (30,))
    packed, _ = random_events(30)
    tokens = token_level("constituents", ("dz", "pt"), minimum=1, maximum=2)
    few = Level(
        "event", members=(jet_level((tokens,), ("msoftdrop", "pt"), name="FatJet", order="pt", minimum=2, maximum=2),)
    )
    dataset = ShardDataset(tmp_path, few)
    read, _ = dataset.read(dataset.row_groups)
    jets = packed.members["FatJet"].first(2)
    constituents = jets.things.members["constituents"].first(2)
    found = read.members["FatJet"]
    np.testing.assert_array_equal(found.counts, jets.counts)
    np.testing.assert_array_equal(found.things.values, jets.things.values[:, [6, 4]])
    np.testing.assert_array_equal(found.things.members["constituents"].counts, constituents.counts)
    np.testing.assert_array_equal(read.at(("FatJet", "constituents")).values, constituents.things.values[:, [8, 0]])


def test_only_the_columns_of_the_level_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_random_events(tmp_path, (30,))
    (stored,) = EVENTS.members
    bare = Level("event", members=(jet_level((), ("pt",), name="FatJet", order="pt", minimum=2, maximum=4),))
    dataset = ShardDataset(tmp_path, bare)
    asked: list[str] = []
    read_row_groups = pq.ParquetFile.read_row_groups

    def spy(file: pq.ParquetFile, groups: list[int], columns: list[str]) -> pa.Table:
        asked.extend(columns)
        return read_row_groups(file, groups, columns=columns)

    monkeypatch.setattr(pq.ParquetFile, "read_row_groups", spy)
    read, _ = dataset.read(dataset.row_groups)
    assert [name for name in asked if "." in name] == ["FatJet.pt"]
    assert not read.at(("FatJet",)).members
    np.testing.assert_array_equal(
        read.at(("FatJet",)).values[:, 0],
        random_events(30)[0].at(("FatJet",)).values[:, stored.names.index("pt")],
    )


@pytest.mark.parametrize(
    ("tokens", "jet", "message"),
    [
        (token_level("constituents", ("pt", "weight"), minimum=1), (), "have no constituents.weight"),
        (token_level("constituents", ("pt",), minimum=1), ("msoftdrop",), "have no jet.msoftdrop"),
        (
            token_level("constituents", ("pt",), minimum=1, maximum=200),
            (),
            "hold the first 128 constituents by pt, not the first 200 by pt",
        ),
        (token_level("constituents", ("pt",), minimum=1, maximum=None), (), "not all by pt"),
        (token_level("constituents", ("pt", "eta"), minimum=1, order="eta"), (), "not the first 128 by eta"),
        (token_level("constituents", ("pt",), minimum=3), (), "with at least 1 constituents, not 3"),
        (token_level("vertices", ("pt",)), (), "have no vertices"),
    ],
)
def test_what_is_missing_from_the_shards_is_named(
    tmp_path: Path, tokens: Level, jet: tuple[str, ...], message: str
) -> None:
    write_random_shards(tmp_path, (5,))
    with pytest.raises(InputError, match=message):
        ShardDataset(tmp_path, jet_level((tokens,), jet))


def test_jets_and_events_are_told_apart(tmp_path: Path) -> None:
    write_random_shards(tmp_path / "jets", (5,))
    write_random_events(tmp_path / "events", (5,))
    with pytest.raises(InputError, match="hold events, but jets were requested"):
        ShardDataset(tmp_path / "events", LEVEL)
    with pytest.raises(InputError, match="hold jets, but events were requested"):
        ShardDataset(tmp_path / "jets", EVENTS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minimum": 2, "maximum": 5}, "hold the first 4 FatJet by pt, not the first 5 by pt"),
        ({"minimum": 1, "maximum": 4}, "with at least 2 FatJet, not 1"),
        ({"name": "Jet", "minimum": 2, "maximum": 4}, "have no Jet"),
    ],
)
def test_events_of_other_jets_are_refused(tmp_path: Path, options: dict[str, object], message: str) -> None:
    write_random_events(tmp_path, (5,))
    jets = jet_level((), ("pt",), **{"name": "FatJet", "order": "pt"} | options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=message):
        ShardDataset(tmp_path, Level("event", members=(jets,)))


def test_chosen_rows_alone_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_module, "ROW_GROUP", 8)
    write_random_events(tmp_path, (20, 12))
    whole = ShardDataset(tmp_path)
    packed, columns = whole.read(whole.row_groups)
    chosen = (columns["event"] % 3 == 1) & (columns["event"] >= 8)  # nothing of the first row group
    part = ShardDataset(tmp_path, chosen=chosen)
    assert len(part.row_groups) == len(whole.row_groups) - 1
    read, of_part = part.read(part.row_groups)
    assert_same(read, packed.take(np.flatnonzero(chosen)))
    np.testing.assert_array_equal(of_part["event"], columns["event"][chosen])
    np.testing.assert_array_equal(part.scalars("event")["event"], columns["event"][chosen])
    assert part.n_sets == chosen.sum() == sum(group.n_sets for group in part.row_groups)
    assert part.whole().n_sets == 32
    assert part.fingerprint != whole.fingerprint
    assert ShardDataset(tmp_path, chosen=np.roll(chosen, 1)).fingerprint != part.fingerprint
