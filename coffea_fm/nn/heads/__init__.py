"""Small task-specific networks on top of a backbone."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from coffea_fm.nn.heads.classification import ClassificationHeadConfig
from coffea_fm.nn.heads.deep_sets import DeepSetsConfig
from coffea_fm.nn.heads.event import JetHeadConfig
from coffea_fm.nn.heads.event_transformer import EventTransformerConfig
from coffea_fm.nn.heads.head import Head, HeadConfig
from coffea_fm.nn.heads.pairs import PairHeadConfig
from coffea_fm.nn.heads.regression import RegressionHeadConfig
from coffea_fm.nn.heads.tokens import TokenHeadConfig

AnyHeadConfig = Annotated[
    # One line per head.
    ClassificationHeadConfig
    | DeepSetsConfig
    | EventTransformerConfig
    | PairHeadConfig
    | RegressionHeadConfig
    | TokenHeadConfig,
    Field(discriminator="kind"),
]

__all__ = ["AnyHeadConfig", "Head", "HeadConfig", "JetHeadConfig"]
