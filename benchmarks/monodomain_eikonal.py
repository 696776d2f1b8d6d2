"""Reaction-eikonal on 1 mm beside monodomain on 0.25 mm, through one ventricular slab."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from scipy.spatial import cKDTree

from twin.benchmarks.boxes import box_heart
from twin.benchmarks.figure import Figure, at_least, at_most, report
from twin.meshes.heart import Heart
from twin.simulation.ionic.ten_tusscher_panfilov import TenTusscherPanfilov
from twin.simulation.monodomain import Monodomain
from twin.simulation.reaction_diffusion.conductivity import TissueConductivity
from twin.simulation.reaction_diffusion.foot import FOOT_CURRENT, FOOT_DURATION, upstroke_of
from twin.simulation.reaction_diffusion.mass import BalancedMass
from twin.simulation.reaction_diffusion.observers import Signals
from twin.simulation.reaction_diffusion.stimulus import Stimulus
from twin.simulation.reaction_eikonal import ReactionEikonal, conductivity_of
from twin.simulation.tissue import Tissue

SIZE, SMALL = (16.0, 10.0, 6.0), (8.0, 5.0, 3.0)
CUBE = 1.5
COARSE, FINE, FINEST = 1.0, 0.25, 0.125
START = 3.0
"""ms at which the cube in a corner is activated."""
END, QUICK_END = 420.0, 40.0
TIME_STEP = 0.02
ELECTRODES = np.array([[70.0, 5.0, 3.0], [8.0, 60.0, 3.0], [8.0, 5.0, 50.0], [-30.0, -30.0, -30.0]])


@dataclass(frozen=True, eq=False)
class Slab:
    """Fibres turn by 60 degrees from its lower face to the upper one, and action potentials get
    shorter. It conducts as a healthy ventricle does (physics.md), or as the N-version benchmark's
    tissue, three times as slowly across the fibres as along them.
    """

    size: tuple[float, float, float]
    healthy: bool = True

    def mesh(self, spacing: float) -> Heart:
        def along(centres):
            angle = np.pi / 3 * (centres[:, 2] / self.size[2] - 0.5)
            return np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)

        return box_heart(spacing, fibre=along, size=self.size, jitter=0.0, kind=np.float32)

    def tissue(self, mesh: Heart) -> TissueConductivity:
        if self.healthy:
            return conductivity_of(Tissue.healthy(mesh), TenTusscherPanfilov)
        return TissueConductivity.uniform(mesh)

    def cell(self, mesh: Heart) -> TenTusscherPanfilov:
        shorter = 1.0 + 0.3 * mesh.points[:, 2] / self.size[2]
        return TenTusscherPanfilov(repolarising=jnp.asarray(shorter))

    def __str__(self) -> str:
        tissue = "healthy ventricle" if self.healthy else "N-version conductivities"
        return f"{'x'.join(f'{s:g}' for s in self.size)} mm of {tissue}"


@dataclass(frozen=True, eq=False)
class Beat:
    """Activation (ms) of a mesh's nodes, its four leads, and the seconds that they took."""

    points: np.ndarray
    times: np.ndarray
    leads: np.ndarray
    seconds: float

    def apart(self, other: "Beat") -> np.ndarray:
        """Differences of activation at this one's nodes, ms."""
        return self.times - other.times[cKDTree(other.points).query(self.points)[1]]


def figures(quick: bool) -> Iterator[Figure]:
    slab, end = (Slab(SMALL), QUICK_END) if quick else (Slab(SIZE), END)
    fine, coarse = monodomain(slab, FINE, end), reaction_eikonal(slab, COARSE, end)
    yield at_most("reaction_eikonal_ms", *_largest(slab, coarse, fine, 2.0))
    alike = np.corrcoef(fine.leads.ravel(), coarse.leads.ravel())[0, 1]
    how = f"four far electrodes together, {end:g} ms, {slab}"
    yield at_least("reaction_eikonal_qrst_correlation", alike, 0.98, "", how)
    if quick:
        return
    # How far the reference itself is from what finer meshes of it say.
    for name, small in (("", Slab(SMALL)), ("_nversion", Slab(SMALL, healthy=False))):
        fine = monodomain(small, FINE, QUICK_END)
        finest = monodomain(small, FINEST, QUICK_END, 0.01)
        coarse = reaction_eikonal(small, COARSE, QUICK_END)
        yield report(f"monodomain_own_ms{name}", *_largest(small, fine, finest))
        yield report(f"reaction_eikonal_ms_small{name}", *_largest(small, coarse, finest))


def _largest(slab: Slab, coarse: Beat, fine: Beat, *limit: float):
    apart = coarse.apart(fine)
    how = (
        f"largest difference of activation, mean {apart.mean():.2f} ms, {slab}: "
        f"{len(coarse.points):,} nodes in {coarse.seconds:.0f} s against {len(fine.points):,} in "
        f"{fine.seconds:.0f} s"
    )
    return np.abs(apart).max(), *limit, "ms", how


def monodomain(slab: Slab, spacing: float, end: float, time_step: float = TIME_STEP) -> Beat:
    started = time.perf_counter()
    mesh = slab.mesh(spacing)
    tissue, cell = slab.tissue(mesh), slab.cell(mesh)
    model = Monodomain.of(mesh, cell, tissue, mass=BalancedMass(), time_step=time_step)
    near = np.asarray((mesh.points <= CUBE + 1e-4).all(axis=1))
    begin = START - upstroke_of(TenTusscherPanfilov, TIME_STEP).lead
    stimulus = Stimulus.at(near, (begin,), FOOT_DURATION, FOOT_CURRENT)
    signals = Signals.electrograms(mesh, tissue, ELECTRODES)
    run = model.run(stimulus, end, observers=[signals])
    return _beat(run, mesh, started)


def reaction_eikonal(slab: Slab, spacing: float, end: float) -> Beat:
    started = time.perf_counter()
    mesh = slab.mesh(spacing)
    tissue = slab.tissue(mesh)
    model = ReactionEikonal.of(mesh, slab.cell(mesh), tissue)
    # The same cube, whose faces lie between the nodes of a coarse mesh.
    axis = np.linspace(0, CUBE, 4)
    cube = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)
    signals = Signals.electrograms(mesh, tissue, ELECTRODES)
    run = model.run(model.arrival_times(cube, START), end, observers=[signals])
    return _beat(run, mesh, started)


def _beat(run, mesh: Heart, started: float) -> Beat:
    seconds = time.perf_counter() - started
    return Beat(mesh.points, run.activation_times, run.samples["electrograms"], seconds)
