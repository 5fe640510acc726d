"""``python -m coffea_fm.cli``: the command where its script is not on the path."""

from __future__ import annotations

from coffea_fm.cli import main

main(prog_name="coffea-fm")
