"""Print the result of a command, as text or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from coffea_fm.running.result import RunResult

Json = Annotated[bool, typer.Option("--json", help="Print only the summary, as JSON.")]


def show(summary: Mapping[str, Any], text: str, *, as_json: bool) -> None:
    """Print the summary on standard output: as JSON, or as text for a person."""
    print(json.dumps(summary, indent=2) if as_json else text)


def even_incomplete(run: Callable[[], RunResult]) -> RunResult:
    """The result of a run, also if some events are missing: `finish` says so."""
    from coffea_fm.running.result import IncompleteRunError

    try:
        return run()
    except IncompleteRunError as error:
        return error.result


def finish(result: RunResult, summary: Mapping[str, Any], text: str = "", *, as_json: bool) -> None:
    """Print the result of a run; exit with 1 if something failed after its last chunk."""
    show(summary, text or str(result), as_json=as_json)
    if result.failures:
        if as_json:
            print(*(f"coffea-fm: failed: {reason}" for reason in result.failures.values()), sep="\n", file=sys.stderr)
        raise typer.Exit(1)
