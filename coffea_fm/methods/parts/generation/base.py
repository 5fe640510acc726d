"""Base classes of all methods that can generate jets, whatever they generate them from."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from coffea_fm.errors import RecipeError
from coffea_fm.files import atomic
from coffea_fm.methods.method import Method, MethodConfig
from coffea_fm.methods.parts.generation.sampling import SamplingConfig
from coffea_fm.nn.checkpoint import save_tensors
from coffea_fm.nn.inputs import Inputs
from coffea_fm.nn.model import Model
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import Level, Packed

GENERATOR = "generator"
"""Stem of the two files next to a checkpoint with what generation needs in addition to it."""


class JetGeneratorConfig(MethodConfig):
    """Base class of configurations of methods that can generate jets."""

    several_groups: ClassVar = False


class JetGenerator(Method):
    """A method that can generate jets.

    Parameters
    ----------
    config : JetGeneratorConfig
    model : Model

    Attributes
    ----------
    of_jets : bool
        Whether jets are generated for given jets.
    n_classes : int
        Number of classes that one can ask for; 0 if the method does not know them.
    types : bool
        Whether particles have types.
    elsewhere : tuple of str
        Beginnings of the names of weights that `describe` does not write, because they are in another file.
    """

    of_jets: ClassVar[bool]
    elsewhere: ClassVar[tuple[str, ...]] = ("model.",)
    n_classes: int = 0
    types: bool

    def __init__(self, config: JetGeneratorConfig, model: Model) -> None:
        super().__init__(model)
        self.config = config

    def check_classes(self, data: ShardDataset) -> None:
        """Refuse data with another number of classes than the method was told of.

        Raises
        ------
        RecipeError
        """
        if self.n_classes not in (0, len(data.classes)):
            raise RecipeError(
                f"method.classes is {self.n_classes}, but {data.folder} has {len(data.classes)}: {', '.join(data.classes)}"
            )

    def generated_level(self) -> Level:
        """What is known of generated jets."""
        raise NotImplementedError

    def generate(self, jets: Inputs, classes: Tensor | None, config: SamplingConfig, random: torch.Generator) -> Packed:
        """Generate one jet for each of these."""
        raise NotImplementedError

    def decoded(self, jets: Inputs) -> Packed | None:  # noqa: ARG002
        """The particles of these jets after they were turned into codes and back; None if there are no codes."""
        return None

    def describe(self, folder: Path) -> None:
        """Write what generation needs: the method and its weights."""
        kept = {name: part for name, part in self.state_dict().items() if not name.startswith(self.elsewhere)}
        save_tensors(folder / f"{GENERATOR}.safetensors", kept)
        with atomic(folder / f"{GENERATOR}.json") as temporary:
            temporary.write_text(self.config.model_dump_json(indent=1) + "\n", encoding="utf-8")
