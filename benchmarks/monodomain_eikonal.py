"""Reaction-eikonal on 1 mm beside monodomain on 0.25 mm, through one ventricular slab."""

import time
from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np

from twin.benchmarks.boxes import box_heart
from twin.benchmarks.figure import Figure, at_least, at_most
from twin.meshes.heart import Heart
from twin.simulation.ionic.ten_tusscher_panfilov import TenTusscherPanfilov
from twin.simulation.monodomain import Monodomain
from twin.simulation.reaction_diffusion.conductivity import TissueConductivity
from twin.simulation.reaction_diffusion.mass import BalancedMass
from twin.simulation.reaction_diffusion.observers import Signals
from twin.simulation.reaction_diffusion.stimulus import Stimulus
from twin.simulation.reaction_eikonal import ReactionEikonal

SIZE = (16.0, 10.0, 6.0)
CORNER = 1.5
COARSE, FINE = 1.0, 0.25
START = 3.0
ELECTRODES = np.array([[70.0, 5.0, 3.0], [8.0, 60.0, 3.0], [8.0, 5.0, 50.0], [-30.0, -30.0, -30.0]])


def figures(quick: bool) -> Iterator[Figure]:
    fine, end = (0.5, 60.0) if quick else (FINE, 420.0)
    started = time.perf_counter()
    times, leads, places = _monodomain(slab(fine), end)
    middle = time.perf_counter()
    coarse, coarse_leads, coarse_places = _reaction_eikonal(slab(COARSE), end)
    ended = time.perf_counter()
    twins = [int(np.argmin(np.linalg.norm(places - p, axis=1))) for p in coarse_places]
    apart = np.abs(coarse - times[twins])
    how = (
        f"{'x'.join(f'{s:g}' for s in SIZE)} mm, fibres turning by 60 degrees, {end:g} ms: "
        f"{len(times):,} nodes in {middle - started:.0f} s against {len(coarse):,} in "
        f"{ended - middle:.0f} s"
    )
    largest = f"largest difference of activation, {how}; mean {apart.mean():.2f} ms"
    yield at_most("reaction_eikonal_ms", apart.max(), 2.0, "ms", largest)
    alike = np.corrcoef(leads.ravel(), coarse_leads.ravel())[0, 1]
    how = f"four far electrodes together; {how}"
    yield at_least("reaction_eikonal_qrst_correlation", alike, 0.98, "", how)


def slab(spacing: float) -> Heart:
    """Fibres turn by 60 degrees from one face to the other."""

    def along(centres):
        angle = np.pi / 3 * (centres[:, 2] / SIZE[2] - 0.5)
        return np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)

    return box_heart(spacing, fibre=along, size=SIZE, jitter=0.0, kind=np.float32)


def cell_of(mesh: Heart) -> TenTusscherPanfilov:
    """Action potentials get shorter from the lower face to the upper one."""
    return TenTusscherPanfilov(repolarising=jnp.asarray(1.0 + 0.3 * mesh.points[:, 2] / SIZE[2]))


def _monodomain(mesh: Heart, end: float):
    model = Monodomain.of(mesh, cell_of(mesh), mass=BalancedMass())
    near = np.asarray((mesh.points <= CORNER + 1e-4).all(axis=1))
    signals = Signals.electrograms(mesh, TissueConductivity.uniform(mesh), ELECTRODES)
    # So that the corner is activated at START.
    run = model.run(Stimulus.at(near, (START - 1.0,)), end, observers=[signals])
    return run.activation_times, run.samples["electrograms"], mesh.points


def _reaction_eikonal(mesh: Heart, end: float):
    model = ReactionEikonal.of(mesh, cell_of(mesh))
    near = np.flatnonzero((mesh.points <= CORNER + 1e-4).all(axis=1))
    times = model.arrival_times(near, np.full(len(near), START))
    signals = Signals.electrograms(mesh, TissueConductivity.uniform(mesh), ELECTRODES)
    run = model.run(times, end, observers=[signals])
    return run.activation_times, run.samples["electrograms"], mesh.points
