"""A myocardial infarct: which nodes of a heart are scar, which its border zone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from twin.meshes.errors import InputError
from twin.meshes.files import content_hash
from twin.meshes.heart import Heart

if TYPE_CHECKING:
    from twin.simulation.infarction.description import Description
    from twin.simulation.infarction.enhancement import Threshold


class Zone(IntEnum):
    """What a node, or an element by the most severe of its corners, is."""

    HEALTHY = 0
    BORDER = 1
    SCAR = 2


@dataclass(frozen=True, eq=False)
class Infarct:
    """A `Zone` at each node of a heart. docs/infarct.md defines every measure.

    `acute` says whether it is fresh, or healed. `provenance` says where it is from: seed, place,
    what was asked for, or the file and how it was read.
    """

    zones: Int[np.ndarray, " points"]
    acute: bool = False
    provenance: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        zones = np.asarray(self.zones)
        if zones.ndim != 1 or not np.isin(zones, list(Zone)).all():
            raise InputError(
                f"zones of shape {zones.shape} with the values {np.unique(zones)[:6].tolist()}; "
                "expected 0 (healthy), 1 (border zone) or 2 (scar) for each node of a heart"
            )
        zones = zones.astype(np.int8)
        zones.setflags(write=False)
        object.__setattr__(self, "zones", zones)

    @staticmethod
    def none(heart: Heart) -> "Infarct":
        """A heart without scar."""
        return Infarct(np.zeros(len(heart.points), np.int8), provenance={"origin": "healthy"})

    @staticmethod
    def sample(heart: Heart, seed: int, **wishes) -> "Infarct":
        """A random infarct; see `infarction.sampling.sample_infarct` for what can be asked."""
        from twin.simulation.infarction.sampling import sample_infarct

        return sample_infarct(heart, seed, **wishes)

    @staticmethod
    def read(path: str | Path, heart: Heart, **options) -> "Infarct":
        """From a heart's .vtu, a label map, a late-enhancement image or field, or lists of nodes;
        `infarction.reading.Reading` has the options."""
        from twin.simulation.infarction.reading import read_infarct

        return read_infarct(path, heart, **options)

    @staticmethod
    def of_labels(heart: Heart, values: Int[np.ndarray, " given"], **how) -> "Infarct":
        """From a label for each node or tetrahedron; see `infarction.reading.infarct_of_labels`."""
        from twin.simulation.infarction.reading import infarct_of_labels

        return infarct_of_labels(heart, values, **how)

    @staticmethod
    def of_enhancement(
        heart: Heart, values: Float[np.ndarray, " points"], threshold: "Threshold", **how
    ) -> "Infarct":
        """From the late enhancement at each node, by a threshold of `infarction.enhancement`."""
        from twin.simulation.infarction.reading import infarct_of_enhancement

        return infarct_of_enhancement(heart, values, threshold, **how)

    def write(self, path: str | Path, heart: Heart) -> None:
        """The heart with the infarct's fields; the ending chooses the format, as for a heart."""
        from twin.simulation.infarction.record import write_infarct

        write_infarct(self, path, heart)

    def elements(self, heart: Heart) -> Int[np.ndarray, " tets"]:
        """The zone of each tetrahedron: the most severe of its corners."""
        self.check(heart)
        a, b, c, d = (self.zones[corner] for corner in heart.tetrahedra.T)
        return np.maximum(np.maximum(a, b), np.maximum(c, d))

    def describe(self, heart: Heart) -> "Description":
        """How large it is, where, and of what shape."""
        from twin.simulation.infarction.description import describe

        return describe(self, heart)

    def check(self, heart: Heart) -> None:
        """That it is this heart's, as far as counting tells."""
        if len(self.zones) != len(heart.points):
            raise InputError(
                f"the infarct has {len(self.zones):,} nodes and the heart {len(heart.points):,}; "
                "give the heart that it was made in"
            )

    @property
    def is_empty(self) -> bool:
        return not self.zones.any()

    @cached_property
    def content(self) -> str:
        """SHA-256: two infarcts with the same content do the same to a heart."""
        return content_hash(self.zones, np.array(self.acute))
