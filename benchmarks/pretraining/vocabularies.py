"""VQ-VAE tokenizers of the study, with and without what keeps their codebook from collapsing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from study import MODELS, Study, merged

from coffea_fm.training.tokenizers import make_tokenizer


def vocabulary(study: Study, name: str) -> dict[str, Any]:
    """Train and inspect the tokenizer of that name: its ``occupancy``, ``perplexity`` and resolutions."""
    content = yaml.safe_load((MODELS / "tokenizer-vq" / "recipe.yaml").read_text())
    shards = {part: str(study.work / "shards" / part) for part in ("train", "validation")}
    content = merged(content, {"name": name, "data": shards, **study.tokenizers[name]})
    recipe = study.work / "tokenizers" / f"{name}.yaml"
    recipe.parent.mkdir(parents=True, exist_ok=True)
    recipe.write_text(yaml.safe_dump(content))
    return make_tokenizer(recipe, study.work / "tokenizers", show_progress=False)


def trained_vocabulary(study: Study, name: str) -> Path:
    """Folder of a tokenizer, trained now unless it was."""
    return Path(study.result(f"tokenizers/{name}", lambda: vocabulary(study, name))["tokenizer"])
