"""Save and load trained tokenizers of any kind."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field

from coffea_fm.config import Config
from coffea_fm.errors import RecipeError
from coffea_fm.files import atomic
from coffea_fm.methods.parts.tokenizers.kmeans import KMeansConfig, KMeansTokenizer
from coffea_fm.methods.parts.tokenizers.vq import VQTokenizer, VQTokenizerConfig
from coffea_fm.nn.backbones import AnyBackboneConfig
from coffea_fm.nn.budget import Budget
from coffea_fm.nn.checkpoint import MOST_JSON, WEIGHTS, load_tensors, save_tensors
from coffea_fm.tokens import Level
from coffea_fm.untrusted.json_text import parse_json
from coffea_fm.untrusted.local_files import read_file

Tokenizer = KMeansTokenizer | VQTokenizer
DESCRIPTION = "tokenizer.json"


class TokenizerDescription(Config):
    """Description of a tokenizer, stored next to its weights.

    Parameters
    ----------
    tokenizer : KMeansConfig or VQTokenizerConfig
    level : Level
        Its inputs.
    backbone : BackboneConfig, optional
        The encoder of a VQ-VAE.
    """

    tokenizer: Annotated[KMeansConfig | VQTokenizerConfig, Field(discriminator="kind")]
    level: Level
    backbone: AnyBackboneConfig | None = None

    def build(self) -> Tokenizer:
        """Build the tokenizer with random weights."""
        if isinstance(self.tokenizer, KMeansConfig):
            return KMeansTokenizer(self.tokenizer, self.level)
        if self.backbone is None:
            raise RecipeError("the description of the VQ-VAE has no encoder: add its backbone")
        return VQTokenizer(self.tokenizer, self.backbone.build(self.level))

    def write(self, folder: Path) -> None:
        """Write it next to the weights in a folder."""
        with atomic(folder / DESCRIPTION) as temporary:
            temporary.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write a trained tokenizer to a folder, for `load_tokenizer`."""
    backbone = tokenizer.backbone.config if isinstance(tokenizer, VQTokenizer) else None
    described = {"tokenizer": tokenizer.config, "level": tokenizer.level, "backbone": backbone}
    save_tensors(folder / WEIGHTS, tokenizer.state_dict())
    TokenizerDescription.model_validate(described).write(folder)


def load_tokenizer(folder: str | os.PathLike[str], level: Level | None = None) -> Tokenizer:
    """Load a tokenizer from a folder such as ``runs/NAME/best``, in evaluation mode.

    Parameters
    ----------
    folder : path-like
        Written by ``coffea-fm tokenizer``.
    level : Level, optional
        Its expected inputs.

    Raises
    ------
    RecipeError
        If there is none, or its inputs differ from `level`.
    """
    path = Path(folder)
    try:
        description = TokenizerDescription.model_validate(parse_json(read_file(path / DESCRIPTION, MOST_JSON)))
        weights, _ = load_tensors(path / WEIGHTS)
        with Budget(sum(tensor.nbytes for tensor in weights.values())):
            tokenizer = description.build()
        tokenizer.load_state_dict(weights)
    except OSError as error:
        raise RecipeError(
            f"there is no tokenizer in {path} ({error.strerror}): make one with 'coffea-fm tokenizer'"
        ) from error
    except (ValueError, RuntimeError) as error:
        raise RecipeError(f"the tokenizer {path} does not fit this coffea-fm: {error}") from error
    if level is not None and description.level != level:
        raise RecipeError(f"the tokenizer {path} reads other inputs than this recipe: give both the same 'inputs'")
    return tokenizer.eval()
