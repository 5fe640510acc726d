"""``coffea-fm fast``: add a variant in reduced precision to a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coffea_fm.cli.output import Json, show


def fast(
    bundle: Annotated[Path, typer.Argument(help="Folder of the bundle.")],
    data: Annotated[Path, typer.Argument(help="Shards of labelled jets or events that the model was not trained on.")],
    as_json: Json = False,
) -> None:
    """Add a variant in 8-bit integers to a bundle, and measure what it costs. The model itself does not change."""
    import coffea_fm

    result = coffea_fm.make_fast(bundle, data)
    text = f"{result}; load it with coffea_fm.load({str(bundle)!r}, precision='fast')"
    show(result.variant.model_dump(mode="json"), text, as_json=as_json)
