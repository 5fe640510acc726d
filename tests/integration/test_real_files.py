"""Each format's real files, through the commands that the docs show."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from coffea_fm.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "concepts" / "formats.md"
COMMANDS = [
    shlex.split(line)[1:]
    for block in re.findall(r"```bash\n(.*?)```", PAGE.read_text(), re.DOTALL)
    for line in block.splitlines()
    if line.startswith("coffea-fm run")
]
JETS = {
    "pfnano.root": 24,
    "nano_tt_v15.root": 42,
    "events_delphes_example.root": 22,
    "delphes.root": 5,
    "PHYSLITE_example.root": 297,
    "test_FCC_Winter2023.root": 263,
    "p8_ee_WW_ecm240_edm4hep.root": 24,
    "JetClassII_example.parquet": 100,
}
"""How many jets each command tags: counted in the stored branches, with the cuts of the processor."""

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*:coffea_fm.errors.InputWarning"),  # jets outside of the trained range
    pytest.mark.filterwarnings("ignore:Skipping"),  # coffea: branches that no schema needs
    pytest.mark.filterwarnings("ignore:No matched collection"),
]


def run(command: list[str], folder: Path, output: Path) -> dict[str, int]:
    """The cutflow of a command of the docs, on the file that it names."""
    arguments = [str(folder / word) if word in JETS else str(output) if word == "tagged" else word for word in command]
    result = CliRunner().invoke(main, [*arguments, "--no-plots", "--quiet"])
    assert result.exit_code == 0, result.stderr
    (cutflow,) = json.loads((output / "cutflow.json").read_text())["cutflow"].values()
    return cutflow


def test_every_format_has_a_command():
    assert [next(word for word in command if word in JETS) for command in COMMANDS] == list(JETS)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[2])
def test_the_command_of_the_docs_tags_the_real_file(shared_data, tmp_path, command):
    cutflow = run(command, shared_data / "real", tmp_path)
    assert cutflow["jets"] == JETS[command[2]]


def test_rntuples_take_the_command_of_trees(shared_data, tmp_path):
    (tmp_path / "pfnano.root").symlink_to(shared_data / "real" / "pfnano_rntuple.root")
    assert run(COMMANDS[0], tmp_path, tmp_path / "tagged")["jets"] == JETS["pfnano.root"]


@pytest.mark.parametrize("name", ["nano_tt_v12.root"])
def test_files_without_constituents_are_refused_with_one_sentence(shared_data, tmp_path, name):
    command = ["run", "tag_jets", str(shared_data / "real" / name), "--schema", "NanoAODSchema", "-o", str(tmp_path)]
    result = CliRunner().invoke(main, [*command, "-O", "bundle=jet-classifier-kinematic", "--quiet"])
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "the model reads constituents of jets, but these jets (FatJet) have none" in result.stderr


def test_a_file_without_events_is_an_empty_result(shared_data, tmp_path):
    file = shared_data / "real" / "nano_dy_empty.root"
    command = ["run", "tag_jets", str(file), "--schema", "NanoAODSchema", "-o", str(tmp_path), "--quiet"]
    result = CliRunner().invoke(main, [*command, "-O", "bundle=jet-classifier-kinematic"])
    assert (result.exit_code, "files without events: 1" in result.stdout) == (0, True)
