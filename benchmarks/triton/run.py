"""Try a bundle on a real Triton server on this machine: ``make benchmark-triton``.

The server is the binary in the wheel of nvidia-pytriton, which has no ONNX Runtime backend: onnxruntime from PyPI takes its
place through Triton's Python backend (see ``onnxruntime_backend/model.py``). It has an environment of its own, because the
Python backend of that wheel wants numpy 1.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import awkward as ak
import numpy as np
from coffea.nanoevents import NanoEventsFactory

import coffea_fm
import coffea_fm.bundle
from coffea_fm.errors import ServerError
from coffea_fm.schemas import PFNanoAODSchema
from coffea_fm.shipped import shipped

HERE = Path(__file__).parent
BUNDLES = ("jet-classifier-small-pairs", "jet-classifier-small")
REPEATS = 3


class Triton:
    """A server on the loopback interface."""

    def __init__(self, environment: Path, folder: Path) -> None:
        (self.packages,) = (environment / "lib").glob("python*/site-packages")
        self.environment, self.folder = environment, folder
        self.server = self.packages / "pytriton" / "tritonserver"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        backends = folder / "backends"
        shutil.copytree(self.server / "backends" / "python", backends / "python")
        version = self.packages.parent.name.removeprefix("python")
        shutil.copy(self.server / "python_backend_stubs" / version / "triton_python_backend_stub", backends / "python")
        shutil.copytree(HERE / "onnxruntime_backend", backends / "onnxruntime")

    def start(self) -> None:
        """Start it, and wait until its models are warm."""
        command = [
            str(self.server / "bin" / "tritonserver"),
            f"--model-repository={self.folder / 'repository'}",
            f"--backend-directory={self.folder / 'backends'}",
            f"--http-port={self.port}",
            "--http-address=127.0.0.1",
            "--allow-grpc=false",
            "--allow-metrics=false",
        ]
        environment = os.environ | {
            "LD_LIBRARY_PATH": str(self.packages / "nvidia_pytriton.libs"),
            "PATH": f"{self.environment / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }
        environment.pop("PYTHONPATH", None)
        self.log = self.folder / "server.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        for _ in range(240):
            time.sleep(0.25)
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v2/health/ready", timeout=2).close()
            except OSError:
                continue
            return
        sys.exit(f"the server did not start:\n{self.log.read_text()[-3000:]}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it."""
        self.process.send_signal(how)
        self.process.wait()


def sample() -> ak.Array:
    """Jets of the shipped samples."""
    parts = [
        NanoEventsFactory.from_root({str(path): "Events"}, schemaclass=PFNanoAODSchema, mode="eager").events().FatJet
        for path in sorted(shipped("samples").glob("*.root"))
    ]
    return ak.flatten(ak.concatenate(parts))


def rate(tagger: Any, jets: ak.Array) -> float:
    """Jets per second, the best of some repeats."""
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        tagger(jets)
        seconds.append(time.perf_counter() - start)
    return len(jets) / min(seconds)


def difference(left: ak.Array, right: ak.Array) -> float:
    """Largest difference of scores."""
    assert all(np.array_equal(np.isnan(left[name]), np.isnan(right[name])) for name in left.fields)
    return max(float(np.nanmax(np.abs(left[name] - right[name]))) for name in left.fields)


def say(text: str) -> None:
    """Print at once."""
    print(text, flush=True)


def main(environment: Path) -> None:
    """Compare, time, kill the server, change its model."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for bundle in BUNDLES:
            coffea_fm.export_triton(bundle, folder / "repository")
        server = Triton(environment, folder)
        server.start()
        jets = sample()
        try:
            say("| bundle | jets | largest difference of scores | in process, jets/s | served, jets/s |")
            say("|---|---|---|---|---|")
            for bundle in BUNDLES:
                local = coffea_fm.load(bundle, threads=1)
                served = coffea_fm.load(f"triton://127.0.0.1:{server.port}/{bundle}")
                found = difference(served(jets), local(jets))
                say(f"| {bundle} | {len(jets)} | {found:.1e} | {rate(local, jets):.0f} | {rate(served, jets):.0f} |")
            killed_and_back(server, served, jets)
            replaced(server, served, jets, folder)
        finally:
            server.stop()
        for line in server.log.read_text().splitlines():
            if "server_version" in line:
                say(f"\nTriton {line.split('|')[2].strip()}")
                break


def killed_and_back(server: Triton, served: Any, jets: ak.Array) -> None:
    """Kill the server while a request runs, and start it again."""
    expected = served(jets)
    threading.Timer(0.05, lambda: (server.stop(signal.SIGKILL), server.start())).start()
    start = time.perf_counter()
    found = difference(served(jets), expected)
    say(f"\nserver killed during a call and started again: {time.perf_counter() - start:.1f} s, difference {found:.1e}")


def replaced(server: Triton, served: Any, jets: ak.Array, folder: Path) -> None:
    """Serve another bundle under the same name."""
    bundle = served.manifest.name
    other = next(each for each in BUNDLES if each != bundle)
    shutil.copytree(shipped("exports") / other, folder / "other" / bundle)
    renamed = coffea_fm.bundle.load_bundle(folder / "other" / bundle)
    manifest = renamed.manifest.model_copy(update={"name": bundle})
    coffea_fm.bundle.save_bundle(folder / "other" / bundle, manifest, renamed.graphs, "")
    server.stop()
    coffea_fm.export_triton(folder / "other" / bundle, folder / "repository")
    server.start()
    try:
        served(jets)
    except ServerError as error:
        say(f"\nanother model under the same name: {error}")
    else:
        sys.exit("another model was not refused")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
