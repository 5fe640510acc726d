"""Longitudinal impact parameters relative to the primary vertex, for formats with another reference point."""

from __future__ import annotations

import numpy as np

from coffea_fm.schemas.columns import leaf, operation
from coffea_fm.schemas.links import offsets_of
from coffea_fm.schemas.registry import PREFIX, Array, Form, Stack, flat, indices, register
from coffea_fm.schemas.resolve import event_of


def primary_z(vertices: Form, z: Form, score: Form, track_offsets: str) -> Form:
    """Return z of the event's vertex with the highest positive score, for each track; NaN if there is none.

    Parameters
    ----------
    vertices : form
        Collection of the vertices.
    z, score : leaf
        Two of its columns.
    track_offsets : str
        Key of the offsets of the tracks by event.

    Returns
    -------
    leaf
        float32, one number a track.
    """
    keys = (offsets_of(vertices), z["form_key"], score["form_key"], track_offsets)
    return leaf("float32", *keys, f"!{PREFIX}primary_vertex")


@register
def primary_vertex(stack: Stack) -> None:
    """Steps of `primary_z`: ``offsets, z, score, offsets of tracks, !fm_primary_vertex``."""
    track_offsets = indices(stack.pop())
    offsets, z, score = indices(stack[-3]), flat(stack[-2]), flat(stack[-1])
    ascending = np.argsort(score, kind="stable")
    ascending = ascending[score[ascending] > 0]
    position = np.full(len(offsets) - 1, np.nan, np.float32)
    position[event_of(offsets)[ascending]] = z[ascending]
    stack[-3:] = [position[event_of(track_offsets)]]


@operation("float32")
def difference(first: Array, second: Array) -> Array:
    """First minus second."""
    return first - second


@operation("int8")
def equals(values: Array, number: float) -> Array:
    """1 where the value is the number."""
    return values == number
