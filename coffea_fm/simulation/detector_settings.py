"""Settings of the detector simulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from coffea_fm.errors import RecipeError
from coffea_fm.names import close_name


@dataclass(frozen=True)
class DetectorSettings:
    """Factors on the efficiency and resolutions of the nominal detector; 1 leaves each as it is.

    Parameters
    ----------
    track_efficiency : float
        Factor on the probability that a charged particle leaves a track, which never exceeds 1.
    track_momentum : float
        Factor on the resolution of the tracks' transverse momentum.
    track_impact : float
        Factor on the resolution of impact parameters, and on the errors that are written for them.
    calorimeter : float
        Factor on the energy resolution of both calorimeters.
    """

    track_efficiency: float = 1.0
    track_momentum: float = 1.0
    track_impact: float = 1.0
    calorimeter: float = 1.0

    def __post_init__(self) -> None:
        for name, factor in vars(self).items():
            if not 0 < factor <= 10:
                raise RecipeError(f"detector: the factor {name} = {factor:g} must be above 0 and at most 10")

    @classmethod
    def of(cls, factors: Mapping[str, float]) -> DetectorSettings:
        """The detector with these factors; those that are not named are 1.

        Raises
        ------
        RecipeError
            If a name is unknown or a factor is out of range.
        """
        known = [field.name for field in fields(cls)]
        for name in factors:
            if name not in known:
                nearest = close_name(name, known, similarity=0)
                raise RecipeError(
                    f"detector: unknown factor {name!r}; did you mean {nearest!r}? Known: {', '.join(known)}"
                )
        return cls(**factors)


NOMINAL_DETECTOR = DetectorSettings()
