"""What all kinds of clusters share: a configuration that opens into a dask client."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import Any, Self

from pydantic import Field, model_validator

from coffea_fm.config import Config

PROFILE_CYCLE = "1h"
"""By default, a dask worker keeps a tree of what its tasks were calling for each second of an hour: with the deep stacks of
awkward and uproot, 16 MiB a minute were measured, and 3 MiB with a tree a minute. One tree does not grow for long."""


class Adaptive(Config):
    """Bounds of a number of workers or jobs that follows the work: more while tasks wait, fewer while workers idle."""

    minimum: int = Field(default=1, ge=1)
    maximum: int = Field(ge=1)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.maximum < self.minimum:
            raise ValueError(f"the maximum {self.maximum} is below the minimum {self.minimum}")
        return self


class ClusterConfig(Config, ABC):
    """Configuration of one kind of cluster.

    Parameters
    ----------
    wait : float
        Seconds until the first worker must be there.
    """

    wait: float = Field(default=60, gt=0)

    @abstractmethod
    def client(self, workers: int | None) -> AbstractContextManager[Any]:
        """Connect, starting what is not running yet, with at least one worker; what was started here ends afterwards.

        Parameters
        ----------
        workers : int, optional
            Number of workers or jobs; by default what the configuration says.

        Raises
        ------
        InputError
            If there is no scheduler, or no worker in time. The message says why.
        """
