"""A flow from noise to the momenta of all particles of a jet, over the body of a PET2."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from pydantic import PositiveInt
from torch import Tensor

from coffea_fm.errors import RecipeError
from coffea_fm.methods.parts.flow_matching import flow, integrate
from coffea_fm.methods.parts.generation.base import GENERATOR, JetGenerator, JetGeneratorConfig
from coffea_fm.methods.parts.generation.moved import moved_jets, moved_level
from coffea_fm.methods.parts.generation.sampling import SamplingConfig
from coffea_fm.nn.backbones.pet2 import PET2, Body
from coffea_fm.nn.batches import Batch
from coffea_fm.nn.blocks.pet2_generator import PetGenerator
from coffea_fm.nn.checkpoint import load_tensors
from coffea_fm.nn.features.omnilearned import OmniLearnedOutput
from coffea_fm.nn.inputs import Inputs
from coffea_fm.nn.model import Model
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import Level, Packed

MEAN, WIDTH = (0.0, 0.0, 1.11398, 1.43384), (0.270949, 0.27426, 1.30273, 1.33559)
"""Of the noise, for Δη, Δφ, ln pT and ln E, in the public code of OmniLearned (arXiv:2510.24066)."""
OUT = "generator.out."


class FlowConfig(JetGeneratorConfig):
    """Settings of methods that learn to generate by a flow; their backbone is a ``pet2`` with ``time: true``.

    Parameters
    ----------
    steps : int
        Number of steps of the midpoint rule when jets are generated; each runs the network twice.
    """

    steps: PositiveInt = 32


class FlowGenerator(JetGenerator):
    """The generator of OmniLearned (arXiv:2510.24066), its loss, and how jets are generated.

    The loss is the squared error of the velocity ``ε - x``, summed over Δη, Δφ, ln pT and ln E, and averaged over the
    particles of a jet. The class, the number of particles, their types and their impact parameters are given.

    Parameters
    ----------
    config : FlowConfig
    model : Model
    n_classes : int
        Number of classes to condition on; 0 for none.

    Raises
    ------
    RecipeError
        If the backbone is not a ``pet2`` with ``time: true``.
    """

    of_jets = True
    config: FlowConfig
    mean: Tensor
    width: Tensor

    def __init__(self, config: FlowConfig, model: Model, n_classes: int) -> None:
        super().__init__(config, model)
        if not isinstance(model.backbone, PET2) or not model.backbone.config.time:
            raise RecipeError("this method learns a flow with the backbone: {kind: pet2, time: true}; choose that one")
        size = model.backbone.config
        self.n_classes, self.types = n_classes, size.features != "kinematic"
        sizes = size.dim, size.heads, size.feed_forward, size.class_layers
        self.generator = PetGenerator(*sizes, n_classes, len(MEAN))
        self.register_buffer("mean", torch.tensor(MEAN), persistent=False)
        self.register_buffer("width", torch.tensor(WIDTH), persistent=False)

    @property
    def backbone(self) -> PET2:
        """The backbone of the model."""
        return cast("PET2", self.model.backbone)

    def start_from(self, folder: Path) -> None:
        """Take over the generator of a checkpoint, as far as it fits, but for its last layer."""
        if (folder / f"{GENERATOR}.safetensors").is_file():
            own, (theirs, _) = self.state_dict(), load_tensors(folder / f"{GENERATOR}.safetensors")
            fit = {name: part for name, part in theirs.items() if name in own and part.shape == own[name].shape}
            self.load_state_dict({name: part for name, part in fit.items() if not name.startswith(OUT)}, strict=False)

    def prepare(self, data: ShardDataset, seed: int) -> None:  # noqa: ARG002
        """Check the number of classes."""
        self.check_classes(data)

    def noise(self, numbers: Tensor, mask: Tensor) -> Tensor:
        """Standard normal numbers to noise of the width of the data; 0 for padding."""
        return (self.mean + self.width * numbers) * mask.unsqueeze(-1)

    def velocity(self, body: Body, classes: Tensor | None) -> Tensor:
        """Velocity of the particles from the body at its time, float32 [jets, particles, 4]."""
        found: Tensor = self.generator(body.vectors, body.mask, body.n_before, classes)
        return found.float()

    def noised(self, found: OmniLearnedOutput) -> tuple[Body, Tensor, Tensor]:
        """The body at random times, these times [jets], and the true velocity of the particles."""
        kinematics = found.kinematics
        time = torch.rand_like(kinematics[:, 0, 0])
        noise = self.noise(torch.randn_like(kinematics), found.mask)
        mixed, velocity = flow(kinematics, noise, time[:, None, None])
        return self.backbone.body(found._replace(kinematics=mixed), time), time, velocity

    def flow_loss(self, body: Body, velocity: Tensor, part: Batch) -> Tensor:
        """Loss of each jet, float32 [jets]."""
        squares = (self.velocity(body, part.columns.get("target")) - velocity).square().sum(dim=(1, 2))
        return squares / part.inputs.tokens.mask.sum(dim=1).clamp(min=1)

    def generated_level(self) -> Level:
        """Momenta, and what else the network reads of a particle."""
        return moved_level(self.backbone.level, types=self.types)

    @torch.no_grad()
    def generate(self, jets: Inputs, classes: Tensor | None, config: SamplingConfig, random: torch.Generator) -> Packed:
        """Give the particles of these jets new momenta; their number, types and impact parameters are kept."""
        config.refuse_temperature()
        found = self.backbone.features(jets)
        noise = self.noise(torch.randn(found.kinematics.shape, generator=random), found.mask)

        def velocity(kinematics: Tensor, time: Tensor) -> Tensor:
            return self.velocity(self.backbone.body(found._replace(kinematics=kinematics), time), classes)

        kinematics = integrate(velocity, noise, self.config.steps)
        return moved_jets(jets, self.backbone.level, kinematics, self.generated_level())
