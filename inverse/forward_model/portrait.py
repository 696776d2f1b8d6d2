"""An atrium and its electrodes as the learned forward model sees them: in the body's own frame, so
that turning or moving both together changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from twin.meshes.atria.regions import Region
from twin.meshes.atria.tissue import TissueClass
from twin.simulation.atria.body_frame import body_frame

FAR, SIZE = 100.0, 30.0
"""mm, by which distances to electrodes and within the atrium are divided."""
NEAR, TURN = 6.0, 0.7
"""mm, and difference of unit normals, over which patches count as near."""
NEIGHBOURS = 12
"""Patches that count as a patch's neighbours, with itself."""
DIRECT = 2 / 0.2
"""Of an electrode's field on a skin of 0.2 S/m: half of the space around it conducts."""
THICKNESS = 2.0
"""mm, of the wall."""
ACROSS, ALONG = 0.107, 0.4 - 0.107
"""S/m of ordinary tissue: in all directions, and more along the fibres."""

REGIONS = slice(len(Region))
KINDS = slice(REGIONS.stop, REGIONS.stop + len(TissueClass))
COORDINATES = slice(KINDS.stop, KINDS.stop + 3)
"""Columns of `AtrialPortrait.tissue`: shares of each region and of each kind of tissue, and where
a patch lies from septum to side and, as a point on a circle, in height."""
NORMAL = slice(7, 10)
FROM_MIDDLE = slice(10, 13)
"""Columns of `AtrialPortrait.views`: which way a patch faces, and where it lies in the atrium (in
`SIZE`)."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest patches of each, itself among them, and how much they count."""

    nearest: Int[np.ndarray, "patches some"]
    weights: Float[np.ndarray, "patches some"]


@dataclass(frozen=True, eq=False)
class AtrialPortrait:
    """`frame` turns the body's axes into its own (rows: left, back, up) and `gradients` are of each
    electrode's field in an endless medium, in the body's own axes, per mm and S/m."""

    frame: Float[np.ndarray, "3 3"]
    gradients: Float[np.ndarray, "electrodes patches 3"]
    views: Float[np.ndarray, "electrodes patches features"]
    tissue: Float[np.ndarray, "patches kinds"]
    areas: Float[np.ndarray, " patches"]
    normals: Float[np.ndarray, "patches 3"]
    near: Float[np.ndarray, "patches patches"]
    """How much each patch counts as lying near each other one."""
    dyads: Float[np.ndarray, "patches 3 3"]
    """Mean of fibre times fibre, in the axes of the atrium as `centres` and `electrodes` are."""
    thickness: float = THICKNESS

    @staticmethod
    def of(
        patches: Mapping[str, np.ndarray], electrodes: Float[np.ndarray, "electrodes 3"]
    ) -> "AtrialPortrait":
        """`patches` as `Patches.known` and `Patches.surroundings` say them, `electrodes` in mm."""
        frame, origin = body_frame(electrodes)
        places = (np.asarray(electrodes, float) - origin) @ frame.T
        centres = (patches["centres"] - origin) @ frame.T
        normals = patches["normals"] @ frame.T
        away = centres - places[:, None]
        distance = np.linalg.norm(away, axis=2, keepdims=True)
        gradients = -DIRECT / (4 * np.pi) * away / distance**3
        tissue = _tissue(patches)
        return AtrialPortrait(
            frame,
            gradients.astype(np.float32),
            _views(patches, places, centres, normals, away, distance, tissue),
            tissue,
            np.asarray(patches["areas"], np.float32),
            (normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype(np.float32),
            _near(patches),
            np.asarray(patches["fibre_dyads"], np.float32),
        )

    @cached_property
    def neighbours(self) -> Neighbours:
        nearest = np.argpartition(-self.near, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        return Neighbours(nearest, np.take_along_axis(self.near, nearest, axis=1))

    def turned(self, moments: Float[np.ndarray, "patches 2 3 times"]) -> np.ndarray:
        """Moments in the body's own axes, times the thickness of the wall."""
        own = np.einsum("xy,pkyt->pkxt", self.frame, np.asarray(moments, np.float32))
        return (-self.thickness * own).astype(np.float32)


def _near(patches: Mapping[str, np.ndarray]) -> Float[np.ndarray, "patches patches"]:
    """A Gaussian of the distance; what faces another way lies on another wall."""
    centres, normals = patches["centres"], patches["normals"]
    square = ((centres[:, None] - centres) ** 2).sum(axis=2) / NEAR**2
    square += ((normals[:, None] - normals) ** 2).sum(axis=2) / TURN**2
    return np.exp(-square / 2).astype(np.float32)


def _views(patches, places, centres, normals, away, distance, tissue):
    """What the field of an electrode at a patch may depend on; of the tissue, because it tells how
    the blood that the patch lies at is shaped."""
    shape = away.shape[:2]
    middle = np.average(centres, axis=0, weights=patches["areas"])
    extent = np.ptp(centres, axis=0)
    body = [(places / FAR).ravel(), middle / FAR, extent / FAR, patches["reach"] / FAR]
    which = np.broadcast_to(np.eye(len(places))[:, None], (*shape, len(places)))
    by_patch = [normals, (centres - middle) / SIZE, patches["near"] / FAR]
    features = [
        away / FAR,
        distance / FAR,
        away / distance**3 * FAR**2,
        np.broadcast_to(np.concatenate(by_patch, axis=1), (*shape, 9)),
        which,
        np.broadcast_to(np.concatenate(body), (*shape, 39)),
        np.broadcast_to(tissue, (*shape, tissue.shape[1])),
    ]
    return np.concatenate(features, axis=2).astype(np.float32)


def _tissue(patches: Mapping[str, np.ndarray]) -> Float[np.ndarray, "patches kinds"]:
    """Where a patch is on the atrium, and how its fibres lie."""
    spread = np.linalg.eigvalsh(patches["fibre_dyads"])
    parts = [patches[name] for name in ("region_shares", "tissue_shares", "coordinates")]
    return np.concatenate([*parts, spread[:, 1:]], axis=1).astype(np.float32)
