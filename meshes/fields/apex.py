"""The line through the wall where a ventricle ends: apicobasal 0."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from twin.meshes.errors import InputError
from twin.meshes.topology import open_edges


@dataclass(frozen=True)
class Apex:
    """A straight line through the wall, from the endocardium to the epicardium, mm."""

    inner: Float[np.ndarray, " 3"]
    outer: Float[np.ndarray, " 3"]

    def distance(self, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, " points"]:
        """Distance to the line, mm."""
        return np.linalg.norm(self.offset(points), axis=1)

    def offset(self, points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "points 3"]:
        """From the nearest place on the line to each point, mm."""
        along = self.outer - self.inner
        place = np.clip((points - self.inner) @ along / max(along @ along, 1e-12), 0, 1)
        return points - self.inner - place[:, None] * along

    def nodes(self, points: Float[np.ndarray, "points 3"]) -> Int[np.ndarray, " nodes"]:
        """The nodes nearest to the places on the line."""
        places = np.linspace(self.inner, self.outer, 200)
        return np.unique(cKDTree(points).query(places)[1])


def mouth_centre(
    points: Float[np.ndarray, "points 3"], endocardium: Int[np.ndarray, "faces 3"]
) -> Float[np.ndarray, " 3"]:
    """Middle of the rims where an endocardium ends, each edge weighted by its length, mm."""
    rim = open_edges(endocardium)
    if len(rim) == 0:
        raise InputError(
            "an endocardium has no rim: its cavity is closed. Open it at the valves, so that the "
            "base can be told from the apex"
        )
    start, end = points[rim[:, 0]], points[rim[:, 1]]
    return np.average((start + end) / 2, axis=0, weights=np.linalg.norm(end - start, axis=1))


def farthest(
    points: Float[np.ndarray, "points 3"], origin: Float[np.ndarray, " 3"]
) -> Float[np.ndarray, " 3"]:
    """The place farthest from the origin on a smooth surface through the points, between nodes too.

    Around the farthest node the squared distance is fitted by a parabola over the tangent plane,
    whose summit is the place sought.
    """
    distance = np.linalg.norm(points - origin, axis=1)
    summit = points[distance.argmax()]
    outward = (summit - origin) / distance.max()
    patch = points[np.linalg.norm(points - summit, axis=1) < 0.15 * distance.max()]
    if len(patch) < 12:
        return summit
    one = np.cross(outward, np.eye(3)[np.abs(outward).argmin()])
    one /= np.linalg.norm(one)
    plane = np.column_stack([one, np.cross(outward, one)])
    x, y = ((patch - summit) @ plane).T
    terms = np.column_stack([np.ones(len(x)), x, y, x * x, x * y, y * y])
    _, a, b, aa, ab, bb = np.linalg.lstsq(terms, (patch - origin) @ outward, rcond=None)[0]
    hessian = np.array([[2 * aa, ab], [ab, 2 * bb]])
    if np.linalg.eigvalsh(hessian).max() >= 0:
        return summit
    shift = -np.linalg.solve(hessian, [a, b])
    reach = np.linalg.norm(patch - summit, axis=1).max()
    shift *= min(1, 0.5 * reach / max(np.linalg.norm(shift), 1e-12))
    height = np.array([1, *shift, shift[0] ** 2, shift.prod(), shift[1] ** 2])
    fitted = np.linalg.lstsq(terms, (patch - summit) @ outward, rcond=None)[0] @ height
    return summit + plane @ shift + fitted * outward
