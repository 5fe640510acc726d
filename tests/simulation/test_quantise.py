from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from coffea_fm.simulation.quantise import quantise

finite = hnp.arrays(
    np.float32, st.integers(0, 20), elements=st.floats(-(2.0**60), 2.0**60, width=32, allow_subnormal=False)
)


@given(values=finite, bits=st.integers(4, 20))
def test_rounds_to_the_nearest_with_that_many_bits(values: np.ndarray, bits: int) -> None:
    found = quantise(values, bits)
    assert np.all(np.abs(found - values) <= 2.0 ** -(bits + 1) * np.abs(values))
    assert np.array_equal(quantise(found, bits), found)
    mantissa, _ = np.frexp(found)
    assert np.array_equal(mantissa * 2 ** (bits + 1), np.round(mantissa * 2 ** (bits + 1)))


@pytest.mark.parametrize("value", [0.0, -1.0, 1.0, 0.5, 500.0])
def test_short_numbers_stay(value: float) -> None:
    assert quantise(np.array([value]))[0] == value
