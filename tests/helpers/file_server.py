"""An HTTP server of files on this machine, with byte ranges or without, that fails as it is told to."""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass
class FileServer:
    """What the server does, and what it has done.

    Parameters
    ----------
    folder : Path
    ranges : bool
        Whether it can send parts of files.
    faults : dict of str to deque
        What goes wrong with the next requests of a file: a status such as 503, ``"drop"`` (the connection ends half-way),
        ``"short"`` (half of the file, said to be all of it) or a number of seconds of silence as a float.
    """

    folder: Path
    ranges: bool = True
    faults: dict[str, deque[int | float | str]] = field(default_factory=lambda: defaultdict(deque))
    sent: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    gets: list[str] = field(default_factory=list)
    url: str = ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of: FileServer

    def log_message(self, *_: object) -> None: ...

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self.server_of.gets.append(self.path.lstrip("/"))
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        name, known = self.path.lstrip("/"), self.server_of
        fault = known.faults[name].popleft() if with_body and known.faults[name] else None
        path = known.folder / name
        if isinstance(fault, int) or not path.is_file():
            return self._refuse(fault if isinstance(fault, int) else 404)
        if isinstance(fault, float):
            time.sleep(fault)
        data = path.read_bytes()
        if fault == "short":
            data = data[: len(data) // 2]
        asked = _RANGE.match(self.headers.get("Range", "")) if known.ranges else None
        size, status = len(data), 200
        if asked:
            start, stop = int(asked[1]), min(int(asked[2] or size - 1) + 1, size)
            data, status = data[start:stop], 206
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        if known.ranges:
            self.send_header("Accept-Ranges", "bytes")
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.end_headers()
        if with_body:
            part = data[: len(data) // 2] if fault == "drop" else data
            with suppress(OSError):  # the client has seen enough
                self.wfile.write(part)
            known.sent[name] += len(part)
            if fault == "drop":
                self.close_connection = True
        return None

    def _refuse(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def serving(folder: Path, *, ranges: bool = True) -> Iterator[FileServer]:
    """Serve a folder on a free port of the loopback device."""
    known = FileServer(folder, ranges)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"server_of": known}))
    server.daemon_threads = True
    known.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
