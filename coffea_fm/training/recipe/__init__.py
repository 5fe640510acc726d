"""The recipe of a training: one YAML file, validated before anything runs."""

from __future__ import annotations
