"""The rows of `benchmarks/pretraining/study.yaml`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from coffea_fm.nn.checkpoint import load_checkpoint, save_checkpoint

FOLDER = Path(__file__).parents[2] / "benchmarks" / "pretraining"


@pytest.fixture
def encoders(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(FOLDER)
    import encoders

    yield encoders
    for module in [name for name, found in sys.modules.items() if str(FOLDER) in str(getattr(found, "__file__", ""))]:
        del sys.modules[module]


@pytest.fixture
def study(encoders: Any, tmp_path: Path) -> Any:  # noqa: ARG001
    from study import Study

    return Study.load(FOLDER / "study.yaml", tmp_path)


def test_every_row_has_a_recipe_with_the_jets_and_the_step_of_the_study(encoders: Any, study: Any) -> None:
    """The rate follows the square root of the step, unless the row says another."""
    tokens = study.training["batch_tokens"]
    trained = [name for name, asked in study.encoders.items() if "recipe" in asked and "tokenizer" not in asked]
    for name in trained:
        training = encoders.recipe_of(study, name).training
        own = study.encoders[name].get("training", {})
        assert training.seen == own.get("seen", study.seen)
        assert training.batch_tokens == own.get("batch_tokens", tokens)
    assert encoders.recipe_of(study, "moco").training.lr == pytest.approx(1e-3 * np.sqrt(tokens / 4096))
    assert encoders.recipe_of(study, "mpm-v2-large-steps").training.lr == pytest.approx(4e-3)


def test_the_lowest_blocks_of_an_encoder_are_kept(
    encoders: Any, study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = encoders.recipe_of(study, "dino").network(("a", "b"))
    torch.manual_seed(1)
    weights = network.build().state_dict()
    weights = {key: tensor + torch.randn_like(tensor) for key, tensor in weights.items()}
    save_checkpoint(tmp_path / "whole", weights, network, {})
    monkeypatch.setattr(encoders, "pretrained", lambda *_: tmp_path / "whole")
    kept = load_checkpoint(encoders.with_weights_of(study, "dino-lowest-2", "dino", 2))[0].state_dict()
    same = {key for key, tensor in kept.items() if torch.equal(tensor, weights[key])}
    new = {key.removeprefix("backbone.") for key in set(kept) - same}
    assert new == {key for key in new if key.startswith(("blocks.2.", "blocks.3.", "norm."))}
    assert {key.split(".")[1] for key in new if key.startswith("blocks.")} == {"2", "3"}
    assert "norm.weight" in new


def test_the_direction_of_attention_may_differ_from_the_weights(
    encoders: Any, study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = encoders.recipe_of(study, "next-token").network(("a", "b"))
    weights = network.build().state_dict()
    save_checkpoint(tmp_path / "whole", weights, network, {})
    monkeypatch.setattr(encoders, "pretrained", lambda *_: tmp_path / "whole")
    model = load_checkpoint(encoders.with_weights_of(study, "next-token-both-ways", "next-token", 4))[0]
    assert not model.backbone.config.causal
    assert all(torch.equal(tensor, weights[key]) for key, tensor in model.state_dict().items())
