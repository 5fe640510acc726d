"""From the measurements of one machine to a thousand workers and 10^10 jets; every assumption is in the table."""

from __future__ import annotations

from collections.abc import Mapping

JETS, JETS_PER_EVENT, WORKERS = 1e10, 1.5, 1000
BRANCHES, BRANCH_SECONDS = 1500, 0.5e-3
GROUP = 20
BUNDLE_BYTES, HOST_WORKERS = 100e6, 8
NETWORK = 1e9 / 8
TASK_MEMORY = 5e3


def calculation(found: Mapping[str, float]) -> str:
    """The table, from ``chunk``, ``event``, ``task`` and ``merge`` (seconds), ``item`` and ``result`` (bytes)."""
    events = JETS / JETS_PER_EVENT
    rows = [
        "| events in a chunk | chunks | of the time for chunks | hours | chunks/s of all workers | the scheduler is busy | result bytes/s |",
        "|---|---|---|---|---|---|---|",
    ]
    opening = found["chunk"] + BRANCHES * BRANCH_SECONDS
    for size in (1000, 10_000, 30_000, 100_000):
        chunks = events / size
        seconds = chunks * opening + events * found["event"]
        hours = seconds / WORKERS / 3600
        rate = chunks / (hours * 3600)
        busy = rate * found["task"] * (1 + 1 / GROUP)
        rows.append(
            f"| {size:,} | {chunks:,.0f} | {chunks * opening / seconds:.0%} | {hours:.1f} | {rate:.1f} | {busy:.1%} | "
            f"{rate * found['result'] / 1e6:.1f} MB/s |"
        )
    hosts = WORKERS / HOST_WORKERS
    delivery = hosts * BUNDLE_BYTES / NETWORK
    chunks = events / 10_000
    assumptions = [
        f"{JETS:.0e} jets, {JETS_PER_EVENT} an event, as in boosted events of CMS; {WORKERS} workers of one core like this one, none preempted.",
        (
            f"Files have {BRANCHES} branches, {BRANCH_SECONDS * 1e3:.1f} ms each to open (measured on real files: 0.3 to 0.8), and "
            f"{found['chunk']:.2f} s for the rest of a chunk, {found['event'] * 1e3:.2f} ms an event: as above."
        ),
        f"Scheduler: {found['task'] * 1e3:.2f} ms a task as above, with the client in the same process; one merging task for {GROUP} chunks.",
        (
            f"A task is {found['item']:,.0f} bytes and its result {found['result']:,.0f}: {chunks * found['item'] / 1e9:.1f} GB of tasks "
            f"in all through the scheduler for chunks of 10,000. All {chunks:,.0f} are submitted at once and the scheduler is assumed to keep {TASK_MEMORY / 1e3:.0f} kB for each (not measured): "
            f"{chunks * TASK_MEMORY / 1e9:.1f} GB in the scheduler."
        ),
        (
            f"Merging in a tree: {chunks / GROUP:,.0f} merges of {GROUP}, {found['merge'] * 1e3:.1f} ms of CPU a result (measured), on the workers: "
            f"{chunks * found['merge'] / WORKERS / 60:.1f} minutes of each. To the client: {chunks / GROUP * found['result'] / 1e9:.1f} GB."
        ),
        (
            f"A bundle of {BUNDLE_BYTES / 1e6:.0f} MB, once for each of {hosts:.0f} hosts with {HOST_WORKERS} workers, from one server at 1 Gbit/s: "
            f"{delivery / 60:.1f} minutes until the last has it."
        ),
        (
            "Reading from servers was not measured here; each worker reads at "
            f"{3e3 / (found['event'] * 1e6):.1f} MB/s (3 kB an event), all at {3e3 / found['event'] * WORKERS / 1e9:.1f} GB/s."
        ),
    ]
    return "\n".join([*rows, "", "Assumptions:", "", *(f"- {line}" for line in assumptions)])
