"""The section of a model card with measured results."""

from __future__ import annotations

import re

HEADING = "## Measured"
_BEGIN, _END = "<!-- measured by coffea-fm evaluate -->", "<!-- end of what was measured -->"
_SECTION = re.compile(rf"^{HEADING}[ \t]*\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def with_measured(card: str, measured: str) -> str:
    """Fill the section "Measured" of a card.

    Parameters
    ----------
    card : str
        Markdown. The text of an earlier call is replaced, and so is a section that says "Not yet". Text written by
        somebody else is kept, after the new text.
    measured : str
        Markdown.
    """
    block = f"{_BEGIN}\n\n{measured.strip()}\n\n{_END}"
    section = _SECTION.search(card)
    if section is None:
        return f"{card.rstrip()}\n\n{HEADING}\n\n{block}\n"
    body = section[1]
    if _BEGIN in body and _END in body:
        before, _, rest = body.partition(_BEGIN)
        body = f"{before}{block}{rest.partition(_END)[2]}"
    elif body.strip().startswith("Not yet"):
        body = f"\n{block}\n\n"
    else:
        body = f"\n{block}\n{body}"
    return f"{card[: section.start(1)]}{body}{card[section.end(1) :]}".rstrip() + "\n"
