"""``preprocess.json``: how the inputs of a model are scaled, bounded and padded, as weaver and CMS write it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, ValidationError, model_validator

from coffea_fm.config import Config
from coffea_fm.errors import InputError
from coffea_fm.untrusted.json_text import parse_json
from coffea_fm.untrusted.local_files import read_file
from coffea_fm.untrusted.refused import Refused

MOST_TOKENS: Final = 4096
MOST_BYTES: Final = 16 * 2**20
_UNBOUNDED: Final = 1e32
Length = Annotated[int, Field(ge=0, le=MOST_TOKENS)]


class _Part(Config):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Scaling(_Part):
    """What happens to a variable: ``clip((x - median) * norm_factor, lower_bound, upper_bound)``.

    Parameters
    ----------
    median, norm_factor, lower_bound, upper_bound : float
    replace_inf_value : float
        Replaces numbers that are not finite, before scaling.
    pad : float
        Value of padded tokens, after scaling.
    """

    median: float = 0.0
    norm_factor: float = 1.0
    replace_inf_value: float = 0.0
    lower_bound: float = -_UNBOUNDED
    upper_bound: float = _UNBOUNDED
    pad: float = 0.0


class Input(_Part):
    """One input of a model.

    Parameters
    ----------
    var_names : tuple of str
        The variables, in order.
    var_infos : dict of str to Scaling
    min_length, max_length : int
        Number of tokens, including padding. A fixed number is written as ``var_length``; an input without one, or where
        it is null, has one value per jet.
    """

    var_names: tuple[str, ...] = Field(min_length=1, max_length=1000)
    var_infos: dict[str, Scaling] = {}
    var_length: Length | None = None
    min_length: Length | None = None
    max_length: Length | None = None

    @model_validator(mode="before")
    @classmethod
    def _fixed(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("var_length") is not None:
            fixed = given["var_length"]
            return {"min_length": fixed, "max_length": fixed, **given}
        return given

    @model_validator(mode="after")
    def _ordered(self) -> Input:
        if (self.min_length or 0) > (self.max_length or MOST_TOKENS):
            raise ValueError(f"min_length {self.min_length} is above max_length {self.max_length}")
        if self.max_length == 0:
            raise ValueError("max_length is 0")
        return self

    @property
    def of_jet(self) -> bool:
        """Whether the variables belong to the jet, not to tokens."""
        return self.max_length is None

    def scalings(self) -> list[Scaling]:
        """The scaling of each variable, in order."""
        return [self.var_infos.get(name, Scaling()) for name in self.var_names]


class Preprocess(_Part):
    """The content of ``preprocess.json``.

    Parameters
    ----------
    output_names : tuple of str
        Names of the columns of the output.
    input_names : tuple of str
        Names of the inputs, in order.
    inputs : dict of str to Input
        The inputs by name; in the file these are keys beside the others.
    """

    output_names: tuple[str, ...]
    input_names: tuple[str, ...] = Field(min_length=1, max_length=100)
    inputs: dict[str, Input]

    @model_validator(mode="before")
    @classmethod
    def _collect(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "inputs" in given:
            return given
        names = given.get("input_names", [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError("input_names is not a list of names")
        missing = [name for name in names if name not in given]
        if missing:
            raise ValueError(f"input_names lists {', '.join(map(repr, missing))}, which the file does not describe")
        outputs = given.get("output_names")
        return {
            "output_names": outputs if outputs is not None else [],
            "input_names": names,
            "inputs": {name: given[name] for name in names},
        }


def read_preprocess(path: Path) -> Preprocess:
    """Read a ``preprocess.json``.

    Raises
    ------
    InputError
        If it cannot be read, is not JSON, or does not describe the inputs of a model.
    """
    try:
        content = parse_json(read_file(path, MOST_BYTES))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except Refused as error:
        raise InputError(f"{path} is not a preprocess.json: {error}") from error
    try:
        return Preprocess.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "inputs")
        reason = first["msg"].removeprefix("Value error, ")
        raise InputError(
            f"{path} is not a preprocess.json of weaver: {where + ': ' if where else ''}{reason}"
        ) from error
