"""What all kinds of clusters share: a configuration that opens into a dask client."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from coffea_fm.config import Config
from coffea_fm.errors import RecipeError

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
    """Configuration of one kind of cluster."""

    @abstractmethod
    def check_workers(self, workers: int) -> None:
        """Refuse a number of workers that would not be used.

        Raises
        ------
        RecipeError
            If something else decides how many there are.
        """

    @abstractmethod
    def of(self, workers: int) -> Self:
        """The same with so many workers or jobs, if it is started here."""

    @abstractmethod
    def client(self) -> AbstractContextManager[Any]:
        """Connect, starting what is not running yet, with at least one worker; what was started here ends afterwards.

        Raises
        ------
        InputError
            If there is no scheduler, or no worker in time. The message says why.
        """


class StartedCluster(ClusterConfig):
    """A cluster that is started for one run.

    Parameters
    ----------
    adaptive : Adaptive, optional
        Bounds of a number of workers or jobs that follows the work, in place of a fixed number.
    """

    number_key: ClassVar[str] = "workers"

    adaptive: Adaptive | None = None

    @model_validator(mode="after")
    def _one_number(self) -> Self:
        if self.adaptive and self.number_key in self.model_fields_set:
            raise ValueError(f"{self.number_key} and adaptive both say how many {self.number_key}: leave one out")
        return self

    def check_workers(self, workers: int) -> None:
        """Refuse a number beside ``adaptive``."""
        if self.adaptive:
            raise RecipeError(
                f"--workers {workers} and 'adaptive' of the --cluster-config both say how many {self.number_key}: leave one out"
            )

    def of(self, workers: int) -> Self:
        """The same with so many workers or jobs."""
        return self.model_copy(update={"adaptive": None, self.number_key: workers})
