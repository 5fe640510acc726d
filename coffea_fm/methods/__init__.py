"""Methods of training a network: one file a method, by family, over shared parts; `table` lists them."""

from __future__ import annotations
