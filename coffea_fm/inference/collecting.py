"""The collector whose examples a bundle can be fine-tuned on."""

from __future__ import annotations

import os
from dataclasses import replace

from coffea_fm.bundle.manifest import Manifest
from coffea_fm.shards.collect import Collector, shard_folder
from coffea_fm.shards.collect_events import EventCollector
from coffea_fm.tokens.fields import Field


def matching_collector(
    manifest: Manifest, folder: str | os.PathLike[str], classes: tuple[str, ...]
) -> Collector | EventCollector:
    """Collect the inputs of a bundle: of events, if it is one of events; without the ranges that it was trained on."""
    inputs, path = manifest.inputs, shard_folder(folder)
    groups = tuple(replace(group, fields=_without_range(group.fields)) for group in inputs.groups)
    plain = replace(inputs, groups=groups, jet=_without_range(inputs.jet))
    if (read := manifest.collection) is None:
        return Collector(path, plain, classes)
    return EventCollector(path, plain, replace(read, fields=_without_range(read.fields)), classes)


def _without_range(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    return tuple(replace(field, trained=None) for field in fields)
