"""Losses of self-supervised methods, per jet where possible, always in single precision."""

from __future__ import annotations
