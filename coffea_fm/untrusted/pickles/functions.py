"""Functions in pickles are never made: something inert takes their place."""

from __future__ import annotations

from typing import Any, NoReturn

from coffea_fm.errors import InputError


class FunctionLeftOut:
    """Stands for a function of a pickle, such as the ``lambda`` of a default dictionary."""

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        """Say that there is no function, and what to do."""
        raise InputError(
            "a default dictionary that was read from a file makes new entries with a function, which is not read from "
            "files: use setdefault, or a class such as int or dict instead of a lambda"
        )

    def __reduce__(self) -> tuple[type[FunctionLeftOut], tuple[()]]:
        return FunctionLeftOut, ()


def make_nothing(*_: Any, **__: Any) -> FunctionLeftOut:
    """What all that cloudpickle does to rebuild a function gives here."""
    return FunctionLeftOut()


CLOUDPICKLE = frozenset(
    {
        *("_make_function", "_function_setstate", "_builtin_type", "_make_cell", "_make_empty_cell", "_cell_set"),
        *("subimport", "_get_cell_contents", "_empty_cell_value", "_class_setstate"),
    }
)
"""Names in ``cloudpickle.cloudpickle`` that belong to functions."""
