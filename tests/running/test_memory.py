from __future__ import annotations

import re
from dataclasses import replace

import pytest
from made import make_bundle, make_nano

import coffea_fm
from coffea_fm.errors import InputError
from coffea_fm.limits import MemoryLimit
from coffea_fm.running.executors import make_executor
from coffea_fm.running.headers import read_headers
from coffea_fm.running.memory import PIECE, check_chunks, check_models, need_of, two_digits
from coffea_fm.running.models import Model
from coffea_fm.running.reading import bytes_read
from coffea_fm.running.sources import read_fileset
from coffea_fm.running.workers import Workers
from coffea_fm.schemas import PFNanoAODSchema

MIB = 2**20
BIG = Model("big", 100 * MIB, 0.01)


def workers(mib: int, threads: int = 1) -> Workers:
    return Workers(1, threads, MemoryLimit(mib * MIB, "a test"))


def test_what_adds_to_the_need():
    plain, with_model = need_of([], 1000.0, 1), need_of([BIG], 1000.0, 1)
    assert with_model.of(1000) - plain.of(1000) >= 300 * MIB
    assert need_of([BIG, BIG], 1000.0, 1).fixed - with_model.fixed == with_model.fixed - plain.fixed
    grown = plain.of(10 * PIECE) - plain.of(9 * PIECE)
    assert plain.of(PIECE) - plain.of(0) > grown, "only a piece is packed at a time"
    assert need_of([], 1000.0, 4).of(5000) - plain.fixed == pytest.approx(4 * (plain.of(5000) - plain.fixed), abs=8)


@pytest.mark.parametrize(("number", "rounded"), [(12_345, 12_000), (99, 99), (7, 7), (0, 0), (100.9, 100)])
def test_two_digits(number, rounded):
    assert two_digits(number) == rounded


def test_the_chunk_size_of_the_message_fits():
    need = need_of([BIG], 50_000.0, 1)
    check_chunks(need, 100, workers(2048))
    with pytest.raises(
        InputError, match=r"100,000 events need about .* GiB in a worker, which may use 2.00 GiB \(a test\)"
    ) as told:
        check_chunks(need, 100_000, workers(2048))
    fitting = int(re.search(r"--chunksize (\d+)", str(told.value))[1])
    check_chunks(need, fitting, workers(2048))
    assert need.of(fitting) > 0.6 * 2048 * MIB


def test_threads_share_the_memory_and_the_message_says_so():
    with pytest.raises(InputError, match=r"events, 4 at a time, need about .* use --chunksize"):
        check_chunks(need_of([], 50_000.0, 4), 10_000, workers(2048, 4))


def test_no_room_for_the_models():
    check_models(need_of([BIG], 1.0, 1), workers(1024))
    with pytest.raises(
        InputError, match=r"a worker needs about 0.60 GiB for the libraries and models alone, .* 0.49 GiB"
    ):
        check_models(need_of([BIG], 1.0, 1), workers(500))


def test_the_bytes_that_taggers_read_are_found_without_reading_events(tmp_path):
    make_nano(tmp_path / "a.root", 500)
    executor = make_executor()
    (header,), _ = read_headers(read_fileset([str(tmp_path / "a.root")]), executor, "root")
    assert header.branches > 20
    assert header.size > 500 * 100
    counting = coffea_fm.load(make_bundle(tmp_path / "counting"))
    small = coffea_fm.load("jet-classifier-small")
    few = bytes_read(header, PFNanoAODSchema, {"FatJet": [counting]}, executor)
    many = bytes_read(header, PFNanoAODSchema, {"FatJet": [counting, small]}, executor)
    assert 50 < few < many < header.size / header.entries
    places = (str(tmp_path / "away.root"), header.file.filename)
    elsewhere = replace(header, file=replace(header.file, filename=places[0], replicas=places))
    assert bytes_read(elsewhere, PFNanoAODSchema, {"FatJet": [counting]}, executor) == few
    nowhere = replace(header, file=replace(header.file, filename=places[0]))
    assert bytes_read(nowhere, PFNanoAODSchema, {"FatJet": [counting]}, executor) is None
    assert bytes_read(header, PFNanoAODSchema, {}, executor) is None
    assert bytes_read(header, PFNanoAODSchema, {"NoJets": [small]}, executor) is None
