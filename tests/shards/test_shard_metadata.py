from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_jets import CLASSES, LEVEL, random_jets
from strange_names import TEXT

from coffea_fm.errors import InputError
from coffea_fm.names import FILE
from coffea_fm.shards import ShardDataset, Source, write_shard

CHUNK = {
    "dataset": "QCD-pt500",
    "filename": "root://host//store/a/file.root",
    "fileuuid": "026eef20-e623-11f1-b75c-02fc00000001",
    "entrystart": 0,
    "entrystop": 100,
}


def test_name_has_dataset_file_and_range() -> None:
    name = rf"QCD-pt500_{CHUNK['fileuuid']}_0-100_[0-9a-f]{{10}}\.parquet"
    assert re.fullmatch(name, Source.of(CHUNK).shard_name)


def test_the_order_of_shards_is_that_of_the_files_wherever_they_are() -> None:
    def named(folder: str) -> list[str]:
        chunks = [CHUNK | {"filename": f"{folder}/{index}.root", "fileuuid": str(index)} for index in range(9)]
        return sorted(Source.of(chunk).shard_name for chunk in chunks)

    here, there = ([name.split("_")[1] for name in named(folder)] for folder in ("/here", "/there"))
    assert here == there == [str(index) for index in range(9)]


@pytest.mark.parametrize(
    ("key", "value"),
    [("dataset", "QCD pt500"), ("fileuuid", "f"), ("filename", "/copy.root"), ("entrystart", 1), ("entrystop", 2)],
)
def test_another_chunk_has_another_name(key: str, value: object) -> None:
    assert Source.of(CHUNK | {key: value}).shard_name != Source.of(CHUNK).shard_name


@given(datasets=st.lists(TEXT, unique=True, max_size=10))
def test_shards_of_any_datasets_have_different_names(datasets: list[str]) -> None:
    names = [Source.of(CHUNK | {"dataset": dataset}).shard_name for dataset in datasets]
    assert len(set(names)) == len(datasets)
    assert all(len(name.encode()) < 200 and not set(name) & set(FILE) for name in names)


def test_long_paths_that_end_alike_have_different_names() -> None:
    paths = [f"/{folder}/{'x' * 60}.parquet" for folder in "ab"]
    first, second = (Source.of(CHUNK | {"fileuuid": "", "filename": path}).shard_name for path in paths)
    assert first != second


def write(folder: Path, start: int, stop: int, file: str = "f") -> None:
    packed, target = random_jets(3)
    source = Source(dataset="d", file=file, start=start, stop=stop)
    write_shard(folder / source.shard_name, packed, LEVEL, columns={"target": target}, classes=CLASSES, source=source)


def test_neighbouring_ranges_and_other_files_are_fine(tmp_path: Path) -> None:
    write(tmp_path, 0, 100)
    write(tmp_path, 100, 200)
    write(tmp_path, 0, 100, file="g")
    assert ShardDataset(tmp_path).n_sets == 9


def test_overlapping_ranges_are_refused(tmp_path: Path) -> None:
    write(tmp_path, 0, 100)
    write(tmp_path, 50, 150)
    with pytest.raises(InputError, match="same entries"):
        ShardDataset(tmp_path)


def test_the_same_uuid_under_two_paths_overwrites_nothing_and_is_refused(tmp_path: Path) -> None:
    sources = [Source.of(CHUNK | {"filename": path, "dataset": path[1]}) for path in ("/a.root", "/b.root")]
    packed, target = random_jets(3)
    for source in sources:
        path = tmp_path / source.shard_name
        write_shard(path, packed, LEVEL, columns={"target": target}, classes=CLASSES, source=source)
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(InputError, match=r"same entries of one file, /a\.root and /b\.root, which have the same UUID"):
        ShardDataset(tmp_path)
