"""Schemas: longitudinal impact parameters from the primary vertex."""

from __future__ import annotations

import numpy as np

from coffea_fm.schemas.primary_vertex import primary_vertex


def test_each_track_gets_the_best_vertex_of_its_event():
    z = np.array([1.0, 2.0, 3.0, 4.0, 5.0], np.float32)
    score = np.array([10.0, 30.0, 20.0, 0.0, 7.0])
    stack = [np.array([0, 3, 3, 4, 5]), z, score, np.array([0, 2, 3, 4, 6])]
    primary_vertex(stack)
    np.testing.assert_array_equal(stack, [[2, 2, np.nan, np.nan, 5, 5]])


def test_no_events():
    stack = [np.array([0]), np.zeros(0, np.float32), np.zeros(0), np.array([0])]
    primary_vertex(stack)
    assert len(stack[0]) == 0
