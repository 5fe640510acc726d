"""All augmentations by name, and their composition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field

from coffea_fm.methods.parts.views.clustering import Clustering
from coffea_fm.methods.parts.views.dropping import Dropping
from coffea_fm.methods.parts.views.reflection import Reflection
from coffea_fm.methods.parts.views.resolution import Resolution
from coffea_fm.methods.parts.views.rotation import Rotation
from coffea_fm.methods.parts.views.smearing import Smearing
from coffea_fm.methods.parts.views.splitting import Splitting
from coffea_fm.methods.parts.views.subset import Subset
from coffea_fm.methods.parts.views.translation import Translation
from coffea_fm.tokens import Level, Packed

Change = Annotated[
    Clustering | Dropping | Reflection | Resolution | Rotation | Smearing | Splitting | Subset | Translation,
    Field(discriminator="kind"),
]
Changes = tuple[Change, ...]


def augment(packed: Packed, level: Level, changes: Sequence[Change], random: np.random.Generator) -> Packed:
    """Apply augmentations to jets, one after another.

    The things may be jets, whose members are tokens, or contain jets at a lower level.
    """
    below = [member for member in level.members if member.members]
    if below:
        changed = dict(packed.members)
        for member in below:
            jets = augment(changed[member.name].things, member, changes, random)
            changed[member.name] = replace(changed[member.name], things=jets)
        return replace(packed, members=changed)
    for change in changes:
        packed = change(packed, level, random)
    return packed
