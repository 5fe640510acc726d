"""``coffea-fm evaluate``: evaluate a bundle on labelled jets."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated, Any

import typer

from coffea_fm.cli.options import numbers_of, with_run_options
from coffea_fm.cli.output import Json, show
from coffea_fm.errors import RecipeError


@with_run_options()
def evaluate(
    bundle: Annotated[str, typer.Argument(help="Folder, .zip or URL of the bundle.")],
    data: Annotated[
        list[str],
        typer.Argument(help="More bundles, to compare; then a folder of shards, a fileset as JSON, or ROOT files."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for what is written.")],
    run_options: dict[str, Any],
    collection: Annotated[str, typer.Option(help="Collection of jets.")] = "FatJet",
    truth: Annotated[str, typer.Option(help="Field of the jets with the true class.")] = "label",
    classes: Annotated[
        str, typer.Option(help="Classes of --truth: QCD,Hbb,Hcc or 0=light,4=c,5=b; known for 'label'.")
    ] = "",
    background: Annotated[str, typer.Option(help="Class that the others are separated from.")] = "QCD",
    efficiency: Annotated[float, typer.Option(min=0.01, max=0.99, help="Where the rejection is given.")] = 0.5,
    against: Annotated[
        list[str] | None, typer.Option(help="Other data, to test for a shift; may be given several times.")
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Write calibration and working points to the bundle and its card.")
    ] = False,
    pt_bins: Annotated[
        str, typer.Option(help="Working points with a cut per bin of pT: the edges in GeV, e.g. 200,300,500,1500.")
    ] = "",
    calibrated: Annotated[bool, typer.Option(help="Put the working points on calibrated scores.")] = False,
    corrections: Annotated[
        Path | None, typer.Option(help="Write cuts and efficiencies of the working points as a correctionlib JSON.")
    ] = None,
    energy: Annotated[float | None, typer.Option(help="Centre-of-mass energy shown in the figures, TeV.")] = None,
    as_json: Json = False,
) -> None:
    """Accuracy, AUC and background rejection of a bundle on labelled jets, with working points, figures and a page.

    Several bundles are compared on the same jets.
    """
    import coffea_fm

    bundles, files = _bundles_then_data(bundle, data)
    shared: dict[str, Any] = {
        "collection": collection,
        "truth": truth,
        "classes": classes,
        "background": background,
        "efficiency": efficiency,
        "against": against,
        "energy": energy,
        **run_options,
    }
    if len(bundles) > 1:
        if record or corrections or pt_bins or calibrated:
            raise RecipeError(
                "--record, --corrections, --pt-bins and --calibrated are for one bundle, and several are given: evaluate "
                "that one alone"
            )
        comparison = coffea_fm.compare(bundles, files, output, **shared)
        summary: dict[str, Any] = {name: part.summary() for name, part in comparison.evaluations.items()}
        written, text = comparison.written, str(comparison)
    else:
        result = coffea_fm.evaluate(
            bundle,
            files,
            output,
            record=record,
            pt_bins=numbers_of(pt_bins, "--pt-bins"),
            calibrated=calibrated,
            corrections=corrections,
            **shared,
        )
        numbers = {"jets": result.metrics.jets, "accuracy": result.metrics.accuracy}
        summary = {**result.summary(), **numbers}
        written, text = result.written, str(result)
    show(
        {**summary, "written": [str(path) for path in written]},
        f"{text}\n\nwrote {len(written)} files to {output}; look at {written[-1]}",
        as_json=as_json,
    )


def _bundles_then_data(first: str, others: list[str]) -> tuple[list[str], list[str]]:
    """Tell bundles from data: the first is one, and so are those after it, up to the first that is none."""
    from coffea_fm.bundle.find import is_bundle

    bundles = [first, *itertools.takewhile(is_bundle, others)]
    data = others[len(bundles) - 1 :]
    if not data:
        raise RecipeError(f"{', '.join(bundles)} are bundles, and no data are given to evaluate them on")
    return bundles, data
