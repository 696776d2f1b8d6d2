"""How true coordinates and fibres are where they are known, and how fast a heart is built."""

import time
from collections.abc import Iterator

import numpy as np

from twin.benchmarks.ellipsoid import ConfocalShell, TruncatedEllipsoid
from twin.benchmarks.figure import Figure, at_least, at_most, report
from twin.meshes.anatomy.population import sample_anatomy
from twin.meshes.build import build_heart
from twin.meshes.fields.coordinates import compute_coordinates
from twin.meshes.fields.fibres import FibreRule, rule_based_fibres
from twin.meshes.heart import Coordinates, Fibres
from twin.meshes.meshing.lattice import mesh_solid
from twin.meshes.volume import Volume

SECONDS = 20.0
COORDINATE_ERROR = 0.03
DEGREES = 5.0
ORDER = 0.8


def figures(quick: bool) -> Iterator[Figure]:
    yield from _ellipsoid(layers=6 if quick else 7)
    yield from _own_mesh(spacing=3.0 if quick else 1.5)
    yield from _convergence((2, 4) if quick else (2, 4, 8))
    yield from _speed(nodes=40_000 if quick else 100_000)


def coordinate_error(shape: TruncatedEllipsoid, volume: Volume, found: Coordinates) -> np.ndarray:
    """The larger error of apicobasal and transmural at each node."""
    return np.maximum(
        np.abs(found.apicobasal - shape.apicobasal(volume.points)),
        np.abs(found.transmural - shape.depth(volume.points)),
    )


def fibre_error(shape: TruncatedEllipsoid, volume: Volume, found: Fibres) -> np.ndarray:
    """Angle between fibre and the rule's direction at each tetrahedron's centre, degrees."""
    centres = volume.points[volume.tetrahedra].mean(axis=1)
    circumferential, longitudinal, _ = np.moveaxis(shape.axes(centres), 1, 0)
    helix = np.radians(np.interp(shape.depth(centres), (0, 1), FibreRule().left_helix))[:, None]
    exact = np.cos(helix) * circumferential + np.sin(helix) * longitudinal
    return np.degrees(np.arccos(np.minimum(np.abs((exact * found.fibre).sum(axis=1)), 1)))


def _solve(volume: Volume) -> tuple[Coordinates, Fibres]:
    mesh = (volume.points, volume.tetrahedra)
    coordinates = compute_coordinates(*mesh, volume.triangles, volume.boundary)
    return coordinates, rule_based_fibres(*mesh, coordinates)


def _ellipsoid(layers: int) -> Iterator[Figure]:
    shape = TruncatedEllipsoid()
    volume = shape.volume(layers)
    coordinates, fibres = _solve(volume)
    where = f"truncated ellipsoid of Land et al. (2015), {len(volume.points):,} nodes in layers"
    worst = coordinate_error(shape, volume, coordinates).max()
    said = f"{where}; apicobasal and transmural, every node"
    yield at_most("coordinate_max_error", worst, COORDINATE_ERROR, "", said)
    worst = fibre_error(shape, volume, fibres).max()
    said = f"{where}; every tetrahedron, those on the axis included"
    yield at_most("fibre_max_error_degrees", worst, DEGREES, "degrees", said)


def _own_mesh(spacing: float) -> Iterator[Figure]:
    """The same on our own mesh, which cuts the corners between base and walls."""
    shape = TruncatedEllipsoid()
    volume = mesh_solid(shape, spacing=spacing)
    coordinates, fibres = _solve(volume)
    errors = coordinate_error(shape, volume, coordinates)
    angles = fibre_error(shape, volume, fibres)
    where = f"truncated ellipsoid meshed by mesh_solid, {len(volume.points):,} nodes"
    yield report("coordinate_max_error_lattice", errors.max(), "", where)
    share = (errors <= COORDINATE_ERROR).mean()
    yield report("coordinate_share_within_lattice", share, "", f"{where}; errors up to 0.03")
    yield report("fibre_max_error_degrees_lattice", angles.max(), "degrees", where)
    share = (angles <= DEGREES).mean()
    yield report("fibre_share_within_lattice", share, "", f"{where}; errors up to 5 degrees")


def _convergence(layers: tuple[int, ...]) -> Iterator[Figure]:
    shape = ConfocalShell()
    errors = []
    for count in layers:
        volume = shape.volume(count)
        found, _ = _solve(volume)
        pairs = (
            (found.transmural, shape.transmural(volume.points)),
            (found.apicobasal, shape.apicobasal(volume.points)),
        )
        errors.append([np.sqrt(np.mean((one - other) ** 2)) for one, other in pairs])
    orders = np.log(np.divide(errors[0], errors[-1])) / np.log(layers[-1] / layers[0])
    where = f"confocal shell, {layers[0]} to {layers[-1]} layers, root mean square"
    for name, order, last in zip(("transmural", "apicobasal"), orders, errors[-1], strict=True):
        yield at_least(f"{name}_order", order, ORDER, "", f"{where}; finest error {last:.1e}")


def _speed(nodes: int) -> Iterator[Figure]:
    mesh = mesh_solid(sample_anatomy(1).solid, nodes=nodes)
    unlabelled = Volume(mesh.points, mesh.tetrahedra)
    wall, work = time.perf_counter(), time.process_time()
    build_heart(unlabelled)
    wall, work = time.perf_counter() - wall, time.process_time() - work
    said = f"build_heart of {len(mesh.points):,} unlabelled nodes, wall clock; {work:.1f} s of work"
    yield at_most("fields_100k_seconds", wall * nodes / len(mesh.points), SECONDS, "s", said)
