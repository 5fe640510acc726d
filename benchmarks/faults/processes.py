"""Workers, schedulers and clients that start at once, because they are forked from a process that has imported all.

The process that forks must not have started threads: `main` of `run.py` imports and forks, and does nothing else.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WORKERS = 2
_CAPABILITY_VERSION, _CAP_DAC_OVERRIDE, _PR_CAPBSET_DROP = 0x20080522, 1, 24


def fork(target: Callable[[], Any], log: Path) -> int:
    """Run a function in a child process, which ends with it; gives its number."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.setpgid(0, 0)
        with log.open("ab", buffering=0) as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        target()
        code = 0
    except SystemExit as error:
        code = int(error.code or 0) if isinstance(error.code, int | None) else 1
    except BaseException:  # noqa: BLE001 - it must never return into the parent's code
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def ended(child: int) -> int | None:
    """The exit code of a child (negative: its signal); None while it runs."""
    done, status = os.waitpid(child, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if done else None


def kill(child: int, how: int = signal.SIGKILL) -> None:
    """Send a signal to a child, if it is still there."""
    with suppress(ProcessLookupError):
        os.kill(child, how)


def drop_override() -> None:
    """Give up, for this process and all that it starts, the capability by which root ignores the modes of files."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice
    done = [libc.prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0), libc.capget(header, sets)]
    for index in range(3):
        sets[index] &= ~(1 << _CAP_DAC_OVERRIDE)
    if any([*done, libc.capset(header, sets)]):
        raise OSError(ctypes.get_errno(), "cannot give up CAP_DAC_OVERRIDE: run this as root")


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class Cluster:
    """A scheduler with workers that are replaced when they die, as a batch system does.

    Parameters
    ----------
    folder : Path
        For logs.
    life : float
        Mean life of a worker in seconds, for `mode`; 0 is for ever.
    mode : str
        How they die by themselves: ``sys.exit``, ``graceful`` or ``segfault`` of `distributed.chaos.KillWorker`.
    ttl : str
        After which silence the scheduler gives a worker up.
    """

    folder: Path
    life: float = 0.0
    mode: str = ""
    ttl: str = "5 minutes"
    workers: dict[int, float] = field(default_factory=dict)
    deaths: int = 0
    scheduler: int = 0
    port: int = field(default_factory=free_port)

    @property
    def address(self) -> str:
        """Of the scheduler."""
        return f"tcp://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start all that is not running."""
        if not self.scheduler:
            self.scheduler = fork(self._schedule, self.folder / "scheduler.log")
        while len(self.workers) < WORKERS:
            self.workers[fork(self._work, self.folder / "workers.log")] = time.monotonic()

    def tend(self) -> None:
        """Replace workers that have died."""
        for worker in list(self.workers):
            if ended(worker) is not None:
                del self.workers[worker]
                self.deaths += 1
        self.start()

    def restart_scheduler(self) -> None:
        """Kill it, and start one in its place."""
        kill(self.scheduler)
        os.waitpid(self.scheduler, 0)
        self.scheduler = 0
        time.sleep(0.5)
        self.start()

    def stop(self) -> None:
        """End everything."""
        for child in [*self.workers, self.scheduler]:
            kill(child, signal.SIGCONT)
            kill(child)
            os.waitpid(child, 0)
        self.workers.clear()
        self.scheduler = 0

    def _schedule(self) -> None:
        import dask
        from distributed import Scheduler

        async def serve() -> None:
            with dask.config.set({"distributed.scheduler.worker-ttl": self.ttl}):
                async with Scheduler(port=self.port, host="127.0.0.1", dashboard=False) as scheduler:
                    await scheduler.finished()

        asyncio.run(serve())

    def _work(self) -> None:
        from distributed import Worker
        from distributed.chaos import KillWorker

        random.seed(os.getpid())
        options: dict[str, Any] = {"plugins": [KillWorker(self.life, self.mode)]} if self.mode else {}  # type: ignore[arg-type]

        async def serve() -> None:
            place = str(self.folder / "scratch")
            async with Worker(
                self.address, nthreads=1, dashboard=False, local_directory=place, memory_limit=0, **options
            ) as worker:
                await worker.finished()

        asyncio.run(serve())


def client(arguments: list[str], log: Path, *, as_root: bool = True) -> int:
    """Start ``coffea-fm`` with arguments; without the rights of root, it may write only where modes allow it."""

    def command() -> None:
        if not as_root:
            drop_override()
        from coffea_fm.cli import main

        main(arguments)

    return fork(command, log)
