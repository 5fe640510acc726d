"""Register steps of coffea's form-key language, with which the columns of files are computed.

A column of coffea's is a form whose ``form_key`` is a small program in reverse Polish notation, e.g.
``PFCands_d0,!load,!content,10.0,!fm_scaled``. coffea looks the steps (``!name``) up on its own ``transforms`` module,
in every process that opens a file; importing this package registers ours there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import awkward as ak
import numpy as np
import numpy.typing as npt
from coffea.nanoevents import transforms

Form: TypeAlias = dict[str, Any]
Stack: TypeAlias = list[Any]
Array: TypeAlias = Any
"""A numpy array (n,): arithmetic on arrays of any dtype is untyped."""

PREFIX = "fm_"


_MODULE_OF: dict[str, str] = {}


def register(step: Callable[[Stack], None], function: Callable[..., Any] | None = None) -> Callable[[Stack], None]:
    """Make a function over the stack known to coffea as the step ``!fm_<its name>``.

    Parameters
    ----------
    step : callable
        Takes its operands from the end of the stack and leaves its result there.
    function : callable, optional
        Whose name the step has; by default its own.
    """
    function = function or step
    name, module = function.__name__, function.__module__
    if _MODULE_OF.setdefault(name, module) != module:
        raise RuntimeError(f"the step {name} of {module} exists in {_MODULE_OF[name]} already: rename one of them")
    setattr(transforms, PREFIX + name, step)
    return step


def flat(operand: Any) -> npt.NDArray[Any]:
    """A popped operand as a one-dimensional numpy array.

    Parameters
    ----------
    operand : ak.Array, awkward content, awkward index or numpy.ndarray
        What a previous step left on the stack.

    Returns
    -------
    numpy.ndarray
        Shape (n,).
    """
    if isinstance(operand, ak.index.Index):
        return np.asarray(operand.data)
    if isinstance(operand, (ak.Array, ak.contents.Content)):
        return np.asarray(ak.to_numpy(operand))
    return np.asarray(operand)


def indices(operand: Any) -> npt.NDArray[np.int64]:
    """A popped operand as int64 numbers."""
    return flat(operand).astype(np.int64, copy=False)
