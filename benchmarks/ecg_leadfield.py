"""How right lead fields are, and how long they take."""

import os
import tempfile
import time
from collections.abc import Iterator

import numpy as np
from scipy.spatial.distance import cdist

from twin.benchmarks.figure import Figure, at_least, at_most, report
from twin.benchmarks.small_torso import round_torso, small_heart
from twin.benchmarks.spheres import (
    dipole_in_infinite_medium,
    dipole_in_insulated_sphere,
    sphere,
)
from twin.meshes.heart import Boundary, Heart
from twin.meshes.torso import Torso
from twin.simulation.conductor.boundary_elements import Conductor, Interface
from twin.simulation.lead_field import LeadField, twelve_leads
from twin.simulation.lead_weights import lead_weights, node_weights

MOMENT = np.array([0.3, 0.5, 0.8])
ECCENTRICITIES = (0.0, 0.3, 0.5)
SPEED = 0.6
"""Of the front, mm/ms."""
UPSTROKE, RISE = 5.0, 100.0
"""ms, mV"""


def figures(quick: bool) -> Iterator[Figure]:
    yield from _dipole_figures()
    heart, torso = (small_heart(), round_torso()) if quick else _whole_body()
    with tempfile.TemporaryDirectory() as cache:
        yield from _method_figures(heart, torso, 5.0 if quick else 2.0, cache)


def _whole_body():
    heart = Heart.sample(1, nodes=100_000)
    return heart, Torso.template().place(heart)


def _dipole_figures():
    conductor = Conductor([Interface(sphere(), 1.0, 0.0)])
    places = conductor.points
    errors = []
    for eccentricity in ECCENTRICITIES:
        at = eccentricity * np.array([0, 0.6, 0.8])
        infinite = dipole_in_infinite_medium(places, at, MOMENT)
        exact = dipole_in_insulated_sphere(places, at, MOMENT)
        exact -= exact.mean()
        found = conductor.potentials(infinite[:, None])[:, 0]
        errors.append(np.linalg.norm(found - exact) / np.linalg.norm(exact))
        if eccentricity == 0:
            ratio = found @ infinite / (infinite @ infinite)
    where = ", ".join(f"{e:g}" for e in ECCENTRICITIES)
    how = "insulated sphere of 1,280 triangles, against the series"
    yield at_most(
        "bem_dipole_error", float(max(errors)), 0.01, "", f"{how}; worst at {where} of the radius"
    )
    deviation = abs(ratio / 3 - 1)
    yield Figure("bem_central_ratio", float(ratio), "", "3 +- 0.5 %", bool(deviation <= 5e-3), how)


def _method_figures(heart, torso, finest, cache):
    kept = os.environ.get("TWIN_CACHE")
    os.environ["TWIN_CACHE"] = cache
    try:
        wall, processor = time.perf_counter(), time.process_time()
        elements = LeadField.boundary_elements(heart, torso)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        reference = LeadField.finite_elements(heart, torso, finest)
    finally:
        os.environ.pop("TWIN_CACHE") if kept is None else os.environ.update(TWIN_CACHE=kept)
    fields = (elements, reference, LeadField.infinite_medium(heart, torso))
    ours, theirs, infinite = (synthetic_ecg(heart, field) for field in fields)
    how = (
        f"{len(heart.points):,} nodes, {len(torso.skin.triangles):,} triangles of skin; finite "
        f"elements of {finest:g} mm; worst of 12 leads"
    )
    yield at_least("bem_fem_correlation", correlations(ours, theirs).min(), 0.99, "", how)
    change = abs(np.ptp(ours, axis=0) / np.ptp(theirs, axis=0) - 1)
    yield at_most("bem_fem_amplitude_error", change.max(), 0.05, "", how)
    timed = f"nothing compiled or kept; {processor:.1f} s of processor, {os.cpu_count()} cores"
    yield at_most("leadfield_seconds", wall, 10, "s", f"{len(heart.points):,} nodes; {timed}")
    weakest = (np.ptp(infinite, axis=0) / np.ptp(theirs, axis=0)).min()
    yield report(
        "infinite_medium_weakest_lead", weakest, "", f"amplitude over finite elements; {how}"
    )


def synthetic_ecg(heart: Heart, field: LeadField) -> np.ndarray:
    """Twelve leads each ms, from fronts that spread evenly from two places of the endocardium."""
    weights = np.asarray(node_weights(heart, lead_weights(heart, field)), float)
    lining = heart.points[heart.boundary_nodes(Boundary.LV_ENDOCARDIUM, Boundary.RV_ENDOCARDIUM)]
    away = np.linalg.norm(lining - heart.points.mean(axis=0), axis=1)
    arrivals = cdist(heart.points, lining[[away.argmin(), away.argmax()]]).min(axis=1) / SPEED
    times = np.arange(0, arrivals.max() + UPSTROKE, 1.0)
    independent = [-RISE * np.clip((t - arrivals) / UPSTROKE, 0, 1) @ weights for t in times]
    return np.array(independent) @ twelve_leads().T


def correlations(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Of each lead."""
    pairs = zip(some.T, others.T, strict=True)
    return np.array([np.corrcoef(one, other)[0, 1] for one, other in pairs])
