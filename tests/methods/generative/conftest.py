from __future__ import annotations

from pathlib import Path

import pytest
import torch
from generators import ENCODER
from random_jets import LEVEL, random_jets, write_random_shards

from coffea_fm.methods.parts.tokenizers.load import save_tokenizer
from coffea_fm.methods.parts.tokenizers.vq import VQTokenizer, VQTokenizerConfig
from coffea_fm.nn.backbones.set_transformer import SetTransformerConfig
from coffea_fm.nn.inputs import Inputs
from coffea_fm.shards import ShardDataset
from coffea_fm.tokens import pad


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ShardDataset:
    return ShardDataset(write_random_shards(tmp_path_factory.mktemp("jets"), (60, 60)), LEVEL)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory, data: ShardDataset) -> Path:
    torch.manual_seed(0)
    config = VQTokenizerConfig.model_validate(
        {"codebook": {"codes": 16, "latent": 2}, "decoder": {"dim": 8, "layers": 1, "heads": 2}}
    )
    made = VQTokenizer(config, SetTransformerConfig.model_validate(ENCODER).build(LEVEL))
    made.fields.fit(data)
    inputs = Inputs.from_arrays(pad(random_jets(30)[0], LEVEL), LEVEL)
    with torch.no_grad():
        made.codebook.start(made.latents(inputs)[inputs.tokens.mask], 0)
    folder = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(made, folder)
    return folder
