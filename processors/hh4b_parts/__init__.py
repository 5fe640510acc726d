"""The parts of `hh4b`: copy the folder together with the processor."""

from __future__ import annotations
