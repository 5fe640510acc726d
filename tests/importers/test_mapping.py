from __future__ import annotations

import pytest

from coffea_fm.errors import RecipeError
from coffea_fm.importers.weaver_onnx.mapping import families, read_mapping
from coffea_fm.importers.weaver_onnx.plan import make_plan
from coffea_fm.importers.weaver_onnx.preprocess import Preprocess


def preprocess(*names):
    given = {"output_names": ["x"], "input_names": ["f"], "f": {"var_names": list(names), "var_length": 8}}
    return Preprocess.model_validate(given)


def written(folder, text):
    path = folder / "mine.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", families())
def test_every_formula_of_a_shipped_family_can_be_planned(name):
    mapping = read_mapping(name)
    for group in mapping.groups.values():
        for variable in group.variables:
            first = next(iter(group.variables))
            if variable != first and group.variables[variable] != "1":
                assert make_plan(preprocess(variable), mapping, name).level.members
    if mapping.preprocess:
        plan = make_plan(mapping.preprocess, mapping, name)
        assert [entry.name for entry in plan.inputs] == list(mapping.preprocess.input_names)


def test_unknown_variables_are_listed_all_at_once_with_the_nearest():
    with pytest.raises(RecipeError) as error:
        make_plan(preprocess("pfcand_etarel", "pfcand_chrge", "brand_new"), read_mapping("cms-particlenet-ak8"), "cms")
    assert "2 of the variables" in str(error.value)
    assert "pfcand_chrge (did you mean pfcand_charge?)" in str(error.value)
    assert "brand_new" in str(error.value)


def test_a_mapping_of_another_family_is_named_as_such():
    with pytest.raises(
        RecipeError, match=r"the mapping jetclass is for other models.*cms-particlenet-ak8.* knows most: 2 of 2"
    ):
        make_plan(preprocess("pfcand_etarel", "pfcand_phirel"), read_mapping("jetclass"), "jetclass")


def test_a_mapping_extends_another(tmp_path):
    text = "description: d\nextends: jetclass\ngroups: {part: {pad: wrap, variables: {part_new: pt * 2}}}"
    mapping = read_mapping(written(tmp_path, text))
    assert mapping.groups["part"].pad == "wrap"
    assert {"part_new", "part_d0"} <= set(mapping.groups["part"].variables)
    assert mapping.licence == "mit"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "description: d\ngroups: {g: {tokens: constituents, selct: pt > 1, variables: {x: pt}}}",
            "did you mean 'select'",
        ),
        ("description: d\ngroups: {}", "groups"),
        ("groups: {g: {variables: {x: pt}}}", "description"),
        ("- a", "not a YAML mapping"),
        ("description: d\nextends: mine.yaml\ngroups: {}", "extends itself"),
        (
            "description: d\ngroups: {g: {tokens: constituents, variables: {x: pt}}, h: {tokens: vertices, variables: {x: pt}}}",
            "both have a variable 'x'",
        ),
    ],
)
def test_bad_mappings_give_one_sentence(tmp_path, text, reason):
    with pytest.raises(RecipeError) as error:
        read_mapping(written(tmp_path, text))
    assert reason in str(error.value)


def test_names_of_mappings(tmp_path):
    with pytest.raises(RecipeError, match="did you mean 'jetclass'"):
        read_mapping("jetclas")
    with pytest.raises(RecipeError, match="does not exist"):
        read_mapping(str(tmp_path / "none.yaml"))
    with pytest.raises(RecipeError, match="needs a mapping"):
        read_mapping(None)


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        ("ptt * 2", "did you mean 'pt'"),
        ("vertices.pt", "only inside"),
        ("min_over(vertices, min_over(vertices, pt))", "inside another"),
    ],
)
def test_columns_that_cannot_be_read(tmp_path, formula, reason):
    text = f"description: d\ngroups: {{g: {{tokens: constituents, variables: {{x: '{formula}'}}}}}}"
    with pytest.raises(RecipeError) as error:
        make_plan(preprocess("x"), read_mapping(written(tmp_path, text)), "mine")
    assert reason in str(error.value)
