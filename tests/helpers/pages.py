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
_BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def run_page(name: str, *more: str) -> list[dict[str, Any]]:
    """Write the files that a page shows, run each ``coffea-fm`` of it with further options, and give what each told."""
    told = []
    blocks = _BLOCK.findall((_PAGES / name).read_text())
    for _, title, text in blocks:
        if title:
            Path(title).write_text(text)
    for line in (line for language, _, text in blocks if language == "bash" for line in text.splitlines()):
        program, *arguments = shlex.split(line)
        assert program == "coffea-fm"
        result = CliRunner().invoke(main, [*arguments, *more, "--json"])
        assert result.exit_code == 0, f"{line}\n{result.output}\n{result.exception!r}"
        told.append(json.loads(result.stdout))
    return told
