"""The recipe: one YAML file that fully describes a training, validated before anything runs."""

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
"""Defaults for events: classes are weighted equally, and the batch size is in events."""


class Recipe(Config):
    """Complete description of a training.

    Parameters
    ----------
    name : str
        Name of the run and its folder.
    inputs, backbone, method, training, data : object
        See the documentation of each.
    event : EventConfig, optional
        The jets of each event, for an event model; `inputs` then describes each of these jets.
    head : HeadConfig, optional
        The head; by default the first one that the method supports, if it trains one.
    start : StartConfig, optional
        A checkpoint to start from, and how to fine-tune its backbone; random weights by default.
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
        """Fill in the default head of the method, and the defaults for events."""
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
            raise ValueError(f"event: the method {method.kind} supports {' and '.join(method.heads)}s, not {top}s")
        kinds, head = method.heads[top], self.head
        if kinds and head and head.kind not in kinds:
            needed = " or ".join(kinds)
            raise ValueError(f"head.kind: the method {method.kind} needs the head {needed} for {top}s, not {head.kind}")
        if len(self.inputs.groups) > 1 and not method.several_groups:
            listed = ", ".join(self.inputs.groups)
            raise ValueError(f"inputs.groups: the method {method.kind} supports one group of tokens, not {listed}")
        self.level  # noqa: B018 -- raises if names or numbers of the inputs are wrong
        return self

    @property
    def level(self) -> Level:
        """Inputs of the model."""
        jets = self.inputs.build()
        return jets if self.event is None else self.event.build(jets, getattr(self.head, "fields", ()))

    @property
    def data_level(self) -> Level:
        """What to read from the shards: the inputs, token fields that only the loss needs, and what the method adds."""
        truth = () if self.head is None else self.head.truth_fields
        return self.method.reads(with_truth(self.level, truth) if truth else self.level)

    def network(self, classes: tuple[str, ...], jet_head: JetHeadConfig | None = None) -> NetworkConfig:
        """Describe the network to train, for data with these classes."""
        return NetworkConfig(
            level=self.level, backbone=self.backbone, head=self.head, classes=classes, jet_head=jet_head
        )


def load_recipe(path: str | os.PathLike[str]) -> Recipe:
    """Read and validate a recipe.

    Raises
    ------
    RecipeError
        If the file cannot be read, or has unknown keys or invalid values; the message names the key.
    """
    return read_config(path, Recipe, "recipe")


def _top(event: object) -> str:
    return "jet" if event is None else "event"
