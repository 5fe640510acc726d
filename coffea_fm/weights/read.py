"""Read files written by ``torch.save`` without running any code in them."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch

from coffea_fm.errors import InputError

MOST_BYTES: Final = 2**31


def read_torch_file(path: Path) -> Mapping[str, Any]:
    """Read the content of a file: tensors, and plain values around them.

    Raises
    ------
    InputError
        If the file is larger than 2 GiB, damaged, or contains something other than named values.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} is larger than 2 GiB: give only the weights of the network")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            f"cannot read the weights {path} ({reason}): save them with torch.save(network.state_dict(), ...)"
        ) from error
    if not isinstance(content, Mapping):
        raise InputError(f"{path} is not a state dict of tensors: save it with torch.save(network.state_dict(), ...)")
    return content
