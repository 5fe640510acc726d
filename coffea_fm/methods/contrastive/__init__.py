"""Methods that pull views of the same jet together and push other jets away."""

from __future__ import annotations
