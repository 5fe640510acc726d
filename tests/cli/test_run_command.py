from __future__ import annotations

import json

import pytest
from made import make_bundle, make_nano
from typer.testing import CliRunner

from coffea_fm.cli import main
from coffea_fm.cli.options import parse_options
from coffea_fm.errors import RecipeError


@pytest.fixture
def files(tmp_path):
    make_nano(tmp_path / "a.root", 30)
    make_bundle(tmp_path / "counting", tmp_path.name)
    (tmp_path / "half.root").write_bytes((tmp_path / "a.root").read_bytes()[:9000])
    (tmp_path / "fileset.json").write_text(json.dumps({"tt": ["a.root"], "qcd": ["half.root"]}))
    return tmp_path


def invoke(files, *arguments):
    bundle = f"bundle={files / 'counting'}"
    return CliRunner().invoke(
        main, ["run", "tag_jets", *arguments, "-O", bundle, "-o", str(files / "out"), "--no-plots"]
    )


def test_json_tells_what_was_read_and_written_and_nothing_else(files):
    result = invoke(files, str(files / "fileset.json"), "--skip-bad-files", "--json")
    assert result.exit_code == 0, result.stderr
    account = json.loads(result.stdout)
    assert account["events_by_dataset"] == {"tt": 30}
    assert list(account["skipped"]) == [str(files / "half.root")]
    assert account == json.loads((files / "out" / "summary.json").read_text())
    assert json.loads((files / "out" / "cutflow.json").read_text())["cutflow"]["tt"]["events"] == 30


def test_text_names_what_was_skipped_and_written(files):
    result = invoke(files, str(files / "fileset.json"), "--skip-bad-files")
    assert "30 events, 1 file, 1 chunk" in result.stdout
    assert f"skipped: cannot read {files / 'half.root'}: it is truncated" in result.stdout
    assert f"wrote {files / 'out' / 'histograms.root'}" in result.stdout


def test_a_bad_file_ends_the_run_and_leaves_what_was_written(files):
    assert invoke(files, str(files / "a.root")).exit_code == 0
    before = {path: path.read_bytes() for path in (files / "out").iterdir()}
    result = invoke(files, str(files / "fileset.json"))
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith(f"coffea-fm: cannot read {files / 'half.root'}: it is truncated")
    assert {path: path.read_bytes() for path in (files / "out").iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.json"], "cannot read the fileset none.json: No such file or directory"),
        (["a.root", "--schema", "PFNanoAODSchem"], "no schema 'PFNanoAODSchem': did you mean 'PFNanoAODSchema'?"),
        (["a.root", "-O", "min_pt"], "the option 'min_pt' has no '='"),
        (["a.root", "-O", "colection=Jet"], "no option 'colection': did you mean 'collection'?"),
    ],
)
def test_wrong_arguments_are_one_sentence(files, monkeypatch, arguments, message):
    monkeypatch.chdir(files)
    result = invoke(files, *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_shards_are_collected_from_the_tree_that_is_named(tmp_path):
    make_nano(tmp_path / "a.root", 30)
    command = ["collect", str(tmp_path / "a.root"), "-o", str(tmp_path / "shards")]
    result = CliRunner().invoke(main, [*command, "--treename", "tree"])
    assert (result.exit_code, "has no tree 'tree': it has Events" in result.stderr) == (1, True)
    result = CliRunner().invoke(main, [*command, "--treename", "Events", "--json"])
    assert [len(json.loads(result.stdout)["shards"]), len(list((tmp_path / "shards").glob("*.parquet")))] == [1, 1]


def test_a_collection_of_nothing_is_no_success(tmp_path):
    make_nano(tmp_path / "a.root", 30)
    command = [
        "collect",
        str(tmp_path / "a.root"),
        "-o",
        str(tmp_path / "shards"),
        "-O",
        f"folder={tmp_path / 'there'}",
    ]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert f"nothing was collected into {tmp_path / 'shards'}, after 30 events" in result.stderr


def test_an_unwritable_output_is_found_before_the_run(files):
    (files / "out").touch()
    result = invoke(files, str(files / "a.root"))
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "choose another output folder" in result.stderr


def test_option_values_are_yaml():
    options = parse_options(["a=1", "b=true", "c=[1, 2]", "d=x=y", "e="])
    assert options == {"a": 1, "b": True, "c": [1, 2], "d": "x=y", "e": None}
    with pytest.raises(RecipeError, match="not valid YAML"):
        parse_options(["a=[1"])


def test_help_goes_on_with_the_options_of_the_processor():
    result = CliRunner().invoke(main, ["run", "--workers", "2", "tag_jets", "--help"])
    assert result.exit_code == 0
    assert "min_pt: float = 200.0" in result.stdout
    wrong = CliRunner().invoke(main, ["run", "tag_jet", "--help"])
    assert (wrong.exit_code, "did you mean 'tag_jets.py'?" in wrong.stdout) == (0, True)


def test_what_fails_after_the_last_chunk_is_a_line_and_exit_code_one(files):
    code = """
from coffea.processor import ProcessorABC
class Mean(ProcessorABC):
    def process(self, events): return {"n": len(events), "nan": float("nan")}
    def postprocess(self, accumulator): return {"mean": 1 / (accumulator["n"] - 30)}
"""
    (files / "mean.py").write_text(code)
    command = ["run", str(files / "mean.py"), str(files / "a.root"), "-o", str(files / "out")]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert "not written: nan is nan, which JSON cannot store: it is null in cutflow.json" in result.stdout
    assert "failed: postprocess: ZeroDivisionError: division by zero" in result.stdout
    assert json.loads((files / "out" / "cutflow.json").read_text()) == {"n": 30, "nan": None}
    assert set(json.loads((files / "out" / "summary.json").read_text())["failures"]) == {"postprocess"}
