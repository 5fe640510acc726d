"""Mappings: what ``preprocess.json`` leaves out. One YAML file for each family of models."""

from __future__ import annotations

import os
from collections.abc import Mapping as MappingOf
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, ValidationError

from coffea_fm.config import Config, config_error, read_yaml
from coffea_fm.errors import RecipeError
from coffea_fm.importers.weaver_onnx.preprocess import Preprocess
from coffea_fm.names import nearest
from coffea_fm.tokens.fields import Unit

FOLDER: Final = Path(__file__).parents[1] / "mappings"
_MOST_FAMILIES: Final = 8
_LONGEST_PATH: Final = 200
Padding = Literal["constant", "wrap"]


class ColumnInfo(Config):
    """A stored column without a canonical name.

    Parameters
    ----------
    unit : str
    missing : bool
        Whether tokens may have no value. A formula then sees 0, and ``missing(NAME)`` is true.
    """

    unit: Unit = "1"
    missing: bool = False


class Group(Config):
    """Variables of one kind of tokens, or of the jet itself.

    Parameters
    ----------
    tokens : str, optional
        The field of jets that holds the tokens, e.g. ``constituents``. By default the variables belong to the jet.
    select : str, optional
        Condition for a token to be read.
    order : str
        Formula by which tokens are sorted, descending; ``stored`` keeps the stored order.
    pad : {"constant", "wrap"} or dict of str to that
        How inputs are filled up: by the constant ``pad`` of each variable, or by repeating the tokens. A dict says it for
        some inputs by name. An input whose name ends with ``_mask`` is never repeated.
    minimum : int
        A jet with fewer selected tokens has no score.
    definitions : dict of str to str
        Names for parts of formulas.
    variables : dict of str to str
        The formula of each variable.
    columns : dict of str to ColumnInfo
        Stored columns that the formulas read and that have no canonical name.
    """

    tokens: str | None = None
    select: str | None = None
    order: str = "stored"
    pad: Padding | dict[str, Padding] = "constant"
    minimum: int = Field(default=0, ge=0)
    definitions: dict[str, str] = {}
    variables: dict[str, str] = Field(max_length=1000)
    columns: dict[str, ColumnInfo] = {}


class OutputInfo(Config):
    """Columns of the model's output that form one output of the bundle.

    Parameters
    ----------
    columns : tuple of str
        Their names in ``output_names``; by default all that no other output has.
    kind : {"detect", "probabilities", "logits", "values"}
        Logits get a softmax in the graph. By default it is found out whether they are probabilities.
    """

    columns: tuple[str, ...] = ()
    kind: Literal["detect", "probabilities", "logits", "values"] = "detect"


class Mapping(Config):
    """A mapping file.

    Parameters
    ----------
    description : str
        What the models are, and on which files they run.
    extends : str, optional
        Name of a shipped mapping, or path of one, from which everything not given here is taken.
    groups : dict of str to Group
    jet_columns : dict of str to ColumnInfo
        As `Group.columns`, for columns of jets.
    outputs : dict of str to OutputInfo
        By default, a single column and those whose names start with ``target_`` are the ``targets``, which are kept as
        they are, and all others the ``scores``.
    sums : dict of str to tuple of str
        Usual sums of scores, for the model card; those whose scores a model does not have are left out.
    preprocess : Preprocess, optional
        For families whose models come without a ``preprocess.json``.
    source, licence : str
        Where such models come from, and their licence, for the model card.
    """

    description: str
    extends: str | None = None
    groups: dict[str, Group] = Field(min_length=1, max_length=50)
    jet_columns: dict[str, ColumnInfo] = {}
    outputs: dict[str, OutputInfo] = {"scores": OutputInfo()}
    sums: dict[str, tuple[str, ...]] = {}
    preprocess: Preprocess | None = None
    source: str = ""
    licence: str = "unknown"


def families() -> list[str]:
    """Names of the shipped mappings."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_mapping(name: str | None) -> Mapping:
    """Read a mapping.

    Parameters
    ----------
    name : str or None
        Name of a shipped family, or the path of a YAML file.

    Raises
    ------
    RecipeError
        If there is none, it is not valid, or two groups have a variable of the same name.
    """
    if name is None:
        raise RecipeError(
            "an ONNX file needs a mapping, which says how its variables are computed from columns: give "
            f"--mapping with a YAML file or one of {', '.join(families())}"
        )
    content = _content(name, Path(), ())
    try:
        mapping = Mapping.model_validate(content)
    except ValidationError as error:
        raise RecipeError(f"mapping {name}: {config_error(error, Mapping)}") from error
    owner: dict[str, str] = {}
    for group, described in mapping.groups.items():
        for variable in described.variables:
            if variable in owner:
                raise RecipeError(
                    f"mapping {name}: the groups {owner[variable]!r} and {group!r} both have a variable {variable!r}: "
                    "rename one of them"
                )
            owner[variable] = group
    return mapping


def _content(name: str, folder: Path, before: tuple[str, ...]) -> dict[str, Any]:
    """The content of a mapping file, with all that it extends."""
    path = _find(name, folder)
    key = os.fspath(path.resolve())
    if key in before or len(before) >= _MOST_FAMILIES:
        raise RecipeError(f"the mapping {path} extends itself: remove one of the keys 'extends'")
    content = read_yaml(path, "mapping")
    if not isinstance(content, dict):
        raise RecipeError(f"the mapping {path} is not a YAML mapping: it must have the keys description and groups")
    base = content.get("extends")
    if base is None:
        return content
    if not isinstance(base, str) or len(base) > _LONGEST_PATH or not base.isprintable():
        raise RecipeError(f"the mapping {path} extends {str(base)[:80]!r}, which is not a file name")
    return _merged(_content(base, path.parent, (*before, key)), content)


def _merged(base: MappingOf[str, Any], other: MappingOf[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in other.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _find(name: str, folder: Path) -> Path:
    if name in families():
        return FOLDER / f"{name}.yaml"
    path = Path(name) if Path(name).is_absolute() else folder / name
    if path.is_file():
        return path
    if path.suffix in (".yaml", ".yml"):
        raise RecipeError(
            f"the mapping {name} does not exist: give the path of a file, or one of {', '.join(families())}"
        )
    raise RecipeError(f"there is no mapping {name!r}: {nearest(name, families(), 'shipped are')}")
