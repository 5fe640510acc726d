"""Store the histograms of a run in one file, with all axes, in the zip format of the unified histogram interface."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hist
import uhi.io.zip
from hist import BaseHist

from coffea_fm.errors import InputError

HISTOGRAMS = "histograms.zip"


def write_histograms(path: Path, histograms: Mapping[str, BaseHist[Any]]) -> dict[str, str]:
    """Write histograms by name; `read_histograms` reads them back.

    Returns
    -------
    dict of str to str
        Why a histogram could not be written, by name.
    """
    failed = {}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, histogram in histograms.items():
            try:
                with zipfile.ZipFile(io.BytesIO(), "w") as trial:
                    uhi.io.zip.write(trial, name, histogram)
            except Exception as error:  # noqa: BLE001 - each kind of axis and storage fails in its own way
                failed[name] = f"{type(error).__name__}: {error}"
                continue
            uhi.io.zip.write(file, name, histogram)
    return failed


def read_histograms(path: str | os.PathLike[str]) -> dict[str, hist.Hist[Any]]:
    """Read the histograms of a run, by name.

    Parameters
    ----------
    path : path-like
        ``histograms.zip``, or the folder of the run.

    Raises
    ------
    InputError
        If the file does not exist, or is not a histogram file.
    """
    where = Path(path)
    where = where / HISTOGRAMS if where.is_dir() else where
    try:
        with zipfile.ZipFile(where) as file:
            names = [name.removesuffix(".json") for name in file.namelist() if name.endswith(".json")]
            return {name: hist.Hist(uhi.io.zip.read(file, name)) for name in names}
    except (OSError, zipfile.BadZipFile) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"cannot read histograms from {where}, which coffea-fm run writes: {reason}") from error
