"""``coffea-fm checkpoints``: what a folder of checkpoints holds, and how to get rid of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coffea_fm.cli.output import Json, show
from coffea_fm.names import counted

if TYPE_CHECKING:
    from coffea_fm.running.checkpoints.listing import KeptRun


def checkpoints(
    folder: Annotated[Path, typer.Argument(help="The folder that --checkpoints named.")],
    clean: Annotated[bool, typer.Option("--clean", help="Remove them.")] = False,
    older_than: Annotated[float, typer.Option(min=0, help="Only runs not used for so many days.")] = 0.0,
    as_json: Json = False,
) -> None:
    """List the runs whose finished chunks are kept in a folder, with size and age; --clean removes them."""
    import coffea_fm

    if clean:
        runs = coffea_fm.clean_checkpoints(folder, older_than)
    else:
        runs = [run for run in coffea_fm.list_checkpoints(folder) if run.age >= older_than]
    total = sum(run.bytes for run in runs)
    ending = "removed" if clean else "to remove them: --clean"
    summary = {
        "runs": [
            {
                "folder": str(run.folder),
                "processor": run.processor,
                "chunks": run.chunks,
                "chunks_of_run": run.expected,
                "bytes": run.bytes,
                "age_days": round(run.age, 3),
            }
            for run in runs
        ],
        "bytes": total,
        "removed": clean,
    }
    lines = [*map(_describe, runs), f"{counted(len(runs), 'run')}, {total / 1e6:.1f} MB; {ending}"]
    show(summary, "\n".join(lines) if runs else f"no checkpoints in {folder}", as_json=as_json)


def _describe(run: KeptRun) -> str:
    of_all = f"{run.chunks} of {counted(run.expected, 'chunk')}, {run.bytes / 1e6:.1f} MB"
    return f"{run.processor}: {of_all}, {run.age:.1f} days old, in {run.folder}"
