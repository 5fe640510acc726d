"""Find a NanoEvents schema by name."""

from __future__ import annotations

import inspect
from difflib import get_close_matches
from typing import Any

import coffea.nanoevents

import coffea_fm.schemas
from coffea_fm.errors import RecipeError


def find_schema(name: str) -> Any:
    """The schema class of that name, among those of coffea-fm, then among those of coffea.

    Raises
    ------
    RecipeError
        If neither has it.
    """
    for module in (coffea_fm.schemas, coffea.nanoevents):
        schema = getattr(module, name, None)
        if inspect.isclass(schema) and issubclass(schema, coffea.nanoevents.BaseSchema):
            return schema
    known = sorted(n for module in (coffea_fm.schemas, coffea.nanoevents) for n in dir(module) if n.endswith("Schema"))
    nearest = get_close_matches(name, known, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"choose one of {', '.join(dict.fromkeys(known))}"
    raise RecipeError(f"there is no schema {name!r}: {hint}")
