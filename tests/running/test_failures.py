"""Who is blamed for a file that cannot be read, and that --skip-bad-files skips damaged ones alone."""

from __future__ import annotations

import gzip
import json
import shutil
import sys
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

import coffea_fm
from coffea_fm import retries
from coffea_fm.errors import InputError
from coffea_fm.running.failures import MissingFileError, NetworkError, SetupError, UnreadableFileError, explain


def execute(processor, nano, bad, **options):
    """The bad file beside a good one, in a dataset each."""
    fileset = {"good": [str(nano)], "bad": [str(bad)]}
    return coffea_fm.run(str(processor), fileset, quiet=True, skip_bad_files=True, **options)


@pytest.fixture
def without_ranges(nano):
    """Address of a server that gives whole files only."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_): ...

        def copyfile(self, source, output):
            try:
                super().copyfile(source, output)
            except OSError:
                """The client has seen enough."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(nano.parent)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("url", "kind", "message"),
    [
        (
            "root://host.invalid//a.root",
            SetupError,
            r"the file is fine: install the missing package, with pip install 'coffea-fm\[xrootd\]'",
        ),
        ("s3://bucket/a.root", SetupError, "Install s3fs"),
        ("http://127.0.0.1:9/a.root", NetworkError, "the problem is the server or the network"),
        ("xyz://host/a.root", InputError, "Protocol not known: xyz; check the protocol of the URL"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_is_no_fault_of_a_file_is_never_skipped(processor, nano, url, kind, message, monkeypatch):
    for protocol, plugin in (("root", "fsspec_xrootd"), ("s3", "s3fs")):  # as where they are not installed
        monkeypatch.setitem(sys.modules, plugin, None)
        monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, protocol, raising=False)
    monkeypatch.setattr(retries, "FIRST_WAIT", 0)
    with pytest.raises(kind, match=message) as raised:
        execute(processor, nano, url)
    assert not isinstance(raised.value, UnreadableFileError)
    assert "damaged" not in str(raised.value)


@pytest.mark.filterwarnings("ignore")
def test_a_server_without_ranges_is_named(processor, nano, without_ranges, tmp_path):
    other = tmp_path / "more" / "other.root"
    other.parent.mkdir()
    shutil.copy(nano, other)
    with pytest.raises(NetworkError, match="does not support byte ranges"):
        coffea_fm.run(str(processor), f"{without_ranges}/nano.root", quiet=True, skip_bad_files=True)
    with pytest.raises(InputError, match="there is no such file"):
        coffea_fm.run(str(processor), f"{without_ranges}/none.root", quiet=True)


def write_gzip(path, nano):
    path.write_bytes(gzip.compress(nano.read_bytes()))


def write_zip(path, nano):
    with zipfile.ZipFile(path, "w") as file:
        file.write(nano)


def write_list(path, nano):
    path.write_text(f"{nano}\n{nano}\n")


def write_json(path, nano):
    path.write_text(json.dumps({"tt": [str(nano)]}))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (write_gzip, "is gzip-compressed: unpack it first"),
        (write_zip, "is a zip archive"),
        (write_list, "is a list of files, not a ROOT file"),
        (write_json, "is JSON, not a ROOT file"),
    ],
)
def test_another_kind_of_file_is_named(processor, nano, tmp_path, write, message):
    write(tmp_path / "bad.root", nano)
    with pytest.raises(InputError, match=message):
        execute(processor, nano, tmp_path / "bad.root")


def test_damaged_and_absent_files_are_skipped(processor, nano, truncated, tmp_path):
    (tmp_path / "zero.root").touch()
    (tmp_path / "noise.root").write_bytes(bytes(range(256)) * 10)
    for bad in (truncated, tmp_path / "none.root", tmp_path / "zero.root", tmp_path / "noise.root"):
        result = execute(processor, nano, bad)
        assert (result.events, list(result.skipped)) == ({"good": 60}, [str(bad)])


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (PermissionError(13, "Permission denied"), SetupError),
        (OSError("[ERROR] Server responded with an error: [3010] permission denied"), SetupError),
        (OSError(24, "Too many open files"), SetupError),
        (MemoryError(), SetupError),
        (ModuleNotFoundError("No module named 'zstandard'"), SetupError),
        (TimeoutError("File timed out"), NetworkError),
        (ConnectionResetError(104, "Connection reset by peer"), NetworkError),
        (TypeError("'ClientPayloadError' object is not subscriptable"), NetworkError),
        (NotImplementedError("memberwise serialization"), InputError),
        (OSError("[ERROR] Server responded with an error: [3011] No such file"), MissingFileError),
        (ValueError("not a ROOT file"), UnreadableFileError),
    ],
)
def test_errors_of_readers(error, kind, monkeypatch):
    monkeypatch.setattr("coffea_fm.running.failures._while_reading", lambda _: True)
    assert type(explain(error, "/a.root")) is kind


def test_a_folder_among_the_files_is_read(processor, nano, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    nano.rename(folder / "a.root")
    result = coffea_fm.run(str(processor), {"tt": [str(folder)]}, quiet=True)
    assert result.events == {"tt": 60}


def test_a_file_of_another_format_asks_for_its_schema():
    found = explain(RuntimeError("There are missing event ID fields: ['run']"), "delphes.root", "entries 0 to 25")
    assert "delphes.root does not fit the schema" in str(found)
    assert "coffea-fm models --for delphes.root" in str(found)
