"""The faults, and how each is injected into a run."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from compare import compare
from processes import Cluster, ended, kill
from scene import LONGEST, ROOT, SAMPLES, Outcome, Scene


def dying(scene: Scene, mode: str, life: float) -> Outcome:
    """Workers end by themselves."""
    with running(Cluster(scene.folder, life * scene.pace, mode)) as cluster:
        outcome = scene.until_complete(cluster, lambda _: None)
        outcome.injected = cluster.deaths
    return outcome


def signalled(scene: Scene, how: int, life: float) -> Outcome:
    """Workers are sent a signal at Poisson times."""
    due: dict[int, float] = {}

    def disturb(_: int) -> None:
        now = time.monotonic()
        for worker, born in cluster.workers.items():
            if now > due.setdefault(worker, born + random.expovariate(1 / (life * scene.pace))):
                kill(worker, how)
                due[worker] = now + 5

    with running(Cluster(scene.folder)) as cluster:
        outcome = scene.until_complete(cluster, disturb)
        outcome.injected = cluster.deaths
    return outcome


def stopping(scene: Scene, pause: float, every: float, ttl: float = 3000.0) -> Outcome:
    """One worker stops, and goes on later."""
    stopped: dict[int, float] = {}
    upcoming = time.monotonic()

    def disturb(_: int) -> None:
        nonlocal upcoming
        now = time.monotonic()
        for worker in [worker for worker, until in stopped.items() if now > until]:
            kill(worker, signal.SIGCONT)
            del stopped[worker]
        if now > upcoming and scene.chunks():
            worker = random.choice(list(cluster.workers))
            kill(worker, signal.SIGSTOP)
            stopped[worker] = now + pause * scene.pace
            scene.outcome.injected += 1
            upcoming = stopped[worker] + every * scene.pace

    with running(Cluster(scene.folder, ttl=f"{ttl * scene.pace} s")) as cluster:
        return scene.until_complete(cluster, disturb)


def restarting(scene: Scene, every: int) -> Outcome:
    """The scheduler is killed and started again, each time some more chunks are done."""
    done = every

    def disturb(_: int) -> None:
        nonlocal done
        if scene.chunks() >= done:
            done += every
            cluster.restart_scheduler()
            scene.outcome.injected += 1

    with running(Cluster(scene.folder)) as cluster:
        return scene.until_complete(cluster, disturb)


def hungry(scene: Scene) -> Outcome:
    """Some chunks exceed the memory limit of their worker, and its nanny kills it."""
    marks = scene.folder / "marks"
    marks.mkdir()
    scene.forked = False
    settings = scene.folder / "cluster.yaml"
    settings.write_text("workers: 2\nmemory: 1 GB\n")
    scene.options += ["-O", f"hungry={marks}", "--cluster", "local", "--cluster-config", str(settings)]
    outcome = scene.until_complete(None, lambda _: None)
    outcome.injected = len(list(marks.iterdir()))
    return outcome


def truncated(scene: Scene) -> Outcome:
    """An input file is cut to half its size while it is read, and comes back before the second start."""
    inputs = _copies(scene)
    whole = inputs[1].read_bytes()

    def disturb(_: int) -> None:
        if not scene.outcome.injected and scene.chunks() > 30:
            os.truncate(inputs[1], len(whole) // 2)
            scene.outcome.injected += 1

    with running(Cluster(scene.folder)) as cluster:
        return scene.until_complete(cluster, disturb, lambda: _write(inputs[1], whole))


def full(scene: Scene, megabytes: float) -> Outcome:
    """The disk of the output is full after some chunks, and is larger before the second start."""
    with mounted(scene, f"size={megabytes}m"), running(Cluster(scene.folder)) as cluster:

        def mend() -> None:
            scene.outcome.injected += 1
            subprocess.run(["mount", "-o", "remount,size=200m", str(scene.out)], check=True)

        return scene.until_complete(cluster, lambda _: None, mend)


def read_only(scene: Scene) -> Outcome:
    """The file system of the output becomes read-only after some chunks."""
    with mounted(scene, "size=200m"), running(Cluster(scene.folder)) as cluster:

        def disturb(_: int) -> None:
            if not scene.outcome.injected and scene.chunks() > 30:
                done = subprocess.run(["mount", "-o", "remount,ro", str(scene.out)], check=False, capture_output=True)
                scene.outcome.injected += done.returncode == 0  # it is refused while a file is open for writing

        return scene.until_complete(
            cluster, disturb, lambda: subprocess.run(["mount", "-o", "remount,rw", str(scene.out)], check=True) and None
        )


def denied(scene: Scene) -> Outcome:
    """The folder of the shards denies writing after some chunks, also to this run of root."""
    shards = scene.out / "shards"
    shards.mkdir(parents=True)
    scene.as_root = False
    scene.options += ["--workers", "2"]

    def disturb(_: int) -> None:
        if not scene.outcome.injected and scene.chunks() > 30:
            shards.chmod(0o555)
            scene.outcome.injected += 1

    return scene.until_complete(None, disturb, lambda: shards.chmod(0o755))


def dropping(scene: Scene, share: float) -> Outcome:
    """A server of the inputs drops connections in the middle of its answers."""
    log = scene.folder / "dropped"
    command = [sys.executable, str(Path(__file__).parent / "dropping_server.py"), str(ROOT / "samples"), str(share)]
    with subprocess.Popen([*command, str(log)], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        scene.files = [f"http://127.0.0.1:{port}/{path.name}" for path in SAMPLES]
        try:
            with running(Cluster(scene.folder)) as cluster:
                outcome = scene.until_complete(cluster, lambda _: None)
        finally:
            server.kill()
    outcome.injected = len(log.read_text()) if log.exists() else 0
    return outcome


def killed_client(scene: Scene, times: int, life: float) -> Outcome:
    """The command is killed with all of its processes at random moments and given again, until it ends by itself."""
    scene.options += ["--checkpoints", str(scene.folder / "kept")]
    began = time.monotonic()
    code = None
    while code != 0 and time.monotonic() < began + LONGEST:
        child = scene.start()
        end = time.monotonic() + random.uniform(0, 2 * life * scene.pace)
        while (code := ended(child)) is None:
            if scene.outcome.injected < times and time.monotonic() > end:
                kill(child)
                scene.outcome.injected += 1
                end += LONGEST
            time.sleep(0.005)
    if code == 0:
        scene.outcome.comparison = compare(scene.out, scene.wanted, keeps_parts=True)
    scene.outcome.seconds = time.monotonic() - began
    return scene.outcome


@contextmanager
def running(cluster: Cluster) -> Iterator[Cluster]:
    """A cluster for a while."""
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop()


@contextmanager
def mounted(scene: Scene, options: str) -> Iterator[None]:
    """A small file system for the output."""
    scene.output = scene.folder / "mounted"
    scene.out.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(scene.out)], check=True)
    try:
        yield
    finally:
        kept = scene.folder / "kept output"
        shutil.copytree(scene.out, kept)
        subprocess.run(["umount", "-l", str(scene.out)], check=True)


def _copies(scene: Scene) -> list[Path]:
    """The same inputs in the scene's own folder."""
    folder = scene.folder / "inputs"
    folder.mkdir()
    copies = [Path(shutil.copy(path, folder)) for path in SAMPLES]
    scene.files = list(map(str, copies))
    return copies


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


assert threading.active_count() == 1, "what forks must have one thread"
