"""How far the healthy QRS of one anatomy depends on the edge length of its mesh."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import pyvista
from jaxtyping import Float

from twin.benchmarks.ecg_forward import relative_difference
from twin.benchmarks.figure import Figure, at_most, report
from twin.meshes.heart import Heart
from twin.meshes.torso import Torso
from twin.simulation.eikonal import activation
from twin.simulation.forward import ForwardECG
from twin.simulation.lead_field import LeadField, twelve_leads
from twin.simulation.leads import INDEPENDENT, STANDARD
from twin.simulation.physiology import Physiology

SEED = 1
DEPTH = 1.0
"""mm below the endocardium at which the tree meets the wall, so that coarse walls hold it too."""


@dataclass(frozen=True)
class Beginning:
    """Where and when the front enters the wall, the same in every mesh: mm and ms."""

    places: Float[np.ndarray, "places 3"]
    times: Float[np.ndarray, " places"]

    @staticmethod
    def of(hearts: Sequence[Heart]) -> "Beginning":
        """Where the Purkinje tree of the last one meets the wall, as far as that is in the wall of
        all of them: at the rim of the base a coarse mesh may cut a corner."""
        finest = hearts[-1]
        tree = Physiology.healthy().tree(finest)
        on_tree, nodes = tree.junctions.T
        places = finest.points[nodes] - DEPTH * _normals(finest)[nodes]
        kept = np.all([_within(heart, places) for heart in hearts], axis=0)
        return Beginning(places[kept], tree.arrival_times()[on_tree][kept])


def figures(quick: bool) -> Iterator[Figure]:
    spacings = (4.0, 3.0, 2.0) if quick else (3.0, 2.0, 1.0)
    torso = Torso.template()
    started = time.perf_counter()
    hearts = {spacing: Heart.sample(SEED, spacing=spacing) for spacing in spacings}
    beginning = Beginning.of(list(hearts.values()))
    waves = {spacing: qrs(heart, torso, beginning) for spacing, heart in hearts.items()}
    finest = waves[spacings[-1]]
    for spacing, limit in zip(spacings, (0.05, 0.02), strict=False):
        change = relative_difference(waves[spacing], finest)
        nodes, most = (f"{len(hearts[s].points):,}" for s in (spacing, spacings[-1]))
        how = (
            f"{spacing:g} mm ({nodes} nodes) against {spacings[-1]:g} mm ({most}); the same "
            f"{len(beginning.times)} places and times, all 12 leads, boundary elements"
        )
        name = f"qrs_change_{spacing:g}mm"
        yield report(name, change, "", how) if quick else at_most(name, change, limit, "", how)
        rows = [STANDARD.index(lead) for lead in INDEPENDENT]
        change = relative_difference(waves[spacing][rows], finest[rows])
        yield report(f"{name}_independent", change, "", "the same over I, II and V1 to V6 alone")
    took = time.perf_counter() - started
    yield report("qrs_change_seconds", took, "s", "three meshes, lead fields and beats")


def qrs(heart: Heart, torso: Torso, beginning: Beginning) -> Float[np.ndarray, "12 time"]:
    """From the first place to fire to 60 ms after the last, mV at 1 kHz."""
    physiology = Physiology.healthy()
    beat = activation(heart, physiology.tissue(heart), beginning.places, beginning.times)
    samples = round(40 + beginning.times.max() + 60)
    forward = ForwardECG.of(heart, LeadField.boundary_elements(heart, torso), samples=samples)
    durations = physiology.action_potential_durations(heart, beat.times)
    return twelve_leads() @ np.asarray(forward.ecg(jnp.asarray(beat.times), durations))


def _within(heart: Heart, places: np.ndarray) -> np.ndarray:
    cells = {pyvista.CellType.TETRA: heart.tetrahedra}
    grid = pyvista.UnstructuredGrid(cells, heart.points)
    return np.asarray(grid.find_containing_cell(places)) >= 0


def _normals(heart: Heart) -> Float[np.ndarray, "points 3"]:
    """Outwards at the nodes of the boundary, zero elsewhere."""
    a, b, c = np.moveaxis(heart.points[heart.triangles], 1, 0)
    sums = np.zeros_like(heart.points)
    np.add.at(sums, heart.triangles.ravel(), np.repeat(np.cross(b - a, c - a), 3, axis=0))
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
