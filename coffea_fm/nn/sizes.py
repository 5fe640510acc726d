"""Sizes in the configurations of networks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Width = Annotated[int, Field(gt=0, le=16_384)]
"""Number of channels."""
Count = Annotated[int, Field(gt=0, le=256)]
"""Number of layers, heads, or other parts."""
