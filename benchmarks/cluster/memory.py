"""The memory of a worker: predicted before the run, and what the process then needed at its peak.

``python benchmarks/cluster/memory.py [BUNDLE...]`` writes ``memory.md`` beside this file. Each measurement is one chunk in a
process of its own.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from data import enlarged

HERE = Path(__file__).parent
BUNDLES = ("jet-classifier-small", "jet-classifier-small-pairs", "jet-classifier-kinematic")
SIZES = (1000, 4000, 16_000)


def measure(bundle: str, path: Path, events: int) -> str:
    """A row of the table."""
    from coffea_fm.running.execute import execute
    from coffea_fm.running.executors import make_executor
    from coffea_fm.running.headers import read_headers
    from coffea_fm.running.memory import need_of
    from coffea_fm.running.models import models_of, tagged_collections
    from coffea_fm.running.processors import load_processor
    from coffea_fm.running.reading import bytes_read
    from coffea_fm.running.sources import read_fileset
    from coffea_fm.schemas import PFNanoAODSchema

    processor: Any = load_processor("tag_jets", {"bundle": bundle})
    fileset, executor = read_fileset([str(path)]), make_executor()
    (header,), _ = read_headers(fileset, executor, "root")
    read = bytes_read(header, PFNanoAODSchema, tagged_collections(processor), executor)
    assert read is not None
    predicted = need_of(models_of(processor), read, 1).of(events) / 2**20
    execute(processor, fileset, PFNanoAODSchema, executor, chunksize=10**9, quiet=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    name = Path(bundle).name
    return f"| {name} | {events:,} | {read:,.0f} | {predicted:.0f} MiB | {peak:.0f} MiB | {predicted / peak:.2f} |"


def main() -> None:
    """Measure all, each in a process of its own, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", nargs="*", default=BUNDLES)
    parser.add_argument("--one", nargs=2, metavar=("PATH", "EVENTS"), help="only this, in this process")
    options = parser.parse_args()
    if options.one:
        path, events = options.one
        print(measure(options.bundles[0], Path(path), int(events)))
        return
    rows = [
        "| bundle | events in the chunk | bytes read of each | predicted | measured | ratio |",
        "|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as scratch:
        for events in SIZES:
            (path,) = enlarged(Path(scratch), 1, events)
            for bundle in options.bundles:
                command = [sys.executable, "-W", "ignore", __file__, bundle, "--one", str(path), str(events)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                rows.append(done.stdout.strip().splitlines()[-1])
                print(rows[-1], flush=True)
    text = "\n".join(rows)
    head = "`python benchmarks/cluster/memory.py`: `tag_jets` on one chunk, in a process of its own, peak resident memory.\n\n"
    (HERE / "memory.md").write_text(f"{head}{text}\n")


if __name__ == "__main__":
    main()
