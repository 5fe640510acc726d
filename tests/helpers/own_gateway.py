"""A dask-gateway of one's own, whose clusters are processes on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from own_slurm import free_port, wait

CONFIGURATION = """
c.DaskGateway.backend_class = "dask_gateway_server.backends.local.UnsafeLocalBackend"
c.DaskGateway.authenticator_class = "dask_gateway_server.auth.SimpleAuthenticator"
c.DaskGateway.address = "127.0.0.1:{inner}"
c.Proxy.address = "127.0.0.1:{outer}"
c.LocalBackend.clusters_directory = "{folder}/clusters"
c.LocalClusterConfig.scheduler_cmd = ["{python}", "-m", "dask", "scheduler"]
c.LocalClusterConfig.worker_cmd = ["{python}", "-m", "dask", "worker"]
c.LocalClusterConfig.worker_cores = 1
c.LocalClusterConfig.worker_memory = "1 G"
c.Backend.cluster_options = Options(Integer("worker_cores", default=1, min=1, max=2))
"""


class Gateway:
    """A server in `folder` at `address`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process: subprocess.Popen[bytes] | None = None
        self.address = ""

    def start(self) -> None:
        """Start it, and wait until it answers."""
        inner, outer = free_port(), free_port()
        self.address = f"http://127.0.0.1:{outer}"
        settings = self.folder / "gateway.py"
        head = "from dask_gateway_server.options import Integer, Options\n"
        settings.write_text(
            head + CONFIGURATION.format(inner=inner, outer=outer, folder=self.folder, python=sys.executable)
        )
        bin_folder = Path(sys.executable).parent
        environment = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}"}
        with (self.folder / "gateway.log").open("wb") as log:
            command = [str(bin_folder / "dask-gateway-server"), "--config", str(settings)]
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        wait(self._answers, "dask-gateway-server")

    def stop(self) -> None:
        """End it with its clusters."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/api/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False
