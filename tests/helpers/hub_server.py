"""A stand-in for a model hub: a server on this machine that speaks what huggingface_hub needs to push and pull.

It keeps commits in memory. ``.onnx`` files go through Git LFS, as on the real hub; Xet, which that has as well, is not
spoken.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

Files = dict[str, bytes]


@dataclass
class Hub:
    """Repositories by name: commits in order, each with all files; and the requests that came."""

    token: str
    commits: dict[str, dict[str, Files]] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    uploaded: Files = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    url: str = ""

    def files(self, repository: str, revision: str = "main") -> tuple[str, Files]:
        """Commit and files of a revision; KeyError if there is none."""
        commits = self.commits[repository]
        commit = list(commits)[-1] if revision == "main" else revision
        return commit, commits[commit]

    def commit(self, repository: str, files: Files) -> str:
        commits = self.commits[repository]
        name = hashlib.sha1(f"{repository}{len(commits)}".encode()).hexdigest()
        commits[name] = files
        return name


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._handle()

    def do_GET(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        for pattern, answer, needs_token in ROUTES:
            if found := re.fullmatch(pattern, f"{self.command} {path}"):
                if needs_token and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
                    return self._json({"error": "Invalid credentials"}, 401)
                try:
                    return answer(self, *found.groups())
                except KeyError:
                    return self._json({"error": "Not found"}, 404, **{"X-Error-Code": "RepoNotFound"})
        return self._json({"error": f"the stand-in does not know {self.command} {path}"}, 501)

    def _send(self, data: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _json(self, content: Any, status: int = 200, **headers: str) -> None:
        self._send(json.dumps(content).encode(), status, **{"Content-Type": "application/json", **headers})

    def _create(self) -> None:
        asked = json.loads(self.body)
        name = f"{asked['organization']}/{asked['name']}"
        if name in self.hub.commits:
            return self._json({"error": "You already created this model repo", "url": f"{self.hub.url}/{name}"}, 409)
        self.hub.commits[name] = {}
        self.hub.commit(name, {".gitattributes": b"*.onnx filter=lfs diff=lfs merge=lfs -text\n"})
        if asked.get("private") or asked.get("visibility") == "private":
            self.hub.private.add(name)
        return self._json({"url": f"{self.hub.url}/{name}", "name": name})

    def _validate(self) -> None:
        """As the real one, but far from all of its rules."""
        card = json.loads(self.body)["content"]
        content = yaml.safe_load(card.split("---\n")[1])
        missing = [name for name in ("license",) if name not in content]
        errors = [{"message": f'"{name}" is required'} for name in missing]
        self._json({"errors": errors, "warnings": []}, 400 if errors else 200)

    def _preupload(self, repository: str, revision: str) -> None:
        self.hub.files(repository, revision)
        modes = [
            {"path": file["path"], "uploadMode": _mode(file["path"]), "shouldIgnore": False}
            for file in json.loads(self.body)["files"]
        ]
        self._json({"files": modes})

    def _batch(self, repository: str) -> None:
        self.hub.files(repository)
        objects = [
            asked | {"actions": {"upload": {"href": f"{self.hub.url}/lfs/{asked['oid']}"}}}
            for asked in json.loads(self.body)["objects"]
        ]
        self._json({"transfer": "basic", "objects": objects})

    def _upload(self, oid: str) -> None:
        assert hashlib.sha256(self.body).hexdigest() == oid
        self.hub.uploaded[oid] = self.body
        self._send(b"")

    def _commit(self, repository: str, revision: str) -> None:
        _, files = self.hub.files(repository, revision)
        files = dict(files)
        for line in map(json.loads, self.body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.uploaded[value["oid"]]
        name = self.hub.commit(repository, files)
        self._json({"commitUrl": f"{self.hub.url}/{repository}/commit/{name}", "commitOid": name})

    def _info(self, repository: str, revision: str | None = None) -> None:
        self._may_read(repository)
        commit, files = self.hub.files(repository, revision or "main")
        siblings = [{"rfilename": path} for path in files]
        self._json({"id": repository, "sha": commit, "siblings": siblings, "private": repository in self.hub.private})

    def _tree(self, repository: str, revision: str) -> None:
        self._may_read(repository)
        self._json([_entry(path, data) for path, data in self.hub.files(repository, revision)[1].items()])

    def _paths(self, repository: str, revision: str) -> None:
        self._may_read(repository)
        files, asked = self.hub.files(repository, revision)[1], parse_qs(self.body.decode())["paths"]
        self._json([_entry(path, files[path]) for path in asked if path in files])

    def _resolve(self, repository: str, revision: str, path: str) -> None:
        self._may_read(repository)
        commit, files = self.hub.files(repository, revision)
        if path not in files:
            return self._json({"error": "Entry not found"}, 404, **{"X-Error-Code": "EntryNotFound"})
        data, status, headers = files[path], 200, {"X-Repo-Commit": commit, "ETag": f'"{_sha(files[path])}"'}
        if span := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or ""):
            status, data = 206, data[int(span[1]) : int(span[2]) + 1 if span[2] else None]
        return self._send(data, status, **headers)

    def _may_read(self, repository: str) -> None:
        if repository in self.hub.private and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            raise KeyError(repository)


_NAME = r"([^/]+/[^/]+?)"
ROUTES = [
    (r"POST /api/repos/create", _Handler._create, True),
    (r"POST /api/validate-yaml", _Handler._validate, False),
    (rf"POST /api/models/{_NAME}/preupload/([^/]+)", _Handler._preupload, True),
    (rf"POST /{_NAME}\.git/info/lfs/objects/batch", _Handler._batch, True),
    (r"PUT /lfs/([0-9a-f]+)", _Handler._upload, False),
    (rf"POST /api/models/{_NAME}/commit/([^/]+)", _Handler._commit, True),
    (rf"GET /api/models/{_NAME}", _Handler._info, False),
    (rf"GET /api/models/{_NAME}/revision/([^/]+)", _Handler._info, False),
    (rf"GET /api/models/{_NAME}/tree/([^/]+)/?", _Handler._tree, False),
    (rf"POST /api/models/{_NAME}/paths-info/([^/]+)", _Handler._paths, False),
    (rf"(?:GET|HEAD) /{_NAME}/resolve/([^/]+)/(.+)", _Handler._resolve, False),
]


def _mode(path: str) -> str:
    return "lfs" if path.endswith(".onnx") else "regular"


def _sha(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def _entry(path: str, data: bytes) -> dict[str, Any]:
    entry = {"type": "file", "path": path, "size": len(data), "oid": _sha(data)}
    if _mode(path) == "lfs":
        entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 131}
    return entry


@contextmanager
def serve(token: str) -> Iterator[Hub]:
    """A hub on a free port of the loopback device, which nothing outside this machine reaches."""
    hub = Hub(token)
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
