"""The unit and the axes of points from a file: found, checked, and said; never guessed in silence.

A unit is found by size: only one of um, mm, cm and m makes a heart, or a torso, of the points.
Axes are LPS (x left, y back, z up) inside, and in many files RAS (x right, y front, z up).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from twin.meshes.checking.element_faults import HEART_SIZE, UNITS
from twin.meshes.errors import InputError

AXES = {"LPS": np.array([1.0, 1.0, 1.0]), "RAS": np.array([-1.0, -1.0, 1.0])}
"""What each coordinate is multiplied with to become LPS."""


@dataclass(frozen=True)
class Extent:
    """The longest side of a body's bounding box, mm."""

    name: str
    low: float
    high: float


HEART = Extent("heart", *HEART_SIZE)
TORSO = Extent("torso", 250.0, 2000.0)


def find_scale(
    points: Float[np.ndarray, "points 3"], unit: str | None = None, extent: Extent = HEART
) -> tuple[float, str]:
    """Millimetres in the points' unit, and how it was found."""
    finite = points[np.isfinite(points).all(axis=1)]
    size = float(np.ptp(finite, axis=0).max()) if len(finite) else 0.0
    range_said = f"a {extent.name} measures {extent.low:g} to {extent.high:g} mm"
    fitting = [name for name, mm in UNITS.items() if extent.low <= size * mm <= extent.high]
    if unit is not None:
        if unit not in UNITS:
            raise InputError(f"unit {unit!r} is not known; expected one of {', '.join(UNITS)}")
        doubt = "" if unit in fitting else f", although {range_said}"
        return UNITS[unit], f"unit {unit} as told: {size * UNITS[unit]:.4g} mm across{doubt}"
    if len(fitting) != 1:
        raise InputError(
            f"its points span {size:.4g}, which is no {extent.name} in any of {', '.join(UNITS)} "
            f"({range_said}); if that is right, say in which unit it is (unit=, --unit)"
        )
    scale = UNITS[fitting[0]]
    return scale, f"unit {fitting[0]}, found by size: {size * scale:.4g} mm across"


def find_axes(
    axes: str | None = None, stated: str | None = None
) -> tuple[Float[np.ndarray, " 3"], str]:
    """The factors that turn points to LPS, and on whose word: the user's or the file's."""
    if axes is not None and axes.upper() not in AXES:
        raise InputError(f"axes {axes!r} are not known; expected LPS or RAS")
    if axes is not None and stated is not None and axes.upper() != stated:
        raise InputError(f"it says that its axes are {stated}, but {axes.upper()} was asked for")
    if axes is not None:
        return AXES[axes.upper()], f"axes {axes.upper()} as told"
    if stated is not None:
        return AXES[stated], f"axes {stated}: the file says so"
    return AXES["LPS"], "axes taken as LPS: nothing in the file says so"


def doubt_axes(
    left: Float[np.ndarray, "left 3"], right: Float[np.ndarray, "right 3"]
) -> str | None:
    """A remark where the ventricles stand as in RAS: the right one lies left and behind."""
    x, y, _ = right.mean(axis=0) - left.mean(axis=0)
    if x > 0 and y > 0:
        return (
            "the right ventricle lies to the left of and behind the left one: "
            "are the axes RAS? Then say so (axes=RAS, --axes RAS)"
        )
    return None
