"""The README as the package index shows it: links into the repository become addresses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

REPOSITORY = "https://github.com/coffea-fm/coffea-fm"
LINK = re.compile(r"(!?)(\[[^\]]*\])\((?![a-z]+:|#)([^)\s]+)\)")


class AbsoluteLinks(MetadataHookInterface):
    """Gives the project its ``readme``."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the key ``readme``."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": LINK.sub(_absolute, text)}


def _absolute(link: re.Match[str]) -> str:
    image, text, target = link.groups()
    return f"{image}{text}({REPOSITORY}/{'raw' if image else 'blob'}/main/{target})"
