"""The pages of the documentation: what is generated is up to date, every command exists, and the blocks run.

Pages whose commands train or fit are run by the tests in `tests/integration`, those of the hub by `tests/bundle/test_hub.py`.
"""

from __future__ import annotations

import gzip
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import awkward as ak
import pytest
import typer
from coffea.nanoevents import NanoEventsFactory
from made import make_bundle, make_nano
from made_corrections import working_point_factors
from pages import BLOCK, call, commands, run_python

import coffea_fm
from coffea_fm.cli import main
from coffea_fm.schemas import PFNanoAODSchema
from coffea_fm.shipped import shipped

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = {str(path.relative_to(ROOT)): path for path in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]}
NOT_RUN = (  # here: the demo and real files have tests of their own, --install-completion writes into the home
    "coffea-fm demo",
    "coffea-fm --",
    "coffea-fm run tag_jets delphes.root",
    "coffea-fm run tag_jets pfnano.root",
    "coffea-fm run tag_jets nano_tt_v15.root",
    "coffea-fm run tag_jets events_delphes_example.root",
    "coffea-fm run tag_jets PHYSLITE_example.root",
    "coffea-fm run tag_jets test_FCC_Winter2023.root",
    "coffea-fm run tag_jets p8_ee_WW_ecm240_edm4hep.root",
    "coffea-fm run tag_jets JetClassII_example.parquet",
)
ELSEWHERE = re.compile("HOST|--cluster (slurm|htcondor|gateway)")
"""Commands for which tests/cluster has batch systems."""
PROCESSOR = """
import awkward as ak
from coffea.processor import ProcessorABC


class MyProcessor(ProcessorABC):
    def process(self, events):
        return {"jets": int(ak.count(events.FatJet.pt))}

    def postprocess(self, accumulator): ...
"""


def test_generated_parts_are_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DOCS)
    import generate

    pages = list(generate.pages())
    assert [path.name for path in pages] == ["pretraining.md", "command-line.md", "zoo.md"]
    for path in pages:
        assert path.read_text() == generate.generated(path.read_text()), f"{path.name}: run 'make docs'"


def joined(text: str) -> list[str]:
    """Lines of shell, those that end in a backslash with the next one."""
    return text.replace("\\\n", " ").splitlines()


def shell_lines(page: Path) -> Iterator[list[str]]:
    """Words of every ``coffea-fm`` command in a page's blocks of shell."""
    for language, _, text in BLOCK.findall(page.read_text()):
        if language == "bash":
            for line in joined(text):
                words = shlex.split(line.replace(".venv/bin/", ""), comments=True)
                if words[:1] == ["coffea-fm"]:
                    yield words[1:]


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())
def test_every_command_has_these_arguments_and_options(page: Path) -> None:
    group = typer.main.get_command(main)
    for words in shell_lines(page):
        command, rest, context = group, words, typer.Context(group, info_name="coffea-fm")
        while hasattr(command, "get_command"):
            found = command.get_command(context, rest[0])
            assert found is not None, f"{page.name}: there is no command {words}"
            command, rest = found, rest[1:]
        assert command.make_context(words[0], list(rest)), words  # raises for an option that is not there


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\((?![a-z]+:|#)([^)#\s]+)", text):
        assert (page.parent / target).exists(), f"{page.name}: {target}"
    for target in re.findall(r"github\.com/coffea-fm/coffea-fm/blob/main/([^)#\s\"]+)", text):
        assert (ROOT / target).exists(), f"{page.name}: {target}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the pages name: samples and bundles of the clone, a fileset, processors, a graph."""
    monkeypatch.chdir(tmp_path)
    Path("samples").mkdir()
    for name in ("Hbb", "QCD", "Tbqq"):
        Path(f"samples/{name}.root").symlink_to(shipped("samples", f"{name}.root"))
    for name in ("exports", "models", "processors"):
        Path(name).symlink_to(shipped(name))
    Path("tagging.json.gz").write_bytes(gzip.compress(working_point_factors().encode()))
    make_nano(Path("file.root"), 60, seed=1)
    Path("FILESET.json").write_text(json.dumps({"mine": {"files": {"file.root": "Events"}}}))
    for name in ("das", "rucio"):
        Path(f"{name}.txt").write_text(f"/store/mc/{name}/one.root\n/store/mc/{name}/two.root\n")
    Path("my_processor.py").write_text(PROCESSOR)
    Path("myanalysis").mkdir()
    Path("myanalysis/__init__.py").write_text(PROCESSOR)
    shutil.copy(make_bundle(tmp_path / "counting") / "classifier.onnx", "model.onnx")
    return tmp_path


@pytest.fixture
def names(folder: Path) -> dict[str, object]:
    """What the python blocks of the pages take for granted."""
    file = shipped("samples", "Hbb.root")
    events = NanoEventsFactory.from_root({str(file): "Events"}, schemaclass=PFNanoAODSchema, entry_stop=40).events()
    fileset = {"mine": [str(folder / "file.root")]}
    space: dict[str, object] = {"__name__": "__main__", "ak": ak, "coffea_fm": coffea_fm}
    space |= {"events": events, "fileset": fileset}
    run_python(PROCESSOR, space)
    return space


def run_blocks(page: Path, names: dict[str, object]) -> list[dict[str, object]]:
    """Run every python block and every ``coffea-fm`` of a page, in its order; what the commands told."""
    told = []
    for language, _, text in BLOCK.findall(page.read_text()):
        if language == "python":
            run_python(text, names)
        elif language == "bash":
            ours = [line for line in joined(text) if line.startswith(("coffea-fm", "cp"))]
            for line in ours:
                if line.startswith("cp"):
                    _, _, source, copy = line.split()
                    shutil.copytree(source, copy)
                elif not line.startswith(NOT_RUN) and not ELSEWHERE.search(line):
                    # a local dask cluster takes its seconds to start: tests/integration runs them
                    told += [call(words) for words in commands(line.replace("--cluster local --workers 2 ", ""))]
    return told


@pytest.mark.filterwarnings("ignore::coffea_fm.errors.InputWarning")  # made jets are not like those of a training
@pytest.mark.parametrize(
    "page",
    [
        "index.md",
        "zoo.md",
        "how-to/tag-jets.md",
        "how-to/one-pass.md",
        "how-to/evaluate.md",
        "how-to/scale-factors.md",
        "how-to/chunks.md",
        "how-to/clusters.md",
        "how-to/coming-from.md",
        "how-to/run.md",
        "how-to/watch.md",
        "concepts/data-model.md",
        "concepts/formats.md",
        "concepts/bundle.md",
    ],
)
def test_the_blocks_of_a_page_run(
    page: str, names: dict[str, object], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # figures are the slowest part, and have tests of their own
    monkeypatch.setattr("coffea_fm.running.outputs.draw_histograms", lambda *_, **__: ([], {}))
    monkeypatch.setattr("coffea_fm.evaluation.report.draw_evaluation", lambda *_, **__: {})
    for told in run_blocks(DOCS / page, names):
        assert not told.get("failures")
    if page == "how-to/evaluate.md":
        assert "True" in capsys.readouterr().out


@pytest.mark.usefixtures("folder")
def test_the_ten_lines_of_the_readme_fill_a_histogram(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = [text for language, _, text in BLOCK.findall(PAGES["README.md"].read_text()) if language == "python"]
    space: dict[str, object] = {"__name__": "__main__"}
    run_python(block, space)
    last_bin = re.search(r"\[0\.98, +1\) (\d+)", capsys.readouterr().out)
    assert last_bin is not None
    assert int(last_bin[1]) > 500
