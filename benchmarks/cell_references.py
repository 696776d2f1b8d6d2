"""Action potentials of the cell models by other people's implementations, for the tests.

    pip download --no-deps -d WHEELS fenicsx-beat==0.7.2 torchcor==1.0.6 \\
        finitewave-model-courtemanche==0.6.0 finitewave-model-bueno-orovio==0.6.0 \\
        finitewave-model-mitchell-schaeffer==0.6.0
    python -m twin.benchmarks.cell_references WHEELS tests/simulation/cells

All are under the MIT licence. Nothing of them is installed or kept: equations are read out of the
wheels, compiled and integrated here (LSODA to 1e-8, or their own steps of 0.005 ms), and only the
potentials are written. Each file holds a state in our order, the potential (mV, each ms) of the
third beat at 1 Hz from there, and the APD90 after a premature stimulus at some intervals; where
the equations themselves can be read, a second file holds rates of change at some potentials.
"""

import ast
import importlib
import inspect
import math
import re
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp

from twin.meshes.files import whole_file
from twin.simulation.ionic.bueno_orovio import BuenoOrovio
from twin.simulation.ionic.courtemanche import Courtemanche
from twin.simulation.ionic.mitchell_schaeffer import MitchellSchaeffer
from twin.simulation.ionic.ten_tusscher_panfilov import Layer as WallLayer
from twin.simulation.ionic.ten_tusscher_panfilov import TenTusscherPanfilov
from twin.simulation.ionic.tor_ord import Layer, TorOrd

BEATS, CYCLE = 3, 1000.0
INTERVALS = (300.0, 350.0, 450.0, 600.0)
"""From the third stimulus to the premature one, ms."""

POTENTIALS = (-95.0, -80.0, -60.0, -41.0, -30.0, -12.0, 5.5, 25.0, 45.0)

Advance = Callable[[np.ndarray, float, float], tuple[np.ndarray, np.ndarray]]
"""(state, stimulus in mV/ms, duration in ms) to the later state and the potential at each ms."""


@dataclass(frozen=True)
class Peer:
    """One implementation: how it goes on, from which state (ours), and how it is paced."""

    advance: Advance
    initial: np.ndarray
    amplitude: float
    duration: float
    rates: Callable[[np.ndarray], np.ndarray] | None = None
    """Of the variables in our order, per ms, without a stimulus."""


def reference(peer: Peer) -> dict[str, np.ndarray]:
    state = peer.initial
    for _ in range(BEATS - 1):
        state, _ = _beat(peer, state, CYCLE)
    _, potential = _beat(peer, state, CYCLE)
    durations = []
    for interval in INTERVALS:
        early, _ = _beat(peer, state, interval)
        _, premature = _beat(peer, early, 700.0)
        durations.append(_duration(premature, potential))
    return {
        "initial": peer.initial,
        "stimulus": np.array([peer.amplitude, peer.duration]),
        "potential": potential.astype(np.float32),
        "intervals": np.array(INTERVALS),
        "durations": np.array(durations),
    }


def rates(peer: Peer) -> dict[str, np.ndarray]:
    """At the initial state, with the potential put elsewhere."""
    assert peer.rates is not None
    states = np.tile(peer.initial, (len(POTENTIALS), 1))
    states[:, 0] = POTENTIALS
    return {"states": states, "rates": np.array([peer.rates(state) for state in states])}


def _beat(peer: Peer, state, length: float):
    stimulated, first = peer.advance(state, peer.amplitude, peer.duration)
    later, rest = peer.advance(stimulated, 0.0, length - peer.duration)
    return later, np.concatenate([first, rest])


def _duration(trace: np.ndarray, resting: np.ndarray) -> float:
    """From the stimulus until the potential is back at 90 % of the regular beat's; not a number
    where nothing was excited."""
    threshold = resting.max() - 0.9 * (resting.max() - resting[0])
    above = np.flatnonzero(trace > threshold)
    if len(above) < 10 or trace.max() < 0:
        return math.nan
    last = int(above[-1])
    return last + (trace[last] - threshold) / (trace[last] - trace[last + 1])


class Equations:
    """A model in gotran's language: states, parameters, and assignments in any order."""

    def __init__(self, text: str):
        self.states: dict[str, float] = {}
        self.parameters: dict[str, float] = {}
        statements = [s for s in ast.parse(text).body]
        calls = [s.value for s in statements if isinstance(s, ast.Expr)]
        for call in calls:
            if isinstance(call, ast.Call) and call.func.id in ("states", "parameters"):  # type: ignore[attr-defined]
                values = {k.arg: _number(k.value) for k in call.keywords if k.arg}
                (self.states if call.func.id == "states" else self.parameters).update(values)  # type: ignore[attr-defined]
        self._assigned = {s.targets[0].id: s.value for s in statements if isinstance(s, ast.Assign)}  # type: ignore[attr-defined]

    def slope(self) -> Callable:
        """(time, state, parameters) to the state's rate of change."""
        lines = [f"    {name} = {ast.unparse(value)}" for name, value in self._sorted()]
        states = ", ".join(self.states)
        rates = ", ".join(f"d{name}_dt" for name in self.states)
        unpack = "".join(f"    {name} = p[{name!r}]\n" for name in self.parameters)
        code = f"def slope(time, y, p):\n    {states} = y\n{unpack}" + "\n".join(lines)
        space: dict[str, Any] = {n: getattr(jnp, n) for n in ("exp", "log", "sqrt", "floor")}
        space |= COMPARISONS
        exec(code + f"\n    return ({rates},)", space)
        return space["slope"]

    def _sorted(self):
        done, order = set(self.states) | set(self.parameters) | {"time"}, []

        def visit(name):
            if name in done or name not in self._assigned:
                return
            done.add(name)
            for node in ast.walk(self._assigned[name]):
                if isinstance(node, ast.Name):
                    visit(node.id)
            order.append((name, self._assigned[name]))

        for name in self._assigned:
            visit(name)
        return order


COMPARISONS: dict[str, Any] = {
    "Conditional": jnp.where,
    "Eq": jnp.equal,
    "Ge": jnp.greater_equal,
    "Gt": jnp.greater,
    "Le": jnp.less_equal,
    "Lt": jnp.less,
    "And": jnp.logical_and,
    "Or": jnp.logical_or,
}


def _number(node) -> float:
    return float(ast.literal_eval(node.args[0] if isinstance(node, ast.Call) else node))


def of_equations(
    text: str, names: list[str], ours, pacing: dict[str, str], amplitude: float, **parameters
) -> Peer:
    """`names` are the peer's of our variables; `pacing` names its stimulus parameters."""
    equations = Equations(text)
    written, order = equations.slope(), [names.index(n) for n in equations.states]
    slope = jax.jit(lambda t, y, p: jnp.stack([jnp.asarray(rate) for rate in written(t, y, p)]))
    jacobian = jax.jit(jax.jacfwd(slope, argnums=1))
    back = np.argsort(order)
    assert len(names) == len(equations.states)

    def advance(state, stimulus, duration):
        pulse = {pacing["start"]: 0.0, pacing["period"]: 1e9, pacing["duration"]: 1e9}
        values = equations.parameters | parameters | pulse | {pacing["amplitude"]: -stimulus}
        solution = solve_ivp(
            lambda t, y: np.asarray(slope(t, y, values)),
            (0.0, duration),
            state[order],
            method="LSODA",
            jac=lambda t, y: np.asarray(jacobian(t, y, values)),
            t_eval=np.append(np.arange(duration), duration),
            rtol=1e-8,
            atol=1e-10,
        )
        states = solution.y[back]
        return states[:, -1], states[0, :-1]

    def rates(state):
        still = equations.parameters | parameters | {pacing["amplitude"]: 0.0}
        return np.array(slope(0.0, state[order], still))[back]

    return Peer(advance, np.array(ours.resting_state), amplitude, 1.0, rates)


def of_steps(
    module: str, names: list[str], ours, amplitude: float, *,
    scale: float = 1.0, rest: float = 0.0, potassium: float = 0.0, **parameters: Any,
) -> Peer:  # fmt: skip
    """Of a function that takes one step of 0.005 ms; potential = `rest` + `scale` x its own.
    `potassium` is what a unit of stimulus adds to it per ms, where that is not in its equations."""
    operations: Any = importlib.import_module(module)
    constants = operations.get_parameters() | parameters
    order = [n for n in inspect.signature(operations.ionic_step).parameters if n in names]
    step = 0.005

    for name in ("exp", "log", "sqrt", "tanh"):
        setattr(operations, name, getattr(jnp, name))
    operations.calc_where = jnp.where

    def one(values, stimulus):
        rate, *others = operations.ionic_step(step, **values, **constants)
        potential = values[names[0]] + step * (rate + stimulus / scale)
        after = dict(zip(order, [potential, *others], strict=True))
        if potassium:
            after["ki"] += step * stimulus * potassium
        return after, values[names[0]]

    @partial(jax.jit, static_argnums=2)
    def run(values, stimulus, milliseconds):
        steps = milliseconds * round(1 / step)
        return jax.lax.scan(lambda v, _: one(v, stimulus), values, length=steps)

    def advance(state, stimulus, duration):
        values = dict(zip(names, state, strict=True))
        values[names[0]] = (values[names[0]] - rest) / scale
        values, potentials = run(values, stimulus, round(duration))
        values[names[0]] = rest + scale * values[names[0]]
        trace = rest + scale * np.asarray(potentials)[:: round(1 / step)]
        return np.array([float(values[n]) for n in names]), trace

    return Peer(advance, np.array(ours.resting_state), amplitude, 2.0)


def peers(wheels: Path) -> dict[str, Callable[[], Peer]]:
    """By the name of the file that each becomes."""
    for wheel in wheels.glob("finitewave_model_*.whl"):
        sys.path.insert(0, str(wheel))
    folder = "beat/cli/templates/"
    beat = zipfile.ZipFile(next(wheels.glob("fenicsx_beat-*.whl")))
    ventricle = beat.read(f"{folder}niederer_benchmark/tentusscher_panfilov_2006_epi_cell.ode")
    revised = beat.read(f"{folder}slab/ToRORd_dynCl_endo.ode").decode()
    held = re.sub(r"(?m)^(dcl\w+_dt) = .*$", r"\1 = 0.0", revised)
    wall = {f"ten_tusscher_panfilov_{k.name.lower()}": k for k in WallLayer}
    return {
        **{name: _wall(ventricle.decode(), layer) for name, layer in wall.items()},
        **{f"tor_ord_{k.name.lower()}": _tor_ord(revised, TorOrd(k)) for k in Layer},
        "tor_ord_2019": _tor_ord(held, TorOrd(dynamic_chloride=False)),
        **{f"courtemanche_{k}": _atrium(m) for k, m in ATRIA.items()},
        **{f"bueno_orovio_{k}": _minimal(m) for k, m in MINIMAL.items()},
        "mitchell_schaeffer": lambda: of_steps(
            "mitchell_schaeffer.ops", ["u", "h"], MitchellSchaeffer(gate=0.13, tau_out=6.0), 40.0,
            scale=120.0, rest=-85.0, tau_out=6.0, tau_open=80.0, tau_close=185.0,
        ),
    }  # fmt: skip


WALL = "V Xr1 Xr2 Xs m h j d f f2 fCass s r Ca_i R_prime Ca_SR Ca_ss Na_i K_i"
TOR_ORD = (
    "v m h j hp jp mL hL hLp a iF iS ap iFp iSp d ff_ fs fcaf fcas jca ffp fcafp nca_i nca_ss "
    "xs1 xs2 Jrel_np Jrel_p C1 C2 C3 O_ I_ CaMKt nai nass ki kss cai cass cansr cajsr cli clss"
)
ATRIUM = "u m h j oa oi ua ui xr xs d f fca urel vrel wrel nai ki cai caup carel"
"""Their names of our variables, in our order."""

ATRIA = {
    "control": Courtemanche(),
    "remodelled": Courtemanche.remodelled(),
    "pulmonary_vein": Courtemanche.pulmonary_vein(),
}
MINIMAL = {
    "epicardium": BuenoOrovio.epicardium(),
    "mid_wall": BuenoOrovio.mid_wall(),
    "endocardium": BuenoOrovio.endocardium(),
    "like_ten_tusscher": BuenoOrovio.like_ten_tusscher(),
}


def _wall(text: str, layer: WallLayer) -> Callable[[], Peer]:
    """With the paper's constants, which that file rounds. The endocardial gate s is put in by hand:
    the file knows the epicardial one only."""
    if layer is WallLayer.ENDOCARDIUM:
        text = text.replace("s_inf = 1/(1 + exp((V + 20)/5))", "s_inf = 1/(1 + exp((V + 28)/5))")
        text = re.sub(r"tau_s = .*", "tau_s = 1000*exp(-((V + 67)**2)/1000) + 8", text)
    pacing = {k: f"stim_{k}" for k in ("start", "period", "duration", "amplitude")}
    g_to, g_ks = layer.value
    return lambda: of_equations(
        text,
        WALL.split(),
        TenTusscherPanfilov(layer),
        pacing,
        52.0,
        g_to=g_to,
        g_Ks=g_ks,
        R=8.314472,
        F=96.4853415,
    )


def _tor_ord(text: str, model: TorOrd) -> Callable[[], Peer]:
    ends = {"start": "Start", "period": "Period", "duration": "PulseDuration"}
    pacing = {k: f"i_Stim_{v}" for k, v in (ends | {"amplitude": "Amplitude"}).items()}
    number = {Layer.ENDOCARDIUM: 0.0, Layer.EPICARDIUM: 1.0, Layer.MID_WALL: 2.0}[model.layer]
    return lambda: of_equations(text, TOR_ORD.split(), model, pacing, 53.0, celltype=number)


def _atrium(model: Courtemanche) -> Callable[[], Peer]:
    """With the digits of the authors' code, and a stimulus that carries potassium."""
    parameters: dict[str, Any] = {
        "gna": model.g_na, "gk1": model.g_k1, "gto": model.g_to, "gkr": model.g_kr,
        "gks": model.g_ks, "gcal": model.g_cal, "gcab": 0.001131, "gnab": 0.0006744375,
        "inakmax": 0.59933874,
    }  # fmt: skip
    return lambda: _with_ultrarapid(
        float(model.ultrarapid),
        of_steps("courtemanche.ops", ATRIUM.split(), model, 20.0,
                 potassium=100 / (13668 * 96.4867), **parameters),
    )  # fmt: skip


def _with_ultrarapid(factor: float, peer: Peer) -> Peer:
    """I_Kur has no conductance to set there: scale the function itself while it runs."""
    operations: Any = importlib.import_module("courtemanche.ops")
    original = operations.calc_ikur

    def advance(state, stimulus, duration):
        operations.calc_ikur = lambda *a: factor * original(*a)
        try:
            return peer.advance(state, stimulus, duration)
        finally:
            operations.calc_ikur = original

    return Peer(advance, peer.initial, peer.amplitude, peer.duration)


def _minimal(model: BuenoOrovio) -> Callable[[], Peer]:
    """The paper's four sets of parameters are ours; the equations are theirs."""
    theirs = {
        "theta_v_minus": "theta_v_m", "tau_v1_minus": "tau_v1_m", "tau_v2_minus": "tau_v2_m",
        "tau_v_plus": "tau_v_p", "tau_w1_minus": "tau_w1_m", "tau_w2_minus": "tau_w2_m",
        "k_w_minus": "k_w_m", "u_w_minus": "u_w_m", "tau_w_plus": "tau_w_p",
        "tau_w_infinity": "tau_w_inf", "w_infinity": "w_inf_",
    }  # fmt: skip
    parameters = {theirs.get(k, k): v for k, v in vars(model).items()}
    return lambda: of_steps(
        "bueno_orovio.ops", ["u", "v", "w", "s"], model, 40.0,
        scale=85.7, rest=-84.0, **parameters,
    )  # fmt: skip


def main(wheels: str, folder: str, *only: str) -> None:
    jax.config.update("jax_enable_x64", True)
    for name, make in peers(Path(wheels)).items():
        peer = make()
        if peer.rates and (not only or f"{name}_rates" in only):
            _write(Path(folder) / f"{name}_rates.npz", rates(peer))
        if not only or name in only:
            _write(Path(folder) / f"{name}.npz", reference(peer))


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with whole_file(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(*sys.argv[1:])
