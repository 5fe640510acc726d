"""Settings that all methods with two augmented views of a jet share."""

from __future__ import annotations

import numpy as np

from coffea_fm.methods.method import MethodConfig
from coffea_fm.methods.parts.projector import ProjectorConfig
from coffea_fm.methods.parts.views import Changes, augment
from coffea_fm.methods.parts.views.rotation import Rotation
from coffea_fm.methods.parts.views.smearing import Smearing
from coffea_fm.methods.parts.views.splitting import Splitting
from coffea_fm.methods.parts.views.translation import Translation
from coffea_fm.tokens import Level, Packed


class TwoViewsConfig(MethodConfig):
    """Augmentations of the two views of a jet, and the projector.

    Parameters
    ----------
    first, second : tuple of Change
        Augmentations of the two views. The defaults are those of the public code of JetCLR: both views are rotated and
        translated, and the second one is also split and smeared.
    projector : ProjectorConfig
        Maps embeddings to the space in which the views are compared.
    """

    first: Changes = (Rotation(), Translation())
    second: Changes = (Rotation(), Splitting(), Smearing(), Translation())
    projector: ProjectorConfig = ProjectorConfig()

    def views(self, packed: Packed, level: Level, random: np.random.Generator) -> list[Packed]:
        """Make the two views of jets."""
        return [augment(packed, level, changes, random) for changes in (self.first, self.second)]
