"""Compute limits from the histograms of a run: the function behind ``coffea-fm limit``."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from coffea_fm.errors import warn
from coffea_fm.files import atomic, prepare_folder
from coffea_fm.plots.style import save
from coffea_fm.shipped import shipped
from coffea_fm.statistics.analysis import Analysis, prepare
from coffea_fm.statistics.draw import Figures, figures
from coffea_fm.statistics.inputs import read_inputs
from coffea_fm.statistics.postfit import yield_tables
from coffea_fm.statistics.progress import showing_progress, tracked
from coffea_fm.statistics.results import SignalResult
from coffea_fm.statistics.settings import FitSettings, read_settings
from coffea_fm.statistics.summary import describe, summarise

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Limits:
    """Limits on one or more signals; prints a summary.

    Parameters
    ----------
    analysis : Analysis
        Inputs, background prediction and its closure.
    signals : dict of str to SignalResult
        Limit, fits, ranking and workspace of each signal.
    written : tuple of Path
        Files that `limit` wrote.
    """

    analysis: Analysis
    signals: dict[str, SignalResult]
    written: tuple[Path, ...] = ()

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Everything as plain numbers: the content of ``limits.json``."""
        return summarise(self.analysis, self.signals)

    def __repr__(self) -> str:
        return describe(self.summary)

    def figures(self) -> Figures:
        """Draw all figures one by one, with their names."""
        return figures(self.analysis, self.signals)

    def write(self, output: PathLike) -> list[Path]:
        """Write summary, workspaces, tables and figures.

        Parameters
        ----------
        output : path-like
            Output folder.

        Returns
        -------
        list of Path
            The files written.
        """
        folder = Path(output)
        workspaces = {f"workspace_{name}": result.workspace for name, result in self.signals.items()}
        texts = {
            f"{name}.json": json.dumps(content, indent=1, allow_nan=False) + "\n"
            for name, content in {"limits": self.summary, **workspaces}.items()
        }
        for name, result in self.signals.items():
            texts[f"{name}_yields.txt"] = yield_tables(result.likelihood, result.postfit, observe=self.analysis.observe)
        for name, text in texts.items():
            with atomic(folder / name) as temporary:
                temporary.write_text(text, encoding="utf-8")
        drawn = [path for name, figure in self.figures() for path in save(figure, folder / name)]
        return [*(folder / name for name in texts), *drawn]


def limit(
    analysed: PathLike | Sequence[PathLike],
    *,
    signal: str | Sequence[str],
    settings: PathLike | FitSettings = "hh4b/limit",
    output: PathLike | None = None,
    observe: bool = False,
    luminosity: float | None = None,
    injections: int = 0,
    seed: int = 0,
    show_progress: bool = True,
) -> Limits:
    """Fit the histograms of an analysis: expected limit, ranking, closure of the background.

    Parameters
    ----------
    analysed : path-like, or sequence of them
        Folders written by `coffea_fm.run`, e.g. one of simulation and one of data.
    signal : str or sequence of str
        Signal processes.
    settings : path-like or FitSettings
        Regions and uncertainties: a YAML file, or the name of a shipped one.
    output : path-like, optional
        Folder to write `Limits` to.
    observe : bool
        Unblind: use the data in the signal regions.
    luminosity : float, optional
        Luminosity in fb⁻¹ to scale simulation and pseudo-data to; by default that of the run.
    injections : int
        Number of toys to fit without signal, with a signal at the expected limit, and with a signal at twice the limit.
    seed : int
        Random seed of the toys, and of the counts drawn from weighted pseudo-data.
    show_progress : bool
        Show progress bars with the remaining time.

    Raises
    ------
    InputError
        If the histograms are missing, or cannot be fitted.
    RecipeError
        If the settings are not valid.

    Warns
    -----
    InputWarning
        For caveats before a limit is quoted: an invalid approximation, a poor fit, a missing part of a sample.
    """
    folders = [Path(analysed)] if isinstance(analysed, str | os.PathLike) else list(map(Path, analysed))
    names = [signal] if isinstance(signal, str) else list(dict.fromkeys(signal))
    chosen = settings if isinstance(settings, FitSettings) else read_settings(_path_of(settings))
    inputs = read_inputs(folders, chosen, seed, luminosity)
    if output is not None:
        prepare_folder(Path(output))
    analysis = prepare(inputs, chosen, observe=observe, seed=seed)
    with showing_progress() if show_progress else nullcontext():
        fits = {name: analysis.fit(name, injections=injections, seed=seed) for name in tracked(names, "signals")}
    found = Limits(analysis, fits)
    for remark in found.summary["remarks"]:
        warn(remark)
    return found if output is None else replace(found, written=tuple(found.write(output)))


def _path_of(settings: PathLike) -> Path:
    path = Path(settings)
    return path if path.suffix else shipped("processors", f"{path}.yaml")
