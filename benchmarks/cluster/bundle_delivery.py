"""How a bundle of 100 MB reaches 8 dask workers: bytes that leave the server, and time to the first chunk.

``make benchmark-delivery``. The server is one for HTTP on this machine that sends 125 MB/s to all clients together, as a
link of 1 Gbit/s does. A host is a folder for the cache: workers with the same one share it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import awkward as ak
import dask
import numpy as np
import onnx
from coffea.nanoevents import NanoEventsFactory
from distributed import Client, LocalCluster

import coffea_fm
from coffea_fm.bundle import load_bundle, save_bundle
from coffea_fm.bundle.cache import FOLDER
from coffea_fm.inference import process_cache, sessions
from coffea_fm.schemas import PFNanoAODSchema
from coffea_fm.shipped import shipped

MEGABYTES = 100
WORKERS = 8
RATE = 125e6
PIECE = 1 << 18
TABLE = Path(__file__).with_name("bundle_delivery.md")


@dataclass
class Server:
    """A slow server and what it has sent."""

    folder: Path
    url: str = ""
    sent: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, file: Any, data: bytes) -> None:
        """Write to a client, at the speed of the link."""
        for start in range(0, len(data), PIECE):
            piece = data[start : start + PIECE]
            with self.lock:  # one link for everybody
                time.sleep(len(piece) / RATE)
                self.sent += len(piece)
            file.write(piece)


@contextmanager
def slow_server(folder: Path) -> Iterator[Server]:
    known = Server(folder)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            path = known.folder / self.path.lstrip("/")
            data = path.read_bytes() if path.is_file() else b""
            self.send_response(200 if path.is_file() else 404)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            known.send(self.wfile, data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield known
    server.shutdown()
    server.server_close()


def large_bundle(folder: Path) -> None:
    """The small shipped classifier with a table of random numbers beside its weights."""
    small = load_bundle("jet-classifier-small")
    model = onnx.load_model_from_string(small.graph_bytes("backbone"))
    numbers = np.random.default_rng(0).random(MEGABYTES * 10**6 // 4, dtype=np.float32)
    model.graph.initializer.append(onnx.numpy_helper.from_array(numbers, "ballast"))
    save_bundle(folder, small.manifest, small.graphs | {"backbone": model.SerializeToString()}, "")


def jets() -> ak.Array:
    file = shipped("samples") / "Hbb.root"
    events = NanoEventsFactory.from_root({str(file): "Events"}, schemaclass=PFNanoAODSchema, mode="eager").events()
    return events.FatJet


def tag(tagger: Any, chunk: ak.Array) -> tuple[str, float]:
    """A first chunk: the mean score, and when it was ready."""
    mean = float(ak.mean(tagger(chunk).Hbb))
    return f"{mean:.6f}", time.time()


def as_new() -> None:
    """Bring a worker to where a new one is after its imports: it has called a small model, and knows no large one."""
    coffea_fm.load("jet-classifier-small")(jets())
    process_cache._bundles.clear()
    sessions._sessions.clear()


def set_cache(folder: str) -> None:
    os.environ[FOLDER] = folder


def measure(
    client: Client, server: Server, source: str, caches: Sequence[Path], ship: str = "path"
) -> tuple[int, list[float]]:
    """Bytes to the workers, and seconds to the first chunk of each. Worker i has the cache ``caches[i % len(caches)]``."""
    workers = list(client.scheduler_info(n_workers=-1)["workers"])
    client.run(as_new)
    for index, worker in enumerate(workers):
        client.run(set_cache, str(caches[index % len(caches)]), workers=[worker])
    tagger = coffea_fm.load(source, ship=ship)  # type: ignore[arg-type]
    chunk = client.scatter(jets(), broadcast=True)
    sent, start = server.sent, time.time()
    futures = [client.submit(tag, tagger, chunk, workers=[worker], pure=False) for worker in workers]
    results = client.gather(futures)
    if len({score for score, _ in results}) != 1:
        raise RuntimeError(f"the workers disagree: {results}")
    return server.sent - sent, sorted(end - start for _, end in results)


def main() -> None:
    rows = []
    dask.config.set({"distributed.worker.multiprocessing-method": "fork"})  # which spares eight imports of everything
    with (
        TemporaryDirectory() as name,
        slow_server(Path(name)) as server,
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None, memory_limit=0) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(WORKERS)
        folder = Path(name)
        large_bundle(folder / "large")
        source = f"{server.url}/large"
        set_cache(str(folder / "client"))
        for label, caches, ship in (
            ("1 host of 8 workers", [folder / "one"], "path"),
            ("1 host, the bundle already in its cache", [folder / "one"], "path"),
            ("2 hosts of 4 workers", [folder / "first", folder / "second"], "path"),
            (
                "a cache for each worker, as if on 8 hosts",
                [folder / f"each{index}" for index in range(WORKERS)],
                "path",
            ),
            ("inside the tagger, `ship='bytes'`: through the scheduler", [folder / "none"], "bytes"),
        ):
            sent, seconds = measure(client, server, source, caches, ship)
            rows.append(f"| {label} | {sent / 1e6:.1f} | {seconds[0]:.1f} | {seconds[-1]:.1f} |")
            print(rows[-1], flush=True)
    TABLE.write_text(
        f"# A bundle of {MEGABYTES} MB on {WORKERS} dask workers\n\n"
        "Made by `make benchmark-delivery`: processes on one machine with two cores that also did other work (load "
        f"{os.getloadavg()[0]:.0f}), so compare the rows, not the seconds. The server sends {RATE / 1e6:.0f} MB/s to all "
        "clients together. Imports are not counted.\n\n"
        "| workers | MB from the server | s to the first chunk of the first worker | of the last |\n"
        "|---|---:|---:|---:|\n" + "\n".join(rows) + "\n"
    )


if __name__ == "__main__":
    main()
