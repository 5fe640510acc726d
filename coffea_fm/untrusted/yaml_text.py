"""Parse YAML with PyYAML's safe loader, of bounded size, depth and expansion."""

from __future__ import annotations

from typing import Any, Final

import yaml

from coffea_fm.untrusted.plain import DEEPEST, check_plain
from coffea_fm.untrusted.refused import Refused

MOST_BYTES: Final = 2**18
"""PyYAML reads about 100 kB per second; recipes and mappings are a few kB."""
MOST_NODES: Final = 100_000
"""Values in a file when every alias is written out."""


def parse_yaml(text: bytes | str) -> Any:
    """Parse a YAML document.

    Raises
    ------
    Refused
        If it is too long, is not YAML, is nested too deeply, or its aliases would expand to too much (a "billion
        laughs"), or contain themselves.
    """
    if len(text) > MOST_BYTES:
        raise Refused(f"it is larger than {MOST_BYTES >> 10} KiB")
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        content = yaml.load(decoded, _BoundedLoader)
    except Refused:
        raise
    except (yaml.YAMLError, ValueError, OverflowError, TypeError, LookupError, RecursionError, AttributeError) as error:
        # the constructors of numbers and dates raise whatever Python's own do
        raise Refused(f"it is not YAML: {' '.join(str(error).split())}") from error
    check_plain(content)
    return content


class _BoundedLoader(yaml.SafeLoader):
    """Counts values while they are composed, before anything is made of them."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._nodes = 0
        self._depth = 0
        self._sizes: dict[str, int] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        """One value, with all below it; an alias counts as many as what it stands for."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        anchor = event.anchor if isinstance(event, yaml.NodeEvent) else None
        before, self._nodes, self._depth = self._nodes, self._nodes + 1, self._depth + 1
        if isinstance(event, yaml.AliasEvent):
            if anchor in self.anchors and anchor not in self._sizes:
                raise Refused(f"the alias *{str(anchor)[:60]} contains itself")
            self._nodes += self._sizes.get(str(anchor), 0)
        if self._depth > DEEPEST:
            raise Refused(f"it is nested more than {DEEPEST} deep")
        if self._nodes > MOST_NODES:
            raise Refused(f"it has more than {MOST_NODES} values, counting what its aliases stand for")
        node = super().compose_node(parent, index)
        if anchor is not None and not isinstance(event, yaml.AliasEvent):
            self._sizes[anchor] = self._nodes - before
        self._depth -= 1
        return node
