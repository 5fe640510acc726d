"""Run the commands of a page of the documentation, in the current folder."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from coffea_fm.cli import main

_PAGES = Path(__file__).parents[2] / "docs" / "how-to"
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """Arguments of each ``coffea-fm`` in a block of shell, file patterns expanded."""
    lines = [shlex.split(line, comments=True) for line in text.splitlines()]
    assert all(line[0] == "coffea-fm" for line in lines)
    return [
        [path for word in line[1:] for path in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]
        for line in lines
    ]


def call(arguments: list[str]) -> dict[str, Any]:
    result = CliRunner().invoke(main, [*arguments, "--json"])
    assert result.exit_code == 0, f"{arguments}\n{result.output}\n{result.exception!r}"
    return dict(json.loads(result.stdout))


def run_page(name: str, *more: str) -> list[dict[str, Any]]:
    """Write the files that a how-to shows, run each of its commands with further options, and give what each told."""
    told = []
    for language, title, text in BLOCK.findall((_PAGES / name).read_text()):
        if title:
            Path(title).write_text(text)
        elif language == "bash":
            told += [call([*arguments, *more]) for arguments in commands(text)]
    return told


def run_python(text: str, names: dict[str, object]) -> None:
    """Run a block of python; the names that it makes stay in `names`."""
    exec(compile(text, "a page", "exec"), names)  # noqa: S102 - a page of this repository
