"""The mesher: how fast it is, and whether its meshes are whole, well shaped and exact."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from twin.benchmarks.figure import Figure, at_least, at_most, report
from twin.benchmarks.solids import Chain, Cup, Shell
from twin.meshes.anatomy.population import sample_anatomy
from twin.meshes.heart import signed_volumes
from twin.meshes.meshing.distance import SurfaceSolid
from twin.meshes.meshing.lattice import mesh_solid
from twin.meshes.meshing.quality import scaled_jacobian
from twin.meshes.meshing.solid import Solid
from twin.meshes.surface import Surface
from twin.meshes.topology import (
    boundary_triangles,
    connected_components,
    non_manifold_edges,
    non_manifold_nodes,
    open_edges,
)
from twin.meshes.volume import Volume

NODES = 100_000
SEEDS, QUICK_SEEDS = range(5), range(2)
SPACINGS, QUICK_SPACINGS = (1.5, 2.0, 2.5, 3.0, 3.5), (3.0,)
CLOCKED = "hearts of the population, signed distances and the search for the spacing included"


@dataclass(frozen=True)
class Mesh:
    """What was measured of one mesh; the volume's error is nan where the volume is not known."""

    nodes: int
    worst: float
    median: float
    volume_error: float
    whole: bool

    @staticmethod
    def of(volume: Volume, expected: float = float("nan")) -> "Mesh":
        quality = scaled_jacobian(volume.points, volume.tetrahedra)
        found = float(signed_volumes(volume.points, volume.tetrahedra).sum())
        return Mesh(
            len(volume.points),
            float(quality.min()),
            float(np.median(quality)),
            abs(found / expected - 1),
            _is_whole(volume),
        )


def figures(quick: bool) -> Iterator[Figure]:
    yield from _speed(QUICK_SEEDS if quick else SEEDS)
    meshes = list(_meshes(quick))
    how = f"{len(meshes)} meshes: shells, cups, chains of balls and hearts, at several spacings"
    yield at_least("mesh_min_scaled_jacobian", min(m.worst for m in meshes), 0.1, "", how)
    yield report(
        "mesh_median_scaled_jacobian", float(np.median([m.median for m in meshes])), "", how
    )
    error = np.nanmax([m.volume_error for m in meshes])
    yield at_most("mesh_volume_max_error", error, 0.01, "", f"{how}; where the volume is known")
    failures = sum(not m.whole for m in meshes)
    yield at_most("mesh_not_whole", failures, 0, "meshes", f"{how}; one manifold boundary and part")


def _speed(seeds) -> Iterator[Figure]:
    clocked = [_clocked(sample_anatomy(seed).solid) for seed in seeds]
    wall, processor, _ = np.max(clocked, axis=0)
    yield at_most("mesh_100k_seconds", wall, 8, "s", f"slowest of {len(clocked)} {CLOCKED}")
    yield report("mesh_100k_processor_seconds", processor, "s", "the same, time of the processor")
    missed = max(abs(nodes / NODES - 1) for _, _, nodes in clocked)
    yield at_most("mesh_100k_nodes_error", missed, 0.1, "", "nodes made beside nodes asked for")
    fine = mesh_solid(sample_anatomy(0).solid, spacing=2.0)
    surface = Surface(fine.points, fine.triangles, fine.boundary)
    wall, processor, _ = _clocked(SurfaceSolid(surface))
    how = f"within a closed surface of {len(surface.triangles):,} triangles"
    yield at_most("mesh_100k_surface_seconds", wall, 8, "s", how)
    yield report("mesh_100k_surface_processor_seconds", processor, "s", how)


def _clocked(solid: Solid) -> tuple[float, float, int]:
    wall, processor = time.perf_counter(), time.process_time()
    volume = mesh_solid(solid, nodes=NODES)
    return time.perf_counter() - wall, time.process_time() - processor, len(volume.points)


def _meshes(quick: bool) -> Iterator[Mesh]:
    for spacing in QUICK_SPACINGS if quick else SPACINGS:
        for solid in (Shell(), Shell(25, 19, 4.5), Shell(20, 17), Cup(), Cup(wall=3.0)):
            yield Mesh.of(mesh_solid(solid, spacing=spacing), solid.volume)
        for seed in QUICK_SEEDS if quick else SEEDS:
            yield Mesh.of(mesh_solid(Chain.sample(seed), spacing=spacing))
            yield Mesh.of(mesh_solid(sample_anatomy(seed).solid, spacing=spacing))


def _is_whole(volume: Volume) -> bool:
    triangles = boundary_triangles(volume.tetrahedra)
    faults = (open_edges, non_manifold_edges, non_manifold_nodes)
    parts = connected_components(volume.tetrahedra).max() + 1
    return parts == 1 and not any(len(fault(triangles)) for fault in faults)
