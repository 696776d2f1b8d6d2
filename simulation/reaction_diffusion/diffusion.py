"""Diffusion of the membrane potential by linear finite elements, ready for a time loop."""

import math
from dataclasses import dataclass, field
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from scipy import sparse

from twin.meshes.errors import InputError
from twin.meshes.heart import Heart
from twin.meshes.shell import Shell
from twin.simulation.reaction_diffusion.conductivity import TissueConductivity
from twin.simulation.reaction_diffusion.mass import LUMPED, Mass
from twin.simulation.reaction_diffusion.simplices import Simplices

POWER_ITERATIONS = 60

MARGIN = 1.05
"""Of the step for which nodes are made heavy enough, over the step taken."""

TOLERANCE = 1e-5
"""Of implicit steps: residual over right side. An error of 1e-5 of a step's change is below that of
the time step itself by orders."""

_static = partial(field, metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Diffusion:
    """dV/dt = div(sigma grad V) / (chi Cm) at the nodes, by their neighbours.

    Row k holds each node's k-th neighbour; who has fewer is its own, at nothing. `strengths` (1/ms)
    are -K_ij / L_i and `shares` are -E_ij / L_i, with K stiffness over chi Cm, L the lumped mass
    and E what the mass differs from it (see `mass`); E is nothing unless `mixed`. `volumes` are L:
    mm3, or mm2 on a shell; zero where all tissue around a node is blocked.
    """

    neighbours: Int[Array, "most points"]
    strengths: Float[Array, "most points"]
    shares: Float[Array, "most points"]
    volumes: Float[Array, " points"]
    mixed: bool = _static(default=False)

    @staticmethod
    def of(
        mesh: Heart | Shell,
        tissue: TissueConductivity,
        mass: Mass = LUMPED,
        kind=np.float32,
        step: float = 0.0,
    ) -> "Diffusion":
        """Nodes for which an explicit step of `step` ms would be unstable count as more tissue, as
        much as makes it stable (see `heavy_enough`); with lumped mass alone."""
        if len(tissue.blocked) != len(mesh.elements):
            raise InputError(
                f"conductivities of {len(tissue.blocked):,} elements for a mesh of "
                f"{len(mesh.elements):,}; make them for this mesh"
            )
        simplices = Simplices(mesh, tissue.blocked)
        diffusivities = tissue.diffusivities
        difference = mass.difference(simplices, diffusivities)
        stiffness = simplices.gather(simplices.stiffness(diffusivities))
        away = 0 * stiffness if difference is None else simplices.gather(difference)
        volumes = simplices.lumped_mass
        if step:
            volumes = heavy_enough(volumes, stiffness, step)
        inverse = np.divide(1, volumes, out=np.zeros_like(volumes), where=volumes > 0)
        neighbours, entries = by_neighbour(
            simplices.gather(simplices.consistent_mass), stiffness, away
        )
        strengths, shares = (jnp.asarray(-e * inverse, kind) for e in entries)
        return Diffusion(
            jnp.asarray(neighbours),
            strengths,
            shares,
            jnp.asarray(volumes, kind),
            difference is not None,
        )

    def rate(self, potential: Float[Array, " points"]) -> Float[Array, " points"]:
        """mV/ms that neighbours bring about."""
        # By differences from the node's own: what is even stays so to the last bit.
        rate = self._over(self.strengths, potential)
        return rate - self._over(self.shares, rate) if self.mixed else rate

    def implicit_change(self, potential: Float[Array, " points"], step: float):
        """What diffusion changes in `step` ms: (L + step K) change = step L rate, backward Euler.

        Conjugate gradients preconditioned by the diagonal, which evens out small and large
        elements, from the explicit change damped by it.
        """
        volumes = jnp.where(self.volumes > 0, self.volumes, 1)
        diagonal = volumes * (1 + step * self.strengths.sum(axis=0))

        def apply(change):
            return volumes * (change - step * self._over(self.strengths, change))

        right = step * volumes * self.rate(potential)
        return jax.scipy.sparse.linalg.cg(
            apply, right, right / diagonal, tol=TOLERANCE, M=lambda r: r / diagonal, maxiter=200
        )[0]

    def limit(self) -> float:
        """Longest stable time step (ms) of diffusion alone with forward Euler: 2 / |largest
        eigenvalue|, which power iteration finds from below, with 2 % to spare."""
        largest = float(_largest_eigenvalue(self))
        return math.inf if largest == 0 else 2 / (1.02 * largest)

    def _over(self, weights, values):
        """Sum over neighbours of weight x (their value - the node's own)."""

        def add(total, column):
            weight, neighbour = column
            return total + weight * (values[neighbour] - values), None

        return jax.lax.scan(add, jnp.zeros_like(values), (weights, self.neighbours))[0]


@jax.jit
def _largest_eigenvalue(diffusion: Diffusion):
    start = jax.random.normal(jax.random.key(0), diffusion.volumes.shape, diffusion.volumes.dtype)

    def turn(vector, _):
        image = -diffusion.rate(vector)
        size = jnp.linalg.norm(image)
        return image / jnp.where(size > 0, size, 1), size / jnp.linalg.norm(vector)

    return jax.lax.scan(turn, start, None, length=POWER_ITERATIONS)[1].max()


def heavy_enough(
    volumes: Float[np.ndarray, " points"], stiffness: sparse.csr_matrix, step: float
) -> Float[np.ndarray, " points"]:
    """Lumped masses with which explicit steps of `step` ms are stable. A few tiny elements, as
    surfaces from images have, would make all steps short; fronts pass them a little more slowly."""
    # No eigenvalue is beyond the largest sum of a row (Gershgorin).
    largest = np.asarray(abs(stiffness).sum(axis=1)).ravel()
    return np.where(volumes > 0, np.maximum(volumes, MARGIN * step / 2 * largest), 0.0)


def by_neighbour(
    pattern: sparse.csr_matrix, *matrices: sparse.csr_matrix
) -> tuple[Int[np.ndarray, "most points"], list[Float[np.ndarray, "most points"]]]:
    """Matrices off their diagonals as a row for each first, second, … neighbour.

    All have the same places, also where they are zero; neighbours are those of `pattern` that are
    not.
    """
    nodes = pattern.shape[0]
    rows = np.repeat(np.arange(nodes, dtype=np.int32), np.diff(pattern.indptr))
    off = (rows != pattern.indices) & (pattern.data != 0)
    rows, columns = rows[off], pattern.indices[off]
    counts = np.bincount(rows, minlength=nodes)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    neighbours = np.tile(np.arange(nodes, dtype=np.int32), (max(1, counts.max()), 1))
    neighbours[place, rows] = columns
    arranged = [np.zeros(neighbours.shape) for _ in matrices]
    for matrix, entries in zip(matrices, arranged, strict=True):
        entries[place, rows] = matrix.data[off]
    return neighbours, arranged
