"""``coffea-fm limit``: from the histograms of a run to the limit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from coffea_fm.cli.output import Json, show


def limit(
    analysed: Annotated[
        list[Path], typer.Argument(help="Folders that 'coffea-fm run' wrote, such as of simulation and of data.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for what is written.")],
    signal: Annotated[
        list[str], typer.Option("--signal", "-s", help="Process whose strength is limited; may be repeated.")
    ],
    settings: Annotated[str, typer.Option(help="Regions and uncertainties, YAML; or a shipped one.")] = "hh4b_limit",
    observe: Annotated[bool, typer.Option("--observe", help="Look at the data in the signal regions.")] = False,
    luminosity: Annotated[
        float | None, typer.Option(help="fb^-1 to scale simulation and pseudo-data to, in place of that of the run.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the counts that are drawn from weighted pseudo-data.")] = 0,
    as_json: Json = False,
) -> None:
    """Fit the histograms of an analysis with pyhf: expected limit, impacts, closure of the background, figures."""
    import json

    from coffea_fm.files import atomic, prepare_folder
    from coffea_fm.shipped import shipped
    from coffea_fm.statistics.account import account as account_of
    from coffea_fm.statistics.account import figures
    from coffea_fm.statistics.analyse import prepare
    from coffea_fm.statistics.inputs import read_inputs
    from coffea_fm.statistics.settings import read_settings

    path = Path(settings)
    chosen = read_settings(path if path.suffix else shipped("processors", f"{settings}.yaml"))
    inputs = read_inputs(analysed, chosen, seed, luminosity)
    prepare_folder(output)
    analysis = prepare(inputs, chosen, observe=observe)
    results = {name: analysis.fit(name) for name in dict.fromkeys(signal)}
    account = account_of(analysis, results)
    written = []
    workspaces = {f"workspace_{name}": result.workspace for name, result in results.items()}
    for name, content in {"limits": account, **workspaces}.items():
        written.append(output / f"{name}.json")
        with atomic(written[-1]) as temporary:
            temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    for name, figure in figures(analysis, results):
        written.append(output / f"{name}.png")
        with atomic(written[-1]) as temporary:
            figure.savefig(temporary, format="png", dpi=120)
    show(account | {"written": list(map(str, written))}, _describe(account, output, len(written)), as_json=as_json)


def _describe(account: Mapping[str, Any], output: Path, files: int) -> str:
    lines = [f"{account['luminosity_fb']:g} fb^-1; 95% CL limits on mu (-2, -1, 0, +1, +2 standard deviations)"]
    for name, found in account["signals"].items():
        expected = "  ".join(f"{value:.3g}" for value in found["expected"])
        lines.append(f"{name:8} expected {expected}   mu = 1 is {found['cross_section_fb']:g} fb")
        if "observed" in found:
            mu, error = found["mu"]
            lines.append(
                f"{name:8} observed {found['observed']:.3g}; mu = {mu:.2g} ± {error:.2g}, p-value {found['p_value']:.2g}"
            )
    for name, test in account["closure"].items():
        lines.append(
            f"closure of {name}: counted / predicted {test['ratio']:.2f} ± {test['error']:.2f}, p {test['p_value']:.2g}"
        )
    for what, names in account["left_out"].items():
        if names:
            missing = "in the run, not in the fit" if what == "processes" else "in the settings, not in the run"
            lines.append(f"{what} left out ({missing}): {', '.join(names)}")
    return "\n".join([*lines, f"wrote {files} files to {output}"])
