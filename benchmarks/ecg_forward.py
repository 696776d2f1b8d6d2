"""The forward ECG: a published simulation given back, and a QRS free of the mesh."""

import csv
from collections.abc import Iterator
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pyvista as pv
from jaxtyping import Float

from twin.benchmarks.boxes import box_heart
from twin.benchmarks.figure import Figure, at_least, report
from twin.meshes.heart import Coordinates, Fibres, Heart
from twin.simulation.action_potential import FOOT, SAMPLE, SPAN, ActionPotentials
from twin.simulation.ecg import ECG
from twin.simulation.forward import ForwardECG
from twin.simulation.lead_field import ELECTRODES, LeadField
from twin.simulation.lead_weights import Intracellular
from twin.simulation.leads import STANDARD

CRTDEMO = Path(__file__).resolve().parents[2] / "shared" / "data" / "crtdemo"
FIRST_SAMPLE = -5.0
"""ms after the first activation, of the file true_ecg.csv."""


def figures(quick: bool) -> Iterator[Figure]:
    if CRTDEMO.exists():
        worst = min(crtdemo_correlations(CRTDEMO).values())
        how = "crtdemo's activation map, infinite medium, against its ECG, the worst of 12 leads"
        yield at_least("crtdemo_worst_correlation", worst, 0.97, "", how)
    finest = box_qrs(1.0)
    for spacing in (3, 2):
        change = relative_difference(box_qrs(float(spacing)), finest)
        how = f"exact times of a plane front in a block of 24 x 12 x 6 mm, {spacing} against 1 mm"
        yield report(f"block_qrs_change_{spacing}mm", change, "", how)


def infinite_lead_field(heart: Heart, places: Float[np.ndarray, "electrodes 3"]) -> LeadField:
    """Of electrodes anywhere in a medium of 1 S/m, without a torso."""
    anchors = np.repeat(np.asarray(places)[:, None], 3, axis=1) + 10 * np.eye(3)
    rest = np.zeros((len(places), 3, len(heart.points)), np.float32)
    points = np.asarray(heart.points, np.float32)
    return LeadField(points, ELECTRODES, np.asarray(places), 1.0, anchors, rest, "infinite medium")


def relative_difference(one: np.ndarray, other: np.ndarray) -> float:
    """L2, over all leads and times."""
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))


def box_qrs(spacing: float) -> Float[np.ndarray, "8 time"]:
    """An oblique plane front through a block of one tensor, seen by nine electrodes round it."""
    heart = box_heart(spacing, size=(24.0, 12.0, 6.0))
    directions = np.random.default_rng(0).normal(size=(len(ELECTRODES), 3))
    places = 60 * directions / np.linalg.norm(directions, axis=1, keepdims=True) + [12, 6, 3]
    forward = ForwardECG.of(heart, infinite_lead_field(heart, places), samples=140)
    times = heart.points @ np.array([1.2, 1.0, 0.7])
    return np.asarray(forward.ecg(jnp.asarray(times), jnp.full(len(times), 300.0)))


def crtdemo_correlations(folder: Path) -> dict[str, float]:
    """Of each lead's samples with those of the authors of crtdemo.

    Theirs is the sum of K V / distance with V rising from -80 to 20 mV as a hyperbolic tangent of
    1 ms, at 1 ms from `FIRST_SAMPLE`; conductivities 10 : 1. It lacks the minus sign of
    - integral of s grad V . grad Z, which is put back here: I and V6 are then upright and V1 is
    negative, as they should be in the left bundle-branch block that the map shows.
    """
    heart, times = _crtdemo_heart(folder)
    theirs = -np.loadtxt(folder / "true_ecg.csv", delimiter=",", skiprows=1).T
    with (folder / "electrodes.csv").open() as file:
        rows = {row["electrode"]: row for row in csv.DictReader(file)}
    places = np.array([[float(rows[e][f"{a}_mm"]) for a in "xyz"] for e in ELECTRODES])
    forward = ForwardECG.of(
        heart,
        infinite_lead_field(heart, places),
        Intracellular(along=3.0, across=0.3),
        _hyperbolic_tangent(),
        start=FIRST_SAMPLE,
        samples=theirs.shape[1],
    )
    ours: ECG = forward.record(times - times.min(), np.full(len(times), 300.0))
    return {
        name: float(np.corrcoef(ours.lead(name), row)[0, 1])
        for name, row in zip(STANDARD, theirs, strict=True)
    }


def _crtdemo_heart(folder: Path) -> tuple[Heart, Float[np.ndarray, " points"]]:
    """A heart without boundary or coordinates, and the activation times."""
    grid = pv.read(folder / "crtdemo_fibre_activation.vtu")
    tetrahedra = grid.cells_dict[pv.CellType.TETRA]
    fibre = np.asarray(grid.point_data["fiber"], float)[tetrahedra].mean(axis=1)
    fibre /= np.linalg.norm(fibre, axis=1, keepdims=True)
    zero = np.zeros(grid.n_points)
    heart = Heart(
        points=np.asarray(grid.points, float),
        tetrahedra=tetrahedra,
        triangles=tetrahedra[:1, 1:],
        boundary=np.ones(1, np.int8),
        coordinates=Coordinates(zero, zero, zero, zero.astype(np.int8)),
        fibres=Fibres(fibre, fibre, fibre),
    )
    return heart, np.asarray(grid.point_data["activation_ms"], float)


def _hyperbolic_tangent() -> ActionPotentials:
    time = np.arange(-FOOT, SPAN, SAMPLE)
    trace = -80 + 50 * (1 + np.tanh(time))
    return ActionPotentials(np.array([200.0, 400.0]), np.stack([trace, trace]))
