"""Say in every error about jets which model it was, and which collection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import awkward as ak

from coffea_fm.errors import InputError
from coffea_fm.inference.fitting import instead
from coffea_fm.inference.trace import collection
from coffea_fm.tokens import Level


@contextmanager
def named(model: str, levels: Sequence[Level], jets: ak.Array) -> Iterator[None]:
    """Add the model and the collection to every error about the jets, and the bundles that fit them instead."""
    try:
        yield
    except InputError as error:
        raise InputError(f"bundle {model!r} on {collection(jets)}: {error}{instead(jets, levels)}") from error
