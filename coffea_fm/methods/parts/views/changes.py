"""All changes by name, one after another."""

from __future__ import annotations

from collections.abc import Sequence
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
from coffea_fm.tokens import InputSpec, PackedSets

Change = Annotated[
    Clustering | Dropping | Reflection | Resolution | Rotation | Smearing | Splitting | Subset | Translation,
    Field(discriminator="kind"),
]
Changes = tuple[Change, ...]


def augment(packed: PackedSets, spec: InputSpec, changes: Sequence[Change], random: np.random.Generator) -> PackedSets:
    """Jets after these changes, one after another."""
    for change in changes:
        packed = change(packed, spec, random)
    return packed
