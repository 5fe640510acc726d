"""XRootD servers on this machine: one by itself, or a redirector with data servers behind it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_SECONDS = 20.0
_ACCOUNT = "xrootd"  # made by Debian's package; the server refuses to run as root


def need_xrootd() -> None:
    """Skip where the server or the client is missing."""
    if shutil.which("xrootd") is None or shutil.which("cmsd") is None:
        pytest.skip("there is no XRootD server here: apt install xrootd-server")
    pytest.importorskip("fsspec_xrootd", reason="there is no XRootD client here: pip install 'coffea-fm[xrootd]'")


@dataclass
class DataServer:
    """A running server.

    Parameters
    ----------
    url : str
        Without path; a file is ``f"{url}//name"``.
    folder : Path
        What it serves.
    processes : list of Popen
        The server, and what introduces it to the redirector.
    """

    url: str
    folder: Path
    processes: list[subprocess.Popen[bytes]]

    def kill(self) -> None:
        """End at once."""
        for process in self.processes:
            process.kill()
            process.wait()


@contextmanager
def xrootd_server() -> Iterator[DataServer]:
    """A server of an empty folder."""
    with _running("server", ("xrootd",)) as server:
        yield server


@contextmanager
def redirector(servers: int) -> Iterator[tuple[DataServer, list[DataServer]]]:
    """A redirector, and data servers behind it."""
    with ExitStack() as stack:
        manager = free_port()
        head = stack.enter_context(_running("manager", ("cmsd", "xrootd"), manager, manager))
        programs = ("xrootd", "cmsd")
        yield head, [stack.enter_context(_running("server", programs, manager, free_port())) for _ in range(servers)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(role: str, programs: Sequence[str], manager: int = 0, cluster_port: int = 0) -> Iterator[DataServer]:
    with tempfile.TemporaryDirectory(prefix="xrd") as name:  # a short path, for sockets
        place, port = Path(name), free_port()
        place.chmod(0o777)
        (place / "files").mkdir(mode=0o755)
        account = ("-R", _ACCOUNT) if os.geteuid() == 0 else ()
        processes = []
        for program in programs:
            config = place / f"{program}.cf"
            config.write_text(_config(role, place, port if program == "xrootd" else cluster_port, manager))
            command = [program, *account, "-c", str(config), "-n", "test", "-l", str(place / "log")]
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            processes.append(subprocess.Popen(command, cwd=place, **quiet))
        server = DataServer(f"root://127.0.0.1:{port}", place / "files", processes)
        try:
            _wait_for(port, place)
            yield server
        finally:
            server.kill()


def _config(role: str, place: Path, port: int, manager: int) -> str:
    lines = [
        "all.export /",
        f"all.adminpath {place}",
        f"all.pidpath {place}",
        f"oss.localroot {place}/files",
        "xrd.network nodnr norpipa",
        f"xrd.port {port}",
    ]
    if manager:
        lines += [
            f"all.role {role}",
            f"all.manager 127.0.0.1:{manager}",
            "cms.delay startup 1 servers 1 lookup 1 qdl 2 suspend 2",
            "cms.space min 1m 2m",
            "cms.allow host *",
        ]
    return "\n".join(lines) + "\n"


def _wait_for(port: int, place: Path) -> None:
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    logs = "\n".join(path.read_text() for path in place.rglob("log") if path.is_file())
    raise TimeoutError(f"the XRootD server does not start:\n{logs}")
