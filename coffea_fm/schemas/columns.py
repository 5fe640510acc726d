"""Columns computed from columns, value by value: units, weights, sentinels, particle identities.

A *leaf* is the form of a flat column (a field of a collection's record). Every operation here takes leaves or numbers
and returns a new leaf, which is computed only when it is read.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np
from coffea.nanoevents.util import concat

from coffea_fm.schemas.registry import PREFIX, Array, Form, Stack, flat, register

_PDG_CHARGE = {211: 1, 321: 1, 2212: 1, 11: -1, 13: -1, 15: -1}
_CHARGED_HADRON, _NEUTRAL_HADRON, _PHOTON = 211, 130, 22
_FORWARD_ELECTROMAGNETIC = 2


class Operation:
    """An element-wise function of columns, usable on forms.

    Parameters
    ----------
    function : callable
        Takes numpy arrays (n,) and floats, returns an array (n,).
    primitive : str
        Type of the result, a numpy dtype name.

    Examples
    --------
    >>> @operation("float32")
    ... def scaled(values, factor):
    ...     return values * factor
    >>> d0 = scaled(fields["d0"], 10.0)
    """

    def __init__(self, function: Callable[..., Array], primitive: str) -> None:
        self.function = function
        self.primitive = primitive
        self.arity = len(inspect.signature(function).parameters)
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__
        register(self._step, function)

    def __call__(self, *operands: Form | float) -> Form:
        """Return the leaf of the result.

        Parameters
        ----------
        *operands : leaf or float
            As many as the function takes.

        Returns
        -------
        leaf
            Leaf with the primitive type of the operation.
        """
        if len(operands) != self.arity:
            raise TypeError(f"{self.__name__} takes {self.arity} columns or numbers, not {len(operands)}")
        return leaf(self.primitive, *(_token(operand) for operand in operands), f"!{PREFIX}{self.__name__}")

    def _step(self, stack: Stack) -> None:
        operands = stack[-self.arity :]
        del stack[-self.arity :]
        values = [float(operand) if isinstance(operand, str) else flat(operand) for operand in operands]
        with np.errstate(all="ignore"):
            stack.append(np.asarray(self.function(*values)).astype(self.primitive, copy=False))


def operation(primitive: str) -> Callable[[Callable[..., Array]], Operation]:
    """Decorator that turns an element-wise numpy function into an operation on leaves."""
    return lambda function: Operation(function, primitive)


def leaf(primitive: str, *keys: str) -> Form:
    """The form of a flat column computed by the given steps, in order."""
    return {
        "class": "NumpyArray",
        "primitive": primitive,
        "inner_shape": [],
        "parameters": {},
        "form_key": concat(*keys),
    }


def _token(operand: Form | float) -> str:
    if not isinstance(operand, dict):
        return repr(float(operand))
    if operand["class"] != "NumpyArray":
        raise TypeError(f"a column of class {operand['class']} is not a leaf: apply operations before optional")
    return str(operand["form_key"])


def optional(values: Form, known: Form) -> Form:
    """A column with missing values.

    Parameters
    ----------
    values : leaf
        The numbers.
    known : leaf of int8
        1 if the number is valid, 0 if it is missing (None).

    Returns
    -------
    form
        Option-typed form; can be a field of a collection, and can be gathered.
    """
    return {
        "class": "ByteMaskedArray",
        "mask": "i8",
        "valid_when": True,
        "content": values,
        "parameters": {},
        "form_key": known["form_key"],
    }


@operation("float32")
def scaled(values: Array, factor: float) -> Array:
    """Multiply `values` by a number, e.g. to change units."""
    return values * np.float32(factor)


@operation("float32")
def product(first: Array, second: Array) -> Array:
    """Product of two columns, e.g. to apply a weight."""
    return first * second


@operation("float32")
def non_negative(values: Array) -> Array:
    """Replace negative numbers (rounded masses) by 0."""
    return np.maximum(values, 0)


@operation("float32")
def uncorrected(corrected: Array, raw_factor: Array) -> Array:
    """CMS: the momentum or mass before jet energy corrections, ``corrected * (1 - rawFactor)``."""
    return corrected * (1 - raw_factor)


@operation("int8")
def finite(values: Array) -> Array:
    """1 where the number is finite."""
    return np.isfinite(values)


@operation("int8")
def positive(values: Array) -> Array:
    """1 where the number is finite and above 0, i.e. an error is known."""
    return np.isfinite(values) & (values > 0)


@operation("int8")
def positive_index(index: Array) -> Array:
    """1 where a position is given, i.e. not negative."""
    return index >= 0


@operation("int8")
def differs(values: Array, sentinel: float) -> Array:
    """1 where the number is finite and not the sentinel."""
    return np.isfinite(values) & (values != sentinel)


@operation("int8")
def both(first: Array, second: Array) -> Array:
    """1 where both are 1."""
    return (first != 0) & (second != 0)


@operation("int64")
def where_equal(index: Array, tag: Array, value: float) -> Array:
    """`index` where `tag` equals `value`, else -1, to select references to one of several containers."""
    return np.where(tag == np.asarray(value).astype(np.asarray(tag).dtype), index, -1)


@operation("float32")
def charge_of_pdg_id(pdg_id: Array) -> Array:
    """Electric charge of ±211, ±321, ±2212, ±11, ±13, ±15; 0 for all others."""
    magnitude = np.abs(pdg_id)
    charge = np.zeros(len(pdg_id), np.float32)
    for species, sign in _PDG_CHARGE.items():
        charge[magnitude == species] = sign
    return charge * np.sign(pdg_id)


@operation("float32")
def canonical_pdg_id(pdg_id: Array, charge: Array) -> Array:
    """Particle identity in {±211, 130, 22, ±11, ±13}.

    Other charged particles are charged hadrons. Other neutrals are neutral hadrons, except CMS's electromagnetic
    deposits of the forward calorimeter (2), which are photons.
    """
    magnitude = np.abs(pdg_id)
    photon = (magnitude == _PHOTON) | (pdg_id == _FORWARD_ELECTROMAGNETIC)
    neutral = np.where(photon, _PHOTON, _NEUTRAL_HADRON)
    lepton = (magnitude == 11) | (magnitude == 13)
    return np.where(
        charge == 0, neutral, np.where(lepton, -np.sign(charge) * magnitude, np.sign(charge) * _CHARGED_HADRON)
    )


@operation("int64")
def local_index(offsets: Array) -> Array:
    """Position of each element in its own event, from the collection's offsets (n_events + 1)."""
    return np.arange(offsets[-1]) - np.repeat(offsets[:-1], np.diff(offsets))


def concatenated(*leaves: Form) -> Form:
    """Concatenate the columns of several collections, whole chunk by whole chunk (for `links_by_id`)."""
    return leaf(leaves[0]["primitive"], *(_token(one) for one in leaves), str(len(leaves)), f"!{PREFIX}concatenate")


@register
def concatenate(stack: Stack) -> None:
    """Join the last n columns: ``column, ..., n, !fm_concatenate``."""
    count = int(stack.pop())
    parts = [flat(part) for part in stack[-count:]]
    del stack[-count:]
    stack.append(np.concatenate(parts).astype(parts[0].dtype, copy=False))
