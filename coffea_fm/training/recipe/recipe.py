"""The recipe: one YAML file that says all there is to a training, validated before anything runs."""

from __future__ import annotations

import os
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from coffea_fm.config import Config, read_config
from coffea_fm.methods.table import AnyMethodConfig, method_named
from coffea_fm.nn.backbones import AnyBackboneConfig
from coffea_fm.nn.checkpoint import NetworkConfig
from coffea_fm.nn.heads import AnyHeadConfig, JetHeadConfig
from coffea_fm.tokens import Level
from coffea_fm.tokens.levels import with_truth
from coffea_fm.training.recipe.inputs import EventConfig, InputsConfig
from coffea_fm.training.recipe.sections import DataConfig, TrainingConfig
from coffea_fm.training.recipe.start import StartConfig

EVENT_DEFAULTS: dict[str, dict[str, Any]] = {"data": {"reweight": {}}, "training": {"batch_size": 256}}
"""Where a recipe of events differs: weights make its classes equal, and steps count events."""


class Recipe(Config):
    """All there is to a training.

    Parameters
    ----------
    name : str
        Of the run, and the folder it goes to.
    inputs, backbone, method, training, data : object
        See the documentation of each.
    event : EventConfig, optional
        The jets of each event, for a model of events; `inputs` is then what the backbone reads of each of them.
    head : HeadConfig, optional
        What stands on the backbone; by default the usual one of the method, if it trains any.
    start : StartConfig, optional
        A checkpoint to start from, and how its backbone is trained on; random weights by default.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    inputs: InputsConfig
    event: EventConfig | None = None
    backbone: AnyBackboneConfig
    head: AnyHeadConfig | None = None
    method: AnyMethodConfig
    start: StartConfig | None = None
    training: TrainingConfig
    data: DataConfig

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, given: Any) -> Any:
        """Fill in the usual head of the method, and what is usual for events."""
        if not isinstance(given, dict):
            return given
        filled = dict(given)
        if given.get("event") is not None:
            for section, defaults in EVENT_DEFAULTS.items():
                if isinstance(given.get(section), dict):
                    filled[section] = {**defaults, **given[section]}
        method, head = given.get("method"), given.get("head")
        config = method_named(method.get("kind")) if isinstance(method, dict) else None
        kinds = config.heads.get(_top(given.get("event")), ()) if config else ()
        if kinds and isinstance(head, dict | None):
            filled["head"] = {"kind": kinds[0], **(head or {})}
        return filled

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        method, top = self.method, _top(self.event)
        if top not in method.heads:
            raise ValueError(f"event: the method {method.kind} is one of {' and '.join(method.heads)}s, not of {top}s")
        kinds, head = method.heads[top], self.head
        if kinds and head and head.kind not in kinds:
            needed = " or ".join(kinds)
            raise ValueError(f"head.kind: the method {method.kind} needs the head {needed} for {top}s, not {head.kind}")
        if len(self.inputs.groups) > 1 and not method.several_groups:
            listed = ", ".join(self.inputs.groups)
            raise ValueError(f"inputs.groups: the method {method.kind} works on one group of tokens, not on {listed}")
        self.level  # noqa: B018 -- raises where names or numbers of the inputs are wrong
        return self

    @property
    def level(self) -> Level:
        """What the model reads."""
        jets = self.inputs.build()
        return jets if self.event is None else self.event.build(jets, getattr(self.head, "fields", ()))

    @property
    def data_level(self) -> Level:
        """What is read of the shards: the inputs, and fields of the tokens that only the loss reads."""
        truth = () if self.head is None else self.head.truth_fields
        return with_truth(self.level, truth) if truth else self.level

    def network(self, classes: tuple[str, ...], jet_head: JetHeadConfig | None = None) -> NetworkConfig:
        """The network to train, for data of these classes."""
        return NetworkConfig(
            level=self.level, backbone=self.backbone, head=self.head, classes=classes, jet_head=jet_head
        )


def load_recipe(path: str | os.PathLike[str]) -> Recipe:
    """Read a recipe and check it.

    Raises
    ------
    RecipeError
        If the file cannot be read, has keys that nobody reads, or values out of range: names the key.
    """
    return read_config(path, Recipe, "recipe")


def _top(event: object) -> str:
    return "jet" if event is None else "event"
