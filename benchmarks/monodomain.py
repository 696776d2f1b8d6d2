"""Monodomain on the N-version benchmark: beside the eleven codes, and what coarse meshes cost."""

import time
from collections.abc import Iterator

import numpy as np

from twin.benchmarks.figure import Figure, at_most, report
from twin.benchmarks.nversion import MEANS, SPREADS, activate, box, model_of
from twin.simulation.reaction_diffusion.mass import BalancedMass

CONVERGED = 42.0
"""ms at the far corner (physics.md and performance.md)."""

EXTRAPOLATED_FROM = (0.2, 0.125, 0.1)
FACTORS = (2.0, 0.5)
"""The two other conductivities: on the benchmark's own."""


def figures(quick: bool) -> Iterator[Figure]:
    if quick:
        yield _corner(0.5)
        return
    spacings = (0.5, *EXTRAPOLATED_FROM)
    meshes = {spacing: box(spacing) for spacing in spacings}
    lumped = {s: activate(model_of(meshes[s], 0.01)) for s in spacings}
    apart = np.abs(lumped[0.1].times - MEANS) / SPREADS
    how = "largest distance from the mean of the 11 codes, dx 0.1, dt 0.01 ms, lumped, float32"
    yield at_most("nversion_worst_sd", apart.max(), 1.0, "SD", how)
    for spacing in spacings:
        name = f"nversion_corner_ms_{spacing:g}".replace(".", "p")
        run = lumped[spacing]
        how = f"{run.nodes:,} nodes, {run.steps:,} steps of 0.01 ms, lumped"
        yield report(name, run.corner, "ms", how)
    corner = extrapolate({s: lumped[s].corner for s in EXTRAPOLATED_FROM})
    how = f"a + b dx^2 + c dx^4 through dx {EXTRAPOLATED_FROM}; off 42.0 ms by"
    yield report("nversion_corner_ms_extrapolated", corner, "ms", how)
    yield at_most("nversion_corner_extrapolated_off", abs(corner - CONVERGED), 0.5, "ms", how)
    yield _twin(meshes[0.2], lumped[0.2])
    yield from _coarse(meshes, corner)


def extrapolate(corners: dict[float, float]) -> float:
    """To spacing zero, of a scheme of second order."""
    squares = np.square(list(corners))
    powers = np.stack([np.ones_like(squares), squares, squares**2], axis=1)
    return float(np.linalg.solve(powers, list(corners.values()))[0])


def _twin(mesh, native) -> Figure:
    started = time.perf_counter()
    run = activate(model_of(mesh, 0.01), native=False)
    off = np.abs(run.times - native.times).max()
    how = (
        f"JAX twin against the native loop at dx 0.2, all nine points; corner {run.corner:.3f} ms; "
        f"{time.perf_counter() - started:.0f} s"
    )
    return at_most("nversion_jax_twin_off", off, 0.01, "ms", how)


def _coarse(meshes, converged: float) -> Iterator[Figure]:
    """Balanced mass at 0.2 mm beside what meshes converge to, at three conductivities."""
    errors = {1.0: _error(meshes[0.2], 1.0, converged)}
    for factor in FACTORS:
        step = 0.015 if factor > 1 else 0.02
        fine = {
            s: activate(model_of(meshes[s], step, factor=factor)).corner for s in EXTRAPOLATED_FROM
        }
        errors[factor] = _error(meshes[0.2], factor, extrapolate(fine))
    for factor, (error, how) in errors.items():
        name = "nversion_corner_error_0p2"
        name = name if factor == 1 else f"{name}_conductivity_{factor:g}".replace("0.", "0p")
        yield at_most(name, error, 0.05, "", how)


def _error(mesh, factor: float, converged: float) -> tuple[float, str]:
    run = activate(model_of(mesh, 0.01, BalancedMass(), factor))
    how = (
        f"balanced mass, dx 0.2, conductivities x {factor:g}: corner {run.corner:.2f} ms, "
        f"converged {converged:.2f} ms"
    )
    return abs(run.corner / converged - 1), how


def _corner(spacing: float) -> Figure:
    run = activate(model_of(box(spacing), 0.05))
    return report("nversion_corner_ms_0p5", run.corner, "ms", f"{run.nodes:,} nodes, dt 0.05 ms")
