"""Methods in which a student learns to agree with a slowly moving teacher."""

from __future__ import annotations
