"""The front matter of model cards, as model hubs read it; nothing here asks one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coffea_fm.bundle import Calibration, load_bundle
from coffea_fm.bundle.card import front_matter, read_front_matter, with_front_matter, with_results
from coffea_fm.errors import BundleError
from coffea_fm.shipped import shipped

BUNDLES = sorted(path.parent for path in shipped("exports").glob("*/README.md"))
CARDS = [folder / "README.md" for folder in BUNDLES] + sorted(shipped("models").glob("*/README.md"))


@pytest.mark.parametrize("path", CARDS, ids=lambda path: f"{path.parts[-3]}-{path.parts[-2]}")
def test_shipped_cards_are_read_by_the_hub_library(path: Path) -> None:
    huggingface_hub = pytest.importorskip("huggingface_hub")
    card = huggingface_hub.ModelCard(path.read_text())
    assert card.data.license == "bsd-3-clause"
    assert card.data.library_name == "coffea-fm"
    assert "high-energy-physics" in card.data.tags
    assert card.text.lstrip().startswith(f"# {path.parent.name}\n")


@pytest.mark.parametrize("folder", BUNDLES, ids=lambda path: path.name)
def test_results_of_shipped_cards_are_those_measured(folder: Path) -> None:
    huggingface_hub = pytest.importorskip("huggingface_hub")
    measured = json.loads((folder / "calibration.json").read_text())
    results = huggingface_hub.ModelCard((folder / "README.md").read_text()).data.eval_results or []
    values = {result.metric_type: result.metric_value for result in results}
    expected = {
        name: measured[name] for name in ("accuracy", "expected_calibration_error") if measured[name] is not None
    }
    assert values == {name: round(value, 4) for name, value in expected.items()}


def test_drafted_front_matter_says_what_is_known() -> None:
    manifest = load_bundle(BUNDLES[0]).manifest
    card = with_front_matter("# Mine\n", front_matter(manifest, Calibration()))
    assert card.endswith("---\n# Mine\n")
    content = read_front_matter(card)
    assert content["license"] == "unknown"
    assert "jet-tagging" in content["tags"]
    assert "model-index" not in content


def test_measuring_replaces_results_and_keeps_the_rest() -> None:
    manifest = load_bundle(BUNDLES[0]).manifest
    card = "---\nlicense: mit\nmodel-index: []\n---\n\n# Mine\n\n---\n\na rule above\n"
    measured = Calibration(accuracy=0.51239, n_jets=100, data="a.root, b.root")
    written = with_results(card, manifest, measured)
    content = read_front_matter(written)
    assert content["license"] == "mit"
    (result,) = content["model-index"][0]["results"]
    assert result["metrics"][0]["value"] == 0.5124
    assert result["dataset"]["name"] == "100 from 2 files such as a.root"
    assert written.endswith("---\n\n# Mine\n\n---\n\na rule above\n")
    assert with_results(card, manifest, Calibration()).endswith("---\n\n# Mine\n\n---\n\na rule above\n")
    assert with_results("# Mine\n", manifest, measured) == "# Mine\n"


@pytest.mark.parametrize("content", ["- a list", "key: [open", "text"])
def test_damaged_front_matter_is_one_sentence(content: str) -> None:
    with pytest.raises(BundleError, match="not a YAML mapping") as caught:
        read_front_matter(f"---\n{content}\n---\n# Mine\n")
    assert "\n" not in str(caught.value)
