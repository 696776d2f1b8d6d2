"""How long each part of the heart stays depolarised."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from scipy import sparse

from twin.meshes.errors import InputError
from twin.meshes.fields.laplace import LinearElements
from twin.meshes.heart import Heart

SEPTUM = 5 / 6
"""The rotational angle of its middle."""


@dataclass(frozen=True)
class DurationGradients:
    """Action potential durations (APD90) as a mean and five differences, all in ms.

    apicobasal: base minus apex.
    transmural: endocardium minus epicardium, in both ventricles.
    interventricular: left ventricle minus right.
    anteroposterior: the most anterior node of the heart minus the most posterior.
    septolateral: the middle of the septum minus the middle of the left free wall.

    In healthy people the base exceeds the apex by 42 ms (Ramanathan et al., PNAS 103:6309, 2006).
    Over the left endocardium durations differ by 64 ms, longest in the septum and below, shortest
    at the side, and the endocardium repolarises 6 % of QT after the epicardium (Franz et al.,
    Circulation 75:379, 1987), so its duration is longer by that and by what activation takes. Both
    ventricles recover alike (Stoks et al., Europace 26:euae172, 2024), so the right one, whose thin
    wall is activated sooner, has the longer durations. No one gradient makes T
    waves of clinical size in all leads; several together do ("Effects of action potential duration
    gradients on T wave", J Electrocardiol, 2016). The defaults keep to these sizes and make T
    upright where it is so in health; see docs/forward_ecg.md.
    """

    mean: float = 340.0
    apicobasal: float = 42.0
    transmural: float = 45.0
    interventricular: float = -12.0
    anteroposterior: float = 15.0
    septolateral: float = 64.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not np.isfinite(value):
                raise InputError(f"gradients of duration: {name} is {value}, expected ms")

    def durations(self, heart: Heart) -> Float[np.ndarray, " points"]:
        """APD90 of each node, ms, before neighbours have evened it out."""
        c = heart.coordinates
        depth = heart.points[:, 1]
        backward = (depth - depth.min()) / np.ptp(depth)
        parts = (
            (self.apicobasal, c.apicobasal),
            (-self.transmural, c.transmural),
            (-self.interventricular, c.ventricle),
            (-self.anteroposterior, backward),
            (self.septolateral / 2, _towards_septum(heart)),
        )
        volumes = _node_volumes(heart)
        deviation = np.sum([size * place for size, place in parts], axis=0)
        return np.asarray(self.mean + deviation - np.average(deviation, weights=volumes))


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class ElectrotonicCoupling:
    """Evens out differences between neighbours over `length` mm.

    Solves u - length^2 div grad u = given values, no flux through the boundary: the steady state of
    cells that their neighbours pull with a space constant `length`. The mean over the volume stays.
    """

    neighbours: Int[Array, "most points"]
    strengths: Float[Array, "most points"]
    volumes: Float[Array, " points"]

    @staticmethod
    def of(heart: Heart, length: float = 3.0) -> "ElectrotonicCoupling":
        """For a heart; `length` in mm, 2 to 5 in ventricles."""
        if not 0 <= length <= 50:
            raise InputError(f"electrotonic length: {length} mm, expected 0 to 50, such as 3")
        stiffness = LinearElements(heart.points, heart.tetrahedra).stiffness()
        neighbours, entries = _by_neighbour(stiffness)
        kind = jax.dtypes.canonicalize_dtype(heart.points.dtype)
        return ElectrotonicCoupling(
            jnp.asarray(neighbours),
            jnp.asarray(-(length**2) * entries, kind),
            jnp.asarray(_node_volumes(heart), kind),
        )

    def durations(
        self, arrival_times: Float[Array, " points"], durations: Float[Array, " points"]
    ) -> Float[Array, " points"]:
        """Durations that make the times of repolarisation, arrival + duration, smooth.

        Nodes that no front reaches are left as they are and pull nobody. Differentiable.
        """
        reached = jnp.isfinite(arrival_times)
        arrived = jnp.where(reached, arrival_times, 0.0)
        smooth = self.smooth(arrived + durations, reached)
        return jnp.where(reached, smooth - arrived, durations)

    def smooth(self, values: Float[Array, " points"], coupled=True) -> Float[Array, " points"]:
        """Evened-out values; nodes that are not `coupled` keep theirs."""
        coupled = jnp.broadcast_to(coupled, values.shape).astype(self.volumes.dtype)
        total = self._over_neighbours(coupled)

        # Divided by the square root of the volumes on both sides: symmetric and well scaled.
        root = jnp.sqrt(self.volumes)

        def apply(scaled):
            u = scaled / root
            return scaled + coupled * (total * u - self._over_neighbours(coupled * u)) / root

        # Solved for the change: the tolerance is then of the differences, not of the mean.
        given = root * values
        change, _ = jax.scipy.sparse.linalg.cg(apply, given - apply(given), tol=1e-5, maxiter=500)
        return values + change / root

    def _over_neighbours(self, values: Float[Array, " points"]) -> Float[Array, " points"]:
        """Sum over each node's neighbours of strength x value."""

        def add(total, column):
            strengths, neighbours = column
            return total + strengths * values[neighbours], None

        # A gather for each column: on a processor several times as fast as adding up by edges.
        return jax.lax.scan(add, jnp.zeros_like(values), (self.strengths, self.neighbours))[0]


def _by_neighbour(
    matrix: sparse.csr_matrix,
) -> tuple[Int[np.ndarray, "most points"], Float[np.ndarray, "most points"]]:
    """A matrix off its diagonal as one row of neighbours and entries for each first, second, …
    neighbour; who has fewer is its own neighbour, at nothing."""
    away = matrix.tocoo()
    off = away.row != away.col
    rows, columns, entries = away.row[off], away.col[off], away.data[off]
    counts = np.bincount(rows, minlength=matrix.shape[0])
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    neighbours = np.tile(np.arange(matrix.shape[0], dtype=np.int32), (counts.max(), 1))
    strengths = np.zeros(neighbours.shape)
    neighbours[place, rows], strengths[place, rows] = columns, entries
    return neighbours, strengths


def _towards_septum(heart: Heart) -> Float[np.ndarray, " points"]:
    """1 in the middle of the septum, -1 opposite it in the left ventricle; 0 in the right one."""
    c = heart.coordinates
    return np.where(c.ventricle == 0, np.cos(2 * np.pi * (c.rotational - SEPTUM)), 0.0)


def _node_volumes(heart: Heart) -> Float[np.ndarray, " points"]:
    """A quarter of the volume of the tetrahedra around each node, mm3."""
    quarters = np.repeat(heart.element_volumes / 4, 4)
    return np.bincount(heart.tetrahedra.ravel(), quarters, len(heart.points))
