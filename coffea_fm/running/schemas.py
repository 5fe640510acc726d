"""Find a NanoEvents schema by name."""

from __future__ import annotations

import inspect
from typing import Any

import coffea.nanoevents

import coffea_fm.schemas
from coffea_fm.errors import RecipeError
from coffea_fm.names import nearest


def find_schema(name: str | type) -> Any:
    """Find a schema class by name, in coffea-fm, then in coffea.

    Raises
    ------
    RecipeError
        If there is no such schema.
    """
    if not isinstance(name, str):
        return name
    for module in (coffea_fm.schemas, coffea.nanoevents):
        schema = getattr(module, name, None)
        if inspect.isclass(schema) and issubclass(schema, coffea.nanoevents.BaseSchema):
            return schema
    known = sorted(n for module in (coffea_fm.schemas, coffea.nanoevents) for n in dir(module) if n.endswith("Schema"))
    raise RecipeError(f"there is no schema {name!r}: {nearest(name, known)}")
