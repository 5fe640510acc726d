"""Configurations: a frozen base class, reading from YAML, and one-sentence errors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import AliasChoices, BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from coffea_fm.errors import RecipeError
from coffea_fm.names import close_name
from coffea_fm.untrusted.local_files import read_file
from coffea_fm.untrusted.refused import Refused
from coffea_fm.untrusted.yaml_text import MOST_BYTES, parse_yaml

ConfigT = TypeVar("ConfigT", bound=BaseModel)
Location = Sequence[int | str]
_ANY = "*"
"""Placeholder for keys chosen by the user."""


class Config(BaseModel):
    """Base of all configurations: frozen, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def read_config(path: str | os.PathLike[str], model: type[ConfigT], what: str) -> ConfigT:
    """Read a configuration from a YAML file and check it.

    Parameters
    ----------
    path : path-like
        The file.
    model : type
        Model of the content.
    what : str
        Name of the kind of file in errors, e.g. ``"recipe"``.

    Raises
    ------
    RecipeError
        If the file cannot be read, is not YAML, has an unknown key, or a value is out of range. The message names the
        key, and suggests the nearest known key for an unknown one.
    """
    content = read_yaml(path, what)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise RecipeError(f"{what} {path}: {config_error(error, model)}") from error


def read_yaml(path: str | os.PathLike[str], what: str) -> Any:
    """Read the content of a YAML file; see `read_config`."""
    try:
        return parse_yaml(read_file(path, MOST_BYTES))
    except OSError as error:
        raise RecipeError(f"cannot read the {what} {path}: {error.strerror}") from error
    except Refused as error:
        raise RecipeError(f"cannot read the {what} {path}: {error}") from error


def config_error(error: ValidationError, model: type[BaseModel]) -> str:
    """Describe an error and its location, with the nearest known key for an unknown one.

    Unknown keys are reported first, because a missing key is often the same one, misspelt.
    """
    problem = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    holder, keys = _follow(model, problem["loc"])
    path = ".".join(keys)
    if problem["type"].startswith("union_tag"):
        return _wrong_kind(problem, path)
    if problem["type"] != "extra_forbidden" or holder is None:
        return f"{path + ': ' if path else ''}{problem['msg'].removeprefix('Value error, ')}"
    known = _known_keys(holder)
    nearest = close_name(keys[-1], known, similarity=0)
    return f"unknown key {path!r}; did you mean {nearest!r}? Known keys: {', '.join(known)}"


def _wrong_kind(problem: ErrorDetails, path: str) -> str:
    """Describe an error in a key such as ``kind``, which selects one of several models."""
    context = problem["ctx"]
    key = context["discriminator"].strip("'")
    if problem["type"] == "union_tag_invalid":
        kinds = [kind.strip("'") for kind in context["expected_tags"].split(", ")]
        nearest = close_name(context["tag"], kinds, similarity=0)
        return f"unknown {path}.{key} {context['tag']!r}; did you mean {nearest!r}? Choose one of {', '.join(kinds)}"
    given = problem["input"]
    names = [name for name in given if isinstance(name, str)] if isinstance(given, dict) else []
    nearest = close_name(key, names)
    if nearest:
        return f"unknown key '{path}.{nearest}'; did you mean {key!r}?"
    return f"{path}: the key {key!r} is missing, which says what kind of {path.rsplit('.', maxsplit=1)[-1]} it is"


def _known_keys(model: type[BaseModel]) -> list[str]:
    """The keys of a section, including aliases."""
    names: list[str] = []
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        names += map(str, alias.choices) if isinstance(alias, AliasChoices) else [name]
    return names


def _follow(model: type[BaseModel], location: Location) -> tuple[type[BaseModel] | None, list[str]]:
    """Find the model with the last key of a location, and the path of keys as written by a user.

    If the model is selected by its kind, pydantic lists the kind among the keys.
    """
    keys: list[str] = []
    holder: type[BaseModel] | None = None
    choices = {"": model}
    for part in location:
        if str(part) in choices:
            choices = {"": choices[str(part)]}
            continue
        keys.append(str(part))
        if _ANY in choices:
            choices = {"": choices[_ANY]}
            continue
        holder = next(iter(choices.values()), None)
        known = holder.model_fields.get(str(part)) if holder else None
        choices = _models(known.annotation) if known else {}
    return holder, keys


def _models(annotation: Any) -> dict[str, type[BaseModel]]:
    """The models that an annotation allows, by kind."""
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return {kind: model for part in get_args(annotation) for kind, model in _models(part).items()}
    if get_origin(annotation) is dict:
        return dict(zip([_ANY], _models(get_args(annotation)[1]).values(), strict=False))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        kind = annotation.model_fields.get("kind", annotation.model_fields.get("mode"))
        return {str(kind.default) if kind else "": annotation}
    return {}
