"""Readers of other people's files: what is bounded, what is refused, and that ordinary content is read."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest

from coffea_fm.config import read_yaml
from coffea_fm.errors import BundleError, RecipeError
from coffea_fm.untrusted.archives import Archive
from coffea_fm.untrusted.json_text import parse_json
from coffea_fm.untrusted.local_files import read_file
from coffea_fm.untrusted.npy import read_npy
from coffea_fm.untrusted.refused import Refused
from coffea_fm.untrusted.yaml_text import parse_yaml


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe1\x00", "not JSON"),
        (b"[" * 62 + b"]" * 62, "nested more than 60 deep"),
        (b"[" * 100_000, "nested too deeply|not JSON"),
        (b'{"a": 1, "a": 2}', "the key 'a' twice"),
        (b"1" * 30, "more than 64 bits"),
        (b"1" * 5000, "not JSON"),
        (b'"\\ud800"', "not Unicode"),
    ],
)
def test_json_is_bounded(text, words):
    with pytest.raises(Refused, match=words):
        parse_json(text)


def test_json_is_read():
    assert parse_json('{"a": [1, 2.5, null, "\\u00e9"]}') == {"a": [1, 2.5, None, "é"]}
    with pytest.raises(Refused, match=r"larger than"):
        parse_json(b" " * 2**20, 2**19)


LAUGHS = "a0: &a0 [x, x]\n" + "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9))
MERGES = "a0: &a0 {x: 1}\n" + "\n".join(f"a{i}: &a{i}\n  <<: [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LAUGHS, "more than 100000 values"),
        (MERGES, "more than 100000 values"),
        ("&a [*a]", "contains itself"),
        ("- " * 100 + "x", "nested more than 60 deep"),
        ("[" * 5000, "nested more than 60 deep"),
        ("a: !!python/object/apply:os.system ['true']", "not YAML"),
        ("a: 2001-99-99", "not YAML"),
        ("a: " + "9" * 5000, "not YAML"),
        ("a: !!binary aGk=", "a value of type bytes"),
        ("a: !!set {b, c}", "a value of type set"),
        ("x" * 2**19, "larger than 256 KiB"),
        (b"\xff\xfe\xff", "not YAML"),
    ],
)
def test_yaml_is_bounded(text, words):
    with pytest.raises(Refused, match=words):
        parse_yaml(text)


def test_aliases_are_read_as_usual(tmp_path):
    (tmp_path / "r.yaml").write_text("base: &b {x: 1}\nother: {<<: *b, y: 2}\nday: 2026-11-28\n")
    assert read_yaml(tmp_path / "r.yaml", "recipe")["other"] == {"x": 1, "y": 2}
    (tmp_path / "r.yaml").write_text(LAUGHS)
    with pytest.raises(RecipeError, match=r"cannot read the recipe .*counting what its aliases stand for"):
        read_yaml(tmp_path / "r.yaml", "recipe")


def archive(path: Path, *files: tuple[str, bytes, int], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as made:
        for name, data, mode in files:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, method
            made.writestr(info, data)
    return path


@pytest.mark.parametrize(
    ("name", "mode", "words"),
    [
        ("../evil", 0, "outside its folder"),
        ("a/../../evil", 0, "outside its folder"),
        ("/etc/cron.d/evil", 0, "outside its folder"),
        ("..\\evil", 0, "outside its folder"),
        ("C:evil", 0, "outside its folder"),
        ("link", stat.S_IFLNK | 0o777, "a link, which is not allowed"),
        ("device", stat.S_IFCHR | 0o666, "a device or pipe"),
        ("pipe", stat.S_IFIFO | 0o666, "a device or pipe"),
    ],
)
def test_names_and_links_in_archives_are_refused(tmp_path, name, mode, words):
    with pytest.raises(Refused, match=words):
        Archive(archive(tmp_path / "a.zip", (name, b"x", mode)))


def test_bombs_are_refused(tmp_path):
    bomb = archive(tmp_path / "b.zip", ("zeros", bytes(10**7), 0))
    with pytest.raises(Refused, match=r"larger than 1 MiB"):
        Archive(bomb, 2**20)
    with pytest.raises(Refused, match=r"more than 10000 files"):
        Archive(archive(tmp_path / "m.zip", *[(str(i), b"", 0) for i in range(10_001)]))
    # files that share their bytes: a directory whose entries point at the same place (David Fifield, 2019)
    data = bytearray(archive(tmp_path / "o.zip", ("a", b"x" * 100, 0), ("b", b"x" * 100, 0)).read_bytes())
    second = data.rfind(b"PK\x01\x02")
    data[second + 42 : second + 46] = bytes(4)
    (tmp_path / "o.zip").write_bytes(data)
    with pytest.raises(Refused, match=r"overlap"):
        Archive(tmp_path / "o.zip")
    data = bytearray(archive(tmp_path / "l.zip", ("a", b"x" * 100, 0)).read_bytes())
    entry = data.rfind(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = (10**6).to_bytes(4, "little")
    (tmp_path / "l.zip").write_bytes(data)
    with pytest.raises(Refused, match=r"does not have the size that it states"):
        Archive(tmp_path / "l.zip")


def test_unusual_archives_are_refused(tmp_path):
    with pytest.raises(Refused, match=r"in an unusual way"):
        Archive(archive(tmp_path / "a.zip", ("a", b"x", 0), method=zipfile.ZIP_LZMA))
    with pytest.warns(UserWarning, match=r"Duplicate name"):
        twice = archive(tmp_path / "t.zip", ("a", b"x", 0), ("a", b"y", 0))
    with pytest.raises(Refused, match=r"two files of one name"):
        Archive(twice)
    good = Archive(archive(tmp_path / "g.zip", ("f/a", b"hello", stat.S_IFREG | 0o644), ("f/b", b"", 0)))
    assert (good.names, good.read("f/a"), good.read("f/b")) == (["f/a", "f/b"], b"hello", b"")


def test_only_regular_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, words in (
        (tmp_path / "pipe", "not a regular file"),
        (tmp_path, "a folder"),
        (Path("/dev/zero"), "regular"),
    ):
        with pytest.raises(Refused, match=words):
            read_file(path, 100)
    (tmp_path / "large").write_bytes(bytes(101))
    with pytest.raises(Refused, match=r"larger than"):
        read_file(tmp_path / "large", 100)


def test_arrays_of_objects_and_of_lying_size_are_refused(tmp_path):
    np.save(tmp_path / "o.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save(tmp_path / "n.npy", np.arange(4))
    with pytest.raises(Refused, match=r"Python objects"):
        read_npy((tmp_path / "o.npy").read_bytes())
    data = (tmp_path / "n.npy").read_bytes()
    assert read_npy(data).tolist() == [0, 1, 2, 3]
    with pytest.raises(Refused, match=r"another size"):
        read_npy(data.replace(b"(4,)", b"(9,)"))


def test_bundles_do_not_follow_links_out_of_their_folder(tmp_path):
    import tiny_bundles

    import coffea_fm

    folder = tiny_bundles.save_tiny(tmp_path / "tiny", "tiny")
    (folder / "head.onnx").rename(tmp_path / "elsewhere")
    (folder / "head.onnx").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match=r"a link to .*elsewhere, outside its folder"):
        coffea_fm.load(folder)
    (folder / "head.onnx").unlink()
    os.mkfifo(folder / "head.onnx")
    with pytest.raises(BundleError, match=r"not a regular file"):
        coffea_fm.load(folder)
