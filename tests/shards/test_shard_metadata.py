from __future__ import annotations

from pathlib import Path

import pytest
from random_jets import CLASSES, LEVEL, random_jets

from coffea_fm.errors import InputError
from coffea_fm.shards import ShardDataset, Source, write_shard

CHUNK = {
    "dataset": "QCD-pt500",
    "filename": "root://host//store/a/file.root",
    "fileuuid": "026eef20-e623-11f1-b75c-02fc00000001",
    "entrystart": 0,
    "entrystop": 100,
}


def test_name_has_dataset_file_and_range() -> None:
    assert Source.of(CHUNK).shard_name == "QCD-pt500_026eef20-e623-11f1-b75c-02fc00000001_0-100.parquet"


@pytest.mark.parametrize(
    ("key", "value"), [("dataset", "QCD pt500"), ("fileuuid", "f"), ("entrystart", 1), ("entrystop", 2)]
)
def test_another_chunk_has_another_name(key: str, value: object) -> None:
    assert Source.of(CHUNK | {key: value}).shard_name != Source.of(CHUNK).shard_name


def test_files_without_identity_go_by_path() -> None:
    name = Source.of(CHUNK | {"fileuuid": ""}).shard_name
    assert "file.root" in name
    assert "/" not in name


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
