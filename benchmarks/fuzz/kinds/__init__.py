"""All kinds of files that may come from somebody else."""

from __future__ import annotations

from kinds.bundles import KINDS as BUNDLES
from kinds.data import KINDS as DATA
from kinds.models import KINDS as MODELS

KINDS = {kind.name: kind for kind in (*BUNDLES, *MODELS, *DATA)}
