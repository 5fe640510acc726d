"""Store the histograms of a run in one file, with all axes, in the zip format of the unified histogram interface."""

from __future__ import annotations

import io
import math
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import hist
import uhi.io.zip
from hist import BaseHist
from uhi.io import ARRAY_KEYS

from coffea_fm.errors import InputError
from coffea_fm.untrusted.archives import Archive
from coffea_fm.untrusted.json_text import parse_json
from coffea_fm.untrusted.npy import read_npy
from coffea_fm.untrusted.refused import Refused

HISTOGRAMS = "histograms.zip"
MOST_BYTES: Final = 2**29
MOST_BINS: Final = 2**25


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
        archive = Archive(where, MOST_BYTES)
        names = [name.removesuffix(".json") for name in archive.names if name.endswith(".json")]
        return {name: _histogram(archive, name) for name in names}
    except (OSError, Refused) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"cannot read histograms from {where}, which coffea-fm run writes: {reason}") from error


def _histogram(archive: Archive, name: str) -> hist.Hist[Any]:
    """One histogram, if its axes have no more bins than fit into memory."""
    content = parse_json(archive.read(f"{name}.json"))
    try:
        parts = [content["storage"], *content["axes"]]
        for part in parts:
            for key in ARRAY_KEYS & part.keys():
                if isinstance(part[key], str):
                    part[key] = read_npy(archive.read(part[key]))
        if math.prod(map(_bins, content["axes"])) > MOST_BINS:
            raise Refused(f"the histogram {name[:80]!r} has more than {MOST_BINS} bins")
        return hist.Hist(content)
    except Refused:
        raise
    except Exception as error:  # the checks of hist and boost-histogram raise whatever fits
        raise Refused(f"the histogram {name[:80]!r} is damaged ({type(error).__name__}: {error})") from error


def _bins(axis: dict[str, Any]) -> int:
    counted = [len(axis[key]) for key in ("edges", "categories") if key in axis]
    return int(max([axis.get("bins", 0), *counted])) + 2
