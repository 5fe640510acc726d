"""Training examples as parquet shards, which connect the analysis to the training."""

from __future__ import annotations

from coffea_fm.shards.metadata import ShardMetadata, Source, shard_name
from coffea_fm.shards.read import RowGroup, ShardDataset
from coffea_fm.shards.write import write_shard

__all__ = ["RowGroup", "ShardDataset", "ShardMetadata", "Source", "shard_name", "write_shard"]
