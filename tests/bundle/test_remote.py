"""Bundles on servers: checked on the worker, downloaded once for a host, and never taken from an old cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from file_server import FileServer, serving
from xrootd_servers import need_xrootd, xrootd_server

from coffea_fm import remote, retries
from coffea_fm.bundle import Bundle, Calibration, Manifest, load_bundle, save_bundle, save_calibration
from coffea_fm.bundle.cache import FOLDER, LIMIT, Cache
from coffea_fm.errors import BundleError, InputWarning, RecipeError

GRAPHS = ["backbone.onnx", "head.onnx"]


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between attempts, which are not waited for."""
    waited: list[float] = []
    monkeypatch.setattr(retries, "time", SimpleNamespace(sleep=waited.append))
    return waited


@pytest.fixture
def http(folder: Path) -> Iterator[FileServer]:
    with serving(folder.parent) as server:
        yield server


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of an S3 server with the bucket ``models``."""
    s3fs = pytest.importorskip("s3fs", reason="there is no S3 client here: pip install 'coffea-fm[s3]'")
    moto = pytest.importorskip("moto.server", reason="there is no S3 server here: pip install 'moto[s3]' flask-cors")
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().mkdir("models")
    yield "s3://models"
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


def pinned(source: str, bundle: Bundle) -> Bundle:
    """As a worker loads what the client has loaded."""
    return load_bundle(source, checksum=bundle.checksum, calibration=bundle.calibration.checksum)


def test_a_bundle_is_downloaded_once_and_then_needs_no_server(
    http: FileServer, cache: Path, graphs: dict[str, bytes]
) -> None:
    source = f"{http.url}/small"
    first = load_bundle(source)
    assert set(http.gets) == {f"small/{name}" for name in [*GRAPHS, "calibration.json", "manifest.json"]}
    assert len(http.gets) == 4
    assert {name for path in cache.iterdir() if len(name := path.name) == 64} == {
        hashlib.sha256(data).hexdigest() for data in graphs.values()
    }
    http.gets.clear()
    again = pinned(source, first)
    assert (again.graphs, again.calibration, again.source) == (graphs, first.calibration, source)
    assert not http.gets
    assert pinned("https://gone.invalid/away", first).graphs == graphs
    load_bundle(source)
    assert sorted(http.gets) == ["small/calibration.json", "small/manifest.json"]


def test_s3_delivers_the_same(folder: Path, graphs: dict[str, bytes], s3: str) -> None:
    import s3fs

    s3fs.S3FileSystem().put(str(folder), "models/small", recursive=True)
    assert load_bundle(f"{s3}/small").graphs == graphs
    with pytest.raises(BundleError, match="is not a bundle"):
        load_bundle(f"{s3}/none")


@pytest.mark.filterwarnings("ignore")
def test_xrootd_delivers_folders_and_archives(folder: Path, graphs: dict[str, bytes]) -> None:
    need_xrootd()
    with xrootd_server() as server:
        shutil.copytree(folder, server.folder / "small")
        shutil.make_archive(str(server.folder / "small"), "zip", folder)
        for name in ("small", "small.zip"):
            assert load_bundle(f"{server.url}//{name}").graphs == graphs
        first = load_bundle(f"{server.url}//small")
        save_calibration(server.folder / "small", Calibration(temperature=2.0))
        assert load_bundle(f"{server.url}//small").calibration != first.calibration
        with pytest.raises(BundleError, match=r"is not a bundle: it has no manifest\.json"):
            load_bundle(f"{server.url}//none")
        (server.folder / "small" / "manifest.json").chmod(0)
        with pytest.raises(BundleError, match="renew its proxy or token"):
            load_bundle(f"{server.url}//small")


def test_a_bundle_that_changes_is_never_taken_from_the_cache(
    http: FileServer, folder: Path, manifest: Manifest, graphs: dict[str, bytes]
) -> None:
    source = f"{http.url}/small"
    first = load_bundle(source)
    save_bundle(folder, manifest, graphs | {"head": b"\x12\x0bother bytes"}, "", Calibration(temperature=1.2))
    second = load_bundle(source)
    assert (second.graphs["head"], second.checksum) != (first.graphs["head"], first.checksum)
    assert pinned(source, second).graphs["head"] == b"\x12\x0bother bytes"
    assert pinned(source, first).graphs["head"] == b"\x12\nhead bytes"  # a run that goes on with what it began with
    http.gets.clear()
    with pytest.raises(BundleError, match="it has been replaced"):
        load_bundle(source, checksum="0" * 64, calibration="0" * 64)


def test_measurements_that_change_are_never_taken_from_the_cache(http: FileServer, folder: Path) -> None:
    source = f"{http.url}/small"
    first = load_bundle(source)
    save_calibration(folder, Calibration(temperature=2.0))
    http.gets.clear()
    second = load_bundle(source)
    assert not any(name in path for path in http.gets for name in GRAPHS)
    assert (second.checksum, second.calibration.temperature) == (first.checksum, 2.0)
    assert pinned(source, second).calibration.temperature == 2.0
    assert pinned(source, first).calibration.temperature == 1.2


def test_a_worker_refuses_other_measurements_than_those_of_the_client(folder: Path) -> None:
    first = load_bundle(folder)
    save_calibration(folder, Calibration(temperature=2.0))
    with pytest.raises(BundleError, match="was measured again since it was loaded"):
        pinned(str(folder), first)


def test_what_is_damaged_in_the_cache_is_downloaded_again(
    http: FileServer, cache: Path, graphs: dict[str, bytes]
) -> None:
    first = load_bundle(f"{http.url}/small")
    for path in cache.iterdir():
        path.write_bytes(b"rubbish")
    assert pinned(f"{http.url}/small", first).graphs == graphs
    assert (cache / hashlib.sha256(graphs["head"]).hexdigest()).read_bytes() == graphs["head"]


def test_threads_download_a_bundle_once(http: FileServer, graphs: dict[str, bytes]) -> None:
    http.faults["small/backbone.onnx"] += [0.2]
    with ThreadPoolExecutor(16) as pool:
        loaded = list(pool.map(load_bundle, [f"{http.url}/small"] * 16))
    assert all(bundle.graphs == graphs for bundle in loaded)
    assert [http.gets.count(f"small/{name}") for name in GRAPHS] == [1, 1]


LOAD = """
import sys
from coffea_fm.bundle import load_bundle
print(load_bundle(sys.argv[1], checksum=sys.argv[2], calibration=sys.argv[3]).checksum)
"""


def start(source: str, bundle: Bundle, cache: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", LOAD, source, bundle.checksum, bundle.calibration.checksum]
    environment = os.environ | {FOLDER: str(cache)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_processes_download_a_bundle_once_although_the_first_is_killed(
    http: FileServer, folder: Path, tmp_path: Path
) -> None:
    bundle, source = load_bundle(folder), f"{http.url}/small"
    http.faults["small/backbone.onnx"] += [30.0]
    first = start(source, bundle, tmp_path / "host")
    while "small/backbone.onnx" not in http.gets:
        time.sleep(0.05)
    others = [start(source, bundle, tmp_path / "host") for _ in range(3)]
    first.send_signal(signal.SIGKILL)  # in the middle of the download, with the lock
    first.communicate()
    assert [process.communicate(timeout=60)[0].strip() for process in others] == [bundle.checksum] * 3
    assert [http.gets.count(f"small/{name}") for name in GRAPHS] == [2, 1]


def test_a_busy_server_is_asked_again(http: FileServer, graphs: dict[str, bytes], waits: list[float]) -> None:
    http.faults["small/manifest.json"] += [503, 503]
    http.faults["small/head.onnx"] += ["drop"]
    assert load_bundle(f"{http.url}/small").graphs == graphs
    assert len(waits) == 3


@pytest.mark.parametrize(
    ("faults", "attempts", "message"),
    [
        ([503] * 9, retries.ATTEMPTS, "the problem is the server or the network"),
        (["drop"] * 9, retries.ATTEMPTS, "the problem is the server or the network"),
        ([403], 1, "this account has no permission: renew its proxy or token"),
        ([404], 1, "head.onnx is missing from the bundle"),
        (["short"], 1, "does not have the checksum that its manifest states"),
    ],
)
def test_failures_of_servers(http: FileServer, cache: Path, faults: list[object], attempts: int, message: str) -> None:
    http.faults["small/head.onnx"] += faults  # type: ignore[arg-type]
    with pytest.raises(BundleError, match=message):
        load_bundle(f"{http.url}/small")
    assert http.gets.count("small/head.onnx") == attempts
    assert len([path for path in cache.iterdir() if len(path.name) == 64]) == 1  # the other graph, which is whole


def test_a_silent_server_is_given_up(
    http: FileServer, monkeypatch: pytest.MonkeyPatch, graphs: dict[str, bytes]
) -> None:
    monkeypatch.setenv(remote.TIMEOUT, "1")
    monkeypatch.setattr(remote.fsspec.config, "conf", {})
    http.faults["small/head.onnx"] += [1.5]
    assert load_bundle(f"{http.url}/small").graphs == graphs
    assert http.gets.count("small/head.onnx") == 2


def test_a_timeout_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(remote.TIMEOUT, "soon")
    with pytest.raises(RecipeError, match="COFFEA_FM_TIMEOUT='soon': give a whole number"):
        remote.timeout_seconds()


USE = """
import sys
from pathlib import Path
from coffea_fm.bundle.cache import Cache
assert Cache(Path(sys.argv[1]), 300).get("used")
print("uses it", flush=True)
sys.stdin.read()
"""


def test_the_least_recently_used_files_go_but_none_in_use(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 300)
    for age, name in enumerate(("new", "middle", "old", "used")):
        (tmp_path / name).write_bytes(bytes(100 if name != "new" else 50))
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    (tmp_path / ".half.12345678.tmp").write_bytes(bytes(1000))  # of a process that was killed long ago
    os.utime(tmp_path / ".half.12345678.tmp", (1e9, 1e9))
    user = subprocess.Popen(
        [sys.executable, "-c", USE, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert user.stdout is not None
    assert user.stdout.readline() == "uses it\n"
    os.utime(tmp_path / "used", (1e8, 1e8))  # the oldest of all
    cache.put("more", bytes(100))
    assert {path.name for path in tmp_path.iterdir()} == {"used", "new", "more"}
    user.kill()
    user.communicate()
    cache.put("last", bytes(100))
    assert {path.name for path in tmp_path.iterdir()} == {"new", "more", "last"}


def test_a_cache_that_cannot_be_written_is_only_a_warning(
    http: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, graphs: dict[str, bytes]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(FOLDER, str(tmp_path / "file" / "cache"))
    with pytest.warns(InputWarning, match="set COFFEA_FM_CACHE to a folder"):
        assert load_bundle(f"{http.url}/small").graphs == graphs
    monkeypatch.setenv(LIMIT, "much")
    with pytest.raises(RecipeError, match="COFFEA_FM_CACHE_GB='much'"):
        load_bundle(f"{http.url}/small")
