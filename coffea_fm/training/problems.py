"""What is wrong with a recipe, in words."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

Location = Sequence[int | str]


def first_problem(error: ValidationError, model: type[BaseModel]) -> str:
    """Say what is wrong, where, and for an unknown key which known one is nearest.

    An unknown key comes first: a missing one is often the same, spelled otherwise.
    """
    problem = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    holder, keys = _follow(model, problem["loc"])
    path = ".".join(keys)
    if problem["type"] != "extra_forbidden" or holder is None:
        return f"{path + ': ' if path else ''}{problem['msg'].removeprefix('Value error, ')}"
    known = list(holder.model_fields)
    nearest = difflib.get_close_matches(keys[-1], known, n=1, cutoff=0)[0]
    return f"unknown key {path!r}; did you mean {nearest!r}? The keys there are {', '.join(known)}"


def _follow(model: type[BaseModel], location: Location) -> tuple[type[BaseModel] | None, list[str]]:
    """The model that holds the last key of a location, and the keys on the way as a user writes them.

    Where one of several models is chosen by its kind, pydantic lists the kind among the keys.
    """
    keys: list[str] = []
    holder: type[BaseModel] | None = None
    choices = {"": model}
    for part in location:
        if str(part) in choices:
            choices = {"": choices[str(part)]}
            continue
        holder = next(iter(choices.values()), None)
        keys.append(str(part))
        known = holder.model_fields.get(str(part)) if holder else None
        choices = _models(known.annotation) if known else {}
    return holder, keys


def _models(annotation: Any) -> dict[str, type[BaseModel]]:
    """The models that an annotation allows, by kind."""
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return {kind: model for part in get_args(annotation) for kind, model in _models(part).items()}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        kind = annotation.model_fields.get("kind", annotation.model_fields.get("mode"))
        return {str(kind.default) if kind else "": annotation}
    return {}
