"""Quality of a tokenizer: how many codes it uses, how evenly, and how well they describe the particles."""

from __future__ import annotations

from typing import Any, NamedTuple

import hist
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coffea_fm.arrays import DoubleArray, IntArray
from coffea_fm.methods.parts.tokenizers.fields import unit_of
from coffea_fm.methods.parts.tokenizers.load import Tokenizer
from coffea_fm.methods.parts.tokenizers.sample import sample_jets
from coffea_fm.nn.batches import Examples, padded_batches
from coffea_fm.plots.bins import Bins
from coffea_fm.plots.style import COLORS, fit_range, style
from coffea_fm.shards import ShardDataset


class Usage(NamedTuple):
    """Usage of the codes.

    Attributes
    ----------
    occupancy : float
        Fraction of the codes that occur at all.
    perplexity : float
        Exponential of the entropy of the code frequencies: the effective number of codes.
    """

    occupancy: float
    perplexity: float


class Inspection(NamedTuple):
    """Codes and reconstructed fields of a sample of particles.

    Attributes
    ----------
    counts : int64 array of shape [codes]
        Number of particles with each code.
    truth, restored : float arrays of shape [n_particles, fields]
        In the units of the fields; NaN where a field is missing.
    scaled_error : float array of shape [n_particles, fields]
        Differences between the scaled values.
    """

    counts: IntArray
    truth: DoubleArray
    restored: DoubleArray
    scaled_error: DoubleArray


def code_usage(counts: IntArray) -> Usage:
    """Occupancy and perplexity from the counts of all codes, int64 [codes]."""
    shares = counts[counts > 0] / counts.sum()
    return Usage(float(np.mean(counts > 0)), float(np.exp(-np.sum(shares * np.log(shares)))))


@torch.no_grad()
def inspect(tokenizer: Tokenizer, data: ShardDataset, n_jets: int = 10000) -> Inspection:
    """Run a tokenizer over some jets."""
    packed = sample_jets(data, n_jets)
    examples = Examples(packed, {}, np.ones(len(packed), dtype=np.float32))
    counts = np.zeros(tokenizer.n_codes, dtype=np.int64)
    columns: list[tuple[DoubleArray, ...]] = []
    for batch in padded_batches(examples, data.level, 16384):
        inputs = batch.inputs
        codes = tokenizer.codes(inputs)[inputs.tokens.mask]
        counts += np.bincount(codes.numpy(), minlength=tokenizer.n_codes)
        values, present = (part[inputs.tokens.mask] for part in tokenizer.fields.raw(inputs))
        scaled, restored = (
            tokenizer.fields(inputs)[inputs.tokens.mask],
            tokenizer.reconstruct(inputs)[inputs.tokens.mask],
        )
        parts = (values, tokenizer.fields.invert(restored), restored - scaled)
        columns.append(tuple(part.double().masked_fill(~present, torch.nan).numpy() for part in parts))
    truth, restored_values, error = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    return Inspection(counts, truth, restored_values, error)


def summary(tokenizer: Tokenizer, seen: Inspection) -> dict[str, Any]:
    """Summarise an inspection.

    For each field: ``resolution``, half the width of the central 68% interval of the differences, in the unit of the
    field; ``spread``, the same for the field itself; ``scaled_rms``, the RMS of the differences after scaling.
    """
    usage = code_usage(seen.counts)
    fields = {}
    for index, name in enumerate(tokenizer.fields.names):
        error, truth = (seen.restored - seen.truth)[:, index], seen.truth[:, index]
        fields[name] = {
            "unit": unit_of(name),
            "resolution": _half_width(error),
            "spread": _half_width(truth),
            "scaled_rms": float(np.sqrt(np.nanmean(seen.scaled_error[:, index] ** 2))),
        }
    return {
        "codes": tokenizer.n_codes,
        "particles": int(seen.counts.sum()),
        "occupancy": usage.occupancy,
        "perplexity": usage.perplexity,
        "fields": fields,
    }


@style()
def figure(tokenizer: Tokenizer, seen: Inspection) -> Figure:
    """Plot the frequency of the codes, and each field with its reconstruction.

    Bands are statistical errors, as if the particles of a jet were independent.
    """
    names = tokenizer.fields.names
    columns = 4
    rows = -(-(len(names) + 1) // columns)
    drawing = Figure(figsize=(5 * columns, 4.2 * rows), layout="constrained")
    axes = drawing.subplots(rows, columns, squeeze=False).flatten()
    _draw_codes(axes[0], seen.counts)
    for index, name in enumerate(names):
        _draw_field(axes[index + 1], name, seen.truth[:, index], seen.restored[:, index])
    for unused in axes[len(names) + 1 :]:
        unused.remove()
    return drawing


def _draw_codes(axes: Axes, counts: IntArray) -> None:
    falling = np.sort(counts)[::-1].astype(np.float64)
    edges = np.arange(len(falling) + 1.0)
    Bins(edges, falling, np.sqrt(falling), "Codes, by frequency", "Particles").draw(axes, color=COLORS[0])
    axes.set(xlabel="Codes, by frequency", ylabel="Particles / code", xlim=(0, len(falling)))
    fit_range(axes, falling)


def _draw_field(axes: Axes, name: str, truth: DoubleArray, restored: DoubleArray) -> None:
    low, high = np.nanquantile(truth, [0.01, 0.99])
    edges = np.geomspace(low, high, 41) if name == "pt" else np.linspace(low, high, 41)
    before, after = (_counted(values[~np.isnan(values)], edges, _label(name)) for values in (truth, restored))
    before.draw(axes, color=COLORS[8], label="true", gaps=True)
    after.draw(axes, color=COLORS[0], label="from codes", linestyle="--", gaps=True)
    per_bin, scale = (before.per_bin, "log") if name == "pt" else ("Particles / bin", "linear")
    axes.set(xlabel=before.quantity, ylabel=per_bin, xlim=(low, high), xscale=scale)
    fit_range(axes, np.concatenate((before.values, after.values)))
    axes.legend(fontsize="small")


def _counted(values: DoubleArray, edges: DoubleArray, label: str) -> Bins:
    axis = hist.axis.Variable(edges, label=label)
    return Bins.of(hist.Hist(axis, storage=hist.storage.Weight(), label="Particles").fill(values))


def _label(name: str) -> str:
    """A field on an axis; directions are relative to the axis of the jet."""
    symbols = {"pt": "$p_T$", "eta": r"$\Delta\eta$", "phi": r"$\Delta\phi$"}
    symbol, unit = symbols.get(name, name.replace("_significance", " significance")), unit_of(name)
    return symbol if unit == "1" else f"{symbol} [{unit}]"


def _half_width(values: DoubleArray) -> float:
    low, high = np.nanquantile(values, [0.16, 0.84])
    return float(high - low) / 2
