"""Monodomain against what is known exactly: a manufactured solution, and the cable equation."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import register_dataclass

from twin.benchmarks.boxes import box_heart
from twin.benchmarks.figure import Figure, at_least, at_most, report
from twin.simulation.ionic.ten_tusscher_panfilov import TenTusscherPanfilov
from twin.simulation.monodomain import Monodomain
from twin.simulation.reaction_diffusion.cable import speed_in_the_limit
from twin.simulation.reaction_diffusion.conductivity import (
    BIDOMAIN,
    CAPACITANCE,
    SURFACE_TO_VOLUME,
    TissueConductivity,
)
from twin.simulation.reaction_diffusion.mass import LUMPED, BalancedMass, Mass, MixedMass
from twin.simulation.reaction_diffusion.stepping import TissueState
from twin.simulation.reaction_diffusion.stimulus import Stimulus

WAVES = np.array([1, 2, 1])
DIFFUSIVITIES = np.array([0.10, 0.05, 0.05])
LEVEL = 0.3
END = 0.1


def figures(quick: bool) -> Iterator[Figure]:
    cells = (8, 16)
    for name, mass in (("order_space", LUMPED), ("order_space_mixed", MixedMass(0.5))):
        errors = [manufactured_error(n, mass) for n in cells]
        order = np.log2(errors[-2] / errors[-1])
        how = (
            f"manufactured solution (Pathmanathan and Gray 2014) on {cells} cells a side, dt as "
            f"dx^2, float64, {mass}: errors {', '.join(f'{e:.1e}' for e in errors)} mV"
        )
        yield at_least(name, order, 1.9, "", how)
    if quick:
        return
    limit = speed_in_the_limit(TenTusscherPanfilov())
    for name, treatment, axis in (
        ("cable_speed_error", MixedMass(0.5), 0),
        ("cable_speed_error_balanced", BalancedMass(), 0),
        ("cable_speed_error_across_balanced", BalancedMass(), 1),
    ):
        speed = plane_speed(0.1, treatment, axis)
        wanted = limit * np.sqrt(BIDOMAIN[axis] / (SURFACE_TO_VOLUME * CAPACITANCE))
        found = f"{speed:.4f} of {wanted:.4f} mm/ms"
        how = f"plane front along axis {axis}, dx 0.1 mm, {treatment}: {found}"
        if axis == 0:
            yield at_most(name, abs(speed / wanted - 1), 0.02, "", how)
        else:
            yield report(name, abs(speed / wanted - 1), "", how)


@register_dataclass
@dataclass(frozen=True)
class ManufacturedCell:
    """Pathmanathan and Gray's (Int J Numer Methods Biomed Eng 30:525, 2014), whose V is
    G + sqrt(1 + t) F with F a product of cosines; the state's rows are V, u1, u2, u3."""

    variables: ClassVar[tuple[str, ...]] = ("potential", "u1", "u2", "u3")
    threshold: ClassVar[float] = 0.0
    native: ClassVar[str] = ""
    native_parameters: ClassVar[tuple[float, ...]] = ()

    @property
    def resting_state(self) -> tuple[float, ...]:
        return LEVEL, 1.0, 1.0, LEVEL

    def ionic_current(self, state):
        v, u1, u2, u3 = state
        b = -np.sum(DIFFUSIVITIES * (WAVES * np.pi) ** 2)
        return (v - u3) * (b - (u1 + u3 - v) * u2**2 / 2)

    def step(self, state, stimulus, time_step):
        v, u1, u2, u3 = state
        w = u1 + u3 - v
        rates = jnp.stack(
            [
                stimulus - self.ionic_current(state),
                w**2 * u2**2 + w * u2**2 * (v - u3) / 2,
                -w * u2**3,
                jnp.zeros_like(u3),
            ]
        )
        return state + time_step * rates


def manufactured_error(cells: int, mass: Mass) -> float:
    """Root of the mean square error at `END` ms on a unit box of so many cells a side."""
    with jax.enable_x64(True):
        box = box_heart(1 / cells, fibre=(1.0, 0.0, 0.0), size=(1.0, 1.0, 1.0), jitter=0.0)
        scale = SURFACE_TO_VOLUME * CAPACITANCE
        tissue = TissueConductivity.uniform(box, *(scale * DIFFUSIVITIES))
        steps = round(END * 16 * cells**2)
        model = Monodomain.of(
            box,
            ManufacturedCell(),
            tissue,
            time_step=END / steps,
            mass=mass,
            kind=np.float64,
            carries_front=False,
        )
        f = np.cos(np.pi * WAVES * box.points).prod(axis=1)
        one = np.ones_like(f)
        start = TissueState.of(jnp.asarray(np.stack([LEVEL + f, 1 + f, one, LEVEL * one])))
        end = model.run(Stimulus.none(len(f), np.float64), END, start=start, every=END)
        exact = LEVEL + np.sqrt(1 + END) * f
        return float(np.sqrt(np.mean((np.asarray(end.state.cells[0]) - exact) ** 2)))


def plane_speed(spacing: float, mass: Mass, axis: int) -> float:
    """Of a plane front along an axis of a thin box, mm/ms; fibres along axis 0."""
    size = [2 * spacing] * 3
    size[axis] = 8.0 if axis == 0 else 5.0
    box = box_heart(spacing, fibre=(1.0, 0.0, 0.0), size=tuple(size), jitter=0.0, kind=np.float32)
    model = Monodomain.of(box, TenTusscherPanfilov(), time_step=0.01, mass=mass)
    along = box.points[:, axis]
    times = model.run(Stimulus.at(along <= 1.0), 24.0, every=24.0).activation_times
    near, far = 0.5 * size[axis], 0.9 * size[axis]
    at = [times[np.abs(along - place) < spacing / 4].mean() for place in (near, far)]
    return (far - near) / float(at[1] - at[0])
