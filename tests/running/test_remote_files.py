"""Filesets on real servers: XRootD, a redirector with replicas, HTTP with faults."""

from __future__ import annotations

import shutil
import time
from types import SimpleNamespace

import pytest
from file_server import serving
from xrootd_servers import free_port, need_xrootd, redirector, xrootd_server

import coffea_fm
from coffea_fm import remote, retries
from coffea_fm.errors import RecipeError
from coffea_fm.running.failures import NetworkError, RefusedError, SetupError, UnreadableFileError

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """The waits between attempts, which are not waited for."""
    waited = []
    monkeypatch.setattr(retries, "time", SimpleNamespace(sleep=waited.append))
    return waited


@pytest.fixture
def http(nano):
    with serving(nano.parent) as server:
        yield server


@pytest.fixture(scope="module")
def xrootd():
    need_xrootd()
    with xrootd_server() as server:
        yield server


def run(processor, fileset, **options):
    return coffea_fm.run(str(processor), fileset, quiet=True, **options)


def yields(result):
    return {name: dict(counts) for name, counts in result.output["cutflow"].items()}


def test_http_with_ranges_gives_what_the_local_file_does(processor, nano, http):
    local = run(processor, {"tt": [str(nano)]}, chunksize=20)
    assert yields(run(processor, {"tt": [f"{http.url}/nano.root"]}, chunksize=20)) == yields(local)


def test_xrootd_gives_what_the_local_file_does(processor, nano, xrootd):
    shutil.copy(nano, xrootd.folder)
    local = run(processor, {"tt": [str(nano)]}, chunksize=20)
    assert yields(run(processor, {"tt": [f"{xrootd.url}//nano.root"]}, chunksize=20)) == yields(local)


def test_a_busy_server_is_asked_again_after_growing_waits(processor, http, waits):
    http.faults["nano.root"] += [503, 503, 503]
    assert run(processor, f"{http.url}/nano.root").events == {"nano": 60}
    assert len(waits) == 3
    assert [round(wait / 2**attempt, 1) for attempt, wait in enumerate(waits)] != [1.0, 1.0, 1.0]  # spread by chance
    assert all(0.5 <= wait / 2**attempt <= 1.5 for attempt, wait in enumerate(waits))


def test_a_server_that_stays_busy_ends_the_run_as_one(processor, http, waits):
    http.faults["nano.root"] += [503] * 40
    with pytest.raises(NetworkError, match=r"503.*the problem is the server or the network: try again"):
        run(processor, f"{http.url}/nano.root", skip_bad_files=True)
    assert len(waits) == retries.ATTEMPTS - 1


def test_a_connection_that_ends_in_the_middle_of_a_read_is_a_network_error(processor, http, waits):
    http.faults["nano.root"] += ["drop", "drop"]
    assert run(processor, f"{http.url}/nano.root").events == {"nano": 60}
    assert waits
    http.faults["nano.root"] += ["drop"] * 40
    with pytest.raises(NetworkError):
        run(processor, f"{http.url}/nano.root", skip_bad_files=True)


def test_expired_credentials_are_not_tried_again(processor, http, waits):
    for status in (401, 403):
        http.faults["nano.root"] += [status]
        with pytest.raises(SetupError, match="renew its proxy or token"):
            run(processor, f"{http.url}/nano.root", skip_bad_files=True)
    assert (waits, http.gets) == ([], ["nano.root"] * 2)


def test_a_request_that_is_refused_is_not_tried_again(processor, http, waits):
    http.faults["nano.root"] += [400]
    with pytest.raises(RefusedError, match="400"):
        run(processor, f"{http.url}/nano.root", skip_bad_files=True)
    assert not waits


def test_a_missing_file_is_said_to_be_missing(processor, http, xrootd, waits):
    for url in (f"{http.url}/none.root", f"{xrootd.url}//none.root"):
        with pytest.raises(UnreadableFileError, match="there is no such file; check its path"):
            run(processor, url)
    assert not waits
    with pytest.raises(Exception, match="no file of the fileset can be read"):
        run(processor, f"{xrootd.url}//none.root", skip_bad_files=True)


def test_a_file_without_permission_is_no_damage(processor, nano, xrootd):
    closed = xrootd.folder / "closed.root"
    shutil.copy(nano, closed)
    closed.chmod(0)
    with pytest.raises(SetupError, match=r"permission denied.*this account has no permission"):
        run(processor, f"{xrootd.url}//closed.root", skip_bad_files=True)


def test_a_truncated_file_on_a_server_is_damaged(processor, nano, truncated, http, xrootd):
    shutil.copy(truncated, xrootd.folder)
    shutil.copy(nano, xrootd.folder)
    for url in (http.url, f"{xrootd.url}/"):
        result = run(processor, {"a": [f"{url}/nano.root"], "b": [f"{url}/truncated.root"]}, skip_bad_files=True)
        assert result.events == {"a": 60}
        assert "truncated" in next(iter(result.skipped.values()))


def test_a_server_that_is_silent_is_given_up(processor, http, waits, monkeypatch):
    monkeypatch.setenv(remote.TIMEOUT, "1")
    http.faults["nano.root"] += [1.5]
    assert run(processor, f"{http.url}/nano.root").events == {"nano": 60}
    assert len(waits) == 1
    http.faults["nano.root"] += [1.5] * retries.ATTEMPTS
    with pytest.raises(NetworkError, match="imeout"):
        run(processor, f"{http.url}/nano.root")


def test_a_redirector_goes_on_with_another_server(processor, nano, monkeypatch):
    need_xrootd()
    import XRootD.client

    with redirector(servers=2) as (head, servers):
        for server in servers:
            shutil.copy(nano, server.folder)
        url = f"{head.url}//nano.root"
        files = XRootD.client.FileSystem(head.url)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            status, found = files.locate("/nano.root", 0)
            if status.ok and len(list(found)) == 2:
                break
            time.sleep(0.2)
        assert yields(run(processor, {"tt": [url]}, chunksize=20))["tt"]["events"] == 60

        import uproot

        with uproot.open(url) as file:
            tree = file["Events"]
            first, *others = tree.keys()
            tree[first].array(entry_stop=1)
            reads = [_connections(server) for server in servers]
            used = reads.index(max(reads))
            servers[used].kill()
            assert len(tree[others[-1]].array()) == 60
        assert run(processor, {"tt": [url]}, chunksize=20).events == {"tt": 60}
        servers[1 - used].kill()
        monkeypatch.setenv(remote.TIMEOUT, "1")
        with pytest.raises(NetworkError, match="the problem is the server or the network"):
            run(processor, {"tt": [url]}, chunksize=20, skip_bad_files=True)


def _connections(server):
    """Number of connections from this process to a server."""
    import psutil

    port = int(server.url.rpartition(":")[2])
    return sum(bool(found.raddr) and found.raddr.port == port for found in psutil.Process().net_connections("tcp"))


def replicas(*places):
    return {"tt": {"files": [list(places)]}}


def test_replicas_are_tried_in_turn(processor, nano, http, xrootd, waits):
    shutil.copy(nano, xrootd.folder)
    away, missing = f"http://127.0.0.1:{free_port()}/nano.root", f"{http.url}/none.root"
    good = f"{xrootd.url}//nano.root"
    local = run(processor, {"tt": [str(nano)]}, chunksize=20)
    result = run(processor, replicas(away, missing, good), chunksize=20)
    assert yields(result) == yields(local)
    assert [(file.file, file.ranges) for file in result.processed] == [(away, ((0, 20), (20, 40), (40, 60)))]
    assert not waits
    mapping = {"tt": {"files": {missing: {"object_path": "Events", "replicas": [good]}}}}
    assert yields(run(processor, mapping)) == yields(local)


def test_a_server_that_fails_between_chunks_is_replaced_by_the_next_replica(processor, nano, http, waits):
    with serving(nano.parent) as other:
        first, second = f"{http.url}/nano.root", f"{other.url}/nano.root"
        run(processor, replicas(first, second), chunksize=10)
        whole = len(http.gets)
        assert not other.gets
        http.faults["nano.root"] += [0.0] * (whole // 2) + [403] * 100
        result = run(processor, replicas(first, second), chunksize=10)
        assert result.events == {"tt": 60}
        assert other.gets
        assert not waits


def test_no_replica_is_left(processor, http):
    with pytest.raises(UnreadableFileError, match=r"none2.root.*no such file"):
        run(processor, replicas(f"{http.url}/none.root", f"{http.url}/none2.root"))


def test_a_replica_is_not_a_second_file(processor, nano):
    other = nano.with_name("other.root")
    shutil.copy(nano, other)
    twice = {"a": {"files": [[str(nano), str(other)]]}, "b": {"files": [str(other)]}}
    with pytest.raises(RecipeError, match="counted twice"):
        run(processor, twice)
    with pytest.raises(RecipeError, match="a replica 3 that is not the path or URL of one file"):
        run(processor, {"a": {"files": [[str(nano), 3]]}})
