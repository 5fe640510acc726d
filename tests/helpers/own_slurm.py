"""A one-node Slurm of one's own: Debian's packages unpacked into a folder, and started from there.

Nothing is installed on the system. It takes root, because slurmd starts jobs, and the packages registry of Debian 12.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
COMMANDS = ("sbatch", "squeue", "scancel", "scontrol", "sinfo")
LIBRARIES = "usr/lib/x86_64-linux-gnu"
CONFIGURATION = """
ClusterName=own
SlurmctldHost={host}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
PluginDir={root}/{libraries}/slurm-wlm
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldPort={port}
SlurmdPort={node_port}
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=2,bf_interval=2
JobAcctGatherType=jobacct_gather/none
KillWait=2
ReturnToService=2
SlurmdParameters=config_overrides
SlurmdLogFile={folder}/slurmd.log
SlurmctldLogFile={folder}/slurmctld.log
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=16000 State=UNKNOWN
PartitionName=short Nodes={host} Default=YES MaxTime=02:00:00 State=UP
PartitionName=closed Nodes={host} Default=NO MaxTime=02:00:00 State=DOWN
"""


class Slurm:
    """Daemons in `folder`; `bin` holds the commands, to be put first on the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.root, self.bin = self.folder / "root", self.folder / "bin"
        self.environment = {
            **os.environ,
            "SLURM_CONF": str(self.folder / "slurm.conf"),
            "LD_LIBRARY_PATH": f"{self.root / LIBRARIES}:{self.root / LIBRARIES / 'slurm-wlm'}",
        }
        self.processes: list[subprocess.Popen[bytes]] = []

    def install(self) -> None:
        """Unpack the packages, and write the configuration and the commands."""
        if not (self.root / "usr/sbin/slurmctld-wlm").exists():
            archives = self.folder / "archives"
            (archives / "partial").mkdir(parents=True, exist_ok=True)
            apt = [
                "apt-get",
                "install",
                "--yes",
                "--quiet",
                "--download-only",
                "--reinstall",
                "--no-install-recommends",
            ]
            subprocess.run([*apt, "--option", f"Dir::Cache::archives={archives}", *PACKAGES], check=True)
            for package in sorted(archives.glob("*.deb")):
                subprocess.run(["dpkg-deb", "--extract", str(package), str(self.root)], check=True)
        self.bin.mkdir(exist_ok=True)
        for name in COMMANDS:
            script = self.bin / name
            variables = " ".join(f"{key}={self.environment[key]}" for key in ("SLURM_CONF", "LD_LIBRARY_PATH"))
            script.write_text(f'#!/bin/sh\nexec env {variables} {self.root / "usr/bin" / name} "$@"\n')
            script.chmod(0o755)

    def start(self) -> None:
        """Start munged, slurmctld and slurmd, and wait until the node is idle."""
        (self.folder / "munge.socket").unlink(missing_ok=True)
        for name in ("state", "spool"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
            (self.folder / name).mkdir()
        host = socket.gethostname().partition(".")[0]
        settings = {"host": host, "folder": self.folder, "root": self.root, "libraries": LIBRARIES}
        ports = {"port": free_port(), "node_port": free_port()}
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(**settings, **ports))
        (self.folder / "slurm.conf").chmod(0o644)
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        files = {"key-file": key.name, "socket": "munge.socket", "pid-file": "munge.pid", "log-file": "munge.log"}
        files["seed-file"] = "munge.seed"
        options = [f"--{option}={self.folder / name}" for option, name in files.items()]
        self._daemon("munged", "--foreground", "--force", *options)
        wait((self.folder / "munge.socket").exists, "munged")
        self._daemon("slurmctld-wlm", "-D")
        self._daemon("slurmd-wlm", "-D", "-d", str(self.root / "usr/sbin/slurmstepd-wlm"))
        wait(lambda: "idle" in self.call("sinfo", "--noheader", "--partition=short", "--format=%T"), "slurmd")

    def call(self, *command: str) -> str:
        """What a command of Slurm prints."""
        done = subprocess.run([str(self.bin / command[0]), *command[1:]], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    def stop(self) -> None:
        """End all jobs, then the daemons."""
        self.call("scancel", "--user=root", "--full")
        deadline = time.monotonic() + 10
        while self.call("squeue", "--noheader") and time.monotonic() < deadline:
            time.sleep(0.5)
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        self.processes.clear()

    def _daemon(self, name: str, *options: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            command = [str(self.root / "usr/sbin" / name), *options]
            self.processes.append(subprocess.Popen(command, env=self.environment, stdout=log, stderr=log))


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} is not ready after {seconds:g} seconds")
        time.sleep(0.5)


if __name__ == "__main__":  # a Slurm to try things on, until Ctrl-C or SIGTERM
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    slurm = Slurm(Path(sys.argv[1]))
    slurm.install()
    try:
        slurm.start()
        print(f"export PATH={slurm.bin}:$PATH", flush=True)
        slurm.processes[-1].wait()
    except KeyboardInterrupt:
        pass
    finally:
        slurm.stop()
