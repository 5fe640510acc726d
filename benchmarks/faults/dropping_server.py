"""Serve a folder by ranges, and drop a share of the answers half-way: ``dropping_server.py FOLDER SHARE LOG``."""

from __future__ import annotations

import random
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER, SHARE, LOG = Path(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3])


class Dropping(BaseHTTPRequestHandler):
    """GET and HEAD, with ranges."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        """Headers alone."""
        self._answer(with_body=False)

    def do_GET(self) -> None:
        """A file, or the range of it that is asked for."""
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        content = (FOLDER / Path(self.path).name).read_bytes()
        start, stop, code = 0, len(content), 200
        if "Range" in self.headers:
            first, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
            start, stop, code = int(first), int(last or len(content) - 1) + 1, 206
        body = content[start : min(stop, len(content))]
        self.send_response(code)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(body)))
        if code == 206:
            self.send_header("Content-Range", f"bytes {start}-{start + len(body) - 1}/{len(content)}")
        self.end_headers()
        if with_body and random.random() < SHARE:
            with LOG.open("a") as log:
                log.write("x")
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()
        elif with_body:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


server = ThreadingHTTPServer(("127.0.0.1", 0), Dropping)
print(server.server_address[1], flush=True)
server.serve_forever()
