"""The recipe: one YAML file that says all there is to a training, validated before anything runs."""

from __future__ import annotations

import os
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from coffea_fm.config import read_config
from coffea_fm.methods.table import MethodConfig
from coffea_fm.nn.build import BackboneConfig, HeadConfig
from coffea_fm.tokens import InputSpec
from coffea_fm.tokens.spec import with_truth
from coffea_fm.training.recipe.inputs import EventConfig
from coffea_fm.training.recipe.sections import DataConfig, InputsConfig, Section, TrainingConfig
from coffea_fm.training.recipe.start import StartConfig

HEADS = {
    "supervised": ("classification",),
    "cwola": ("classification",),
    "regression": ("regression",),
    "tokens": ("tokens",),
    "pairs": ("pairs",),
    "event-classification": ("deep-sets", "event-transformer"),
}
"""The kinds of head that a method can train, the usual one first; methods that are not here have none."""


class Recipe(Section):
    """All there is to a training.

    Parameters
    ----------
    name : str
        Of the run, and the folder it goes to.
    inputs, backbone, method, training, data : object
        See the documentation of each.
    event : EventConfig, optional
        The jets of each event, for the method ``event-classification``.
    head : HeadConfig, optional
        What stands on the backbone; for supervised methods a linear one by default, for events DeepSets, for others
        there is none.
    start : StartConfig, optional
        A checkpoint to start from, and how its backbone is trained on; random weights by default.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    inputs: InputsConfig
    event: EventConfig | None = None
    backbone: BackboneConfig
    head: HeadConfig | None = None
    method: MethodConfig
    start: StartConfig | None = None
    training: TrainingConfig
    data: DataConfig

    @model_validator(mode="before")
    @classmethod
    def _head_of_the_method(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        method, head = given.get("method"), given.get("head")
        kind = method.get("kind") if isinstance(method, dict) else getattr(method, "kind", None)
        wanted = HEADS.get(str(kind))
        if wanted is None or not isinstance(head, dict | None):
            return given
        return given | {"head": {"kind": wanted[0], **(head or {})}}

    @model_validator(mode="before")
    @classmethod
    def _classes_of_events_are_equal(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("event") is None or not isinstance(given.get("data"), dict):
            return given
        return given | {"data": {"reweight": {}, **given["data"]}}

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        self.inputs.spec()
        wanted = HEADS.get(self.method.kind)
        if wanted and self.head and self.head.kind not in wanted:
            needed = " or ".join(wanted)
            raise ValueError(f"head.kind: the method {self.method.kind} needs the head {needed}, not {self.head.kind}")
        if (self.event is not None) != (self.method.kind == "event-classification"):
            raise ValueError("event: this section and the method event-classification belong together")
        if self.event is not None:
            self.event.spec()
        return self

    @property
    def data_spec(self) -> InputSpec:
        """What is read of the shards: the inputs, and fields of the tokens that only the loss reads."""
        names = getattr(self.head, "truth_fields", ())
        return with_truth(self.inputs.spec(), names)


def load_recipe(path: str | os.PathLike[str]) -> Recipe:
    """Read a recipe and check it.

    Raises
    ------
    RecipeError
        If the file cannot be read, has keys that nobody reads, or values out of range: names the key.
    """
    return read_config(path, Recipe, "recipe")
