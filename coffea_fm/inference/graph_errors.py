"""Turn what goes wrong inside the graphs of a bundle into one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from coffea_fm.errors import BundleError, CoffeaFMError, first_line


def run_graph(session: Any, outputs: Sequence[str], arrays: Mapping[str, Any]) -> list[Any]:
    """Run a graph on one batch.

    Raises
    ------
    BundleError
        If the graph cannot be run, or asks for more memory than there is.
    """
    try:
        return list(session.run(outputs, arrays))
    except CoffeaFMError:  # of a server
        raise
    except Exception as error:
        raise BundleError(
            f"a graph of the bundle failed: {first_line(error)}; export or import the model again"
        ) from error


@contextmanager
def described_shape(name: str, expected: tuple[int, ...], found: Any) -> Iterator[None]:
    """Say which output of a graph does not have the shape that the manifest says."""
    try:
        yield
    except (ValueError, TypeError, IndexError) as error:
        raise BundleError(
            f"a graph of the bundle returns {name!r} in the shape {np.shape(found)}, but the manifest says {expected} for "
            "each thing: export or import the model again"
        ) from error
