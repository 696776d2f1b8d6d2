"""The eikonal engine: how fast on a CPU, and how much better than fim-python beside it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from twin.benchmarks.boxes import box_heart
from twin.benchmarks.figure import Figure, at_least, at_most, report
from twin.benchmarks.timing import seconds
from twin.meshes.heart import Boundary, Heart
from twin.simulation.eikonal import Problem, activation_times, locate_sources, pose
from twin.simulation.fronts.front import Front
from twin.simulation.tissue import FastEndocardium, Tissue

SPEEDS = (0.6, 0.25, 0.25)
SOURCE = np.array([1.0, 1.0, 1.0])
BATCH = 16


def figures(quick: bool) -> Iterator[Figure]:
    box = Case.box(0.7 if quick else 0.1225)
    yield from _single(box)
    yield _beside_a_busy_core(box)
    yield from _batched(box)
    yield from _gradient(box)
    yield from _against_fim_python(box)
    yield from _large(0.3 if quick else 0.0765)
    yield from _heart(20_000 if quick else 60_000)


class Case:
    """A heart, its tissue and its sources, with everything on one device."""

    def __init__(self, heart: Heart, tissue: Tissue, sources: np.ndarray, kind="cpu") -> None:
        self.heart = heart
        started = time.perf_counter()
        self.front = Front.of_mesh(heart)
        self.preparation = time.perf_counter() - started
        device = jax.devices(kind)[0]
        posed = pose(heart, *locate_sources(heart, sources))
        self.problem: Problem = jax.device_put(posed, device)
        self.speeds = jax.device_put(tissue.speeds, device)
        self.blocked = jax.device_put(tissue.blocked, device)
        self.times = jax.device_put(np.zeros(len(sources), tissue.speeds.dtype), device)

    @staticmethod
    def box(spacing: float, precision=np.float32, kind="cpu") -> "Case":
        heart = box_heart(spacing, kind=precision)
        source = np.argmin(np.linalg.norm(heart.points - SOURCE, axis=1))
        return Case(heart, Tissue.healthy(heart, *SPEEDS), np.array([source]), kind)

    @property
    def nodes(self) -> int:
        return len(self.heart.points)

    def solve(self) -> jax.Array:
        return _solve(self.problem, self.speeds, self.blocked, self.times)

    def solve_batch(self, fields: jax.Array) -> jax.Array:
        return _solve_batch(self.problem, fields, self.blocked, self.times)

    def exact(self) -> np.ndarray:
        """From the one source through the box's one tensor."""
        f = self.heart.fibres
        axes = np.stack([f.fibre[0], f.sheet[0], f.normal[0]]).astype(float)
        way = self.heart.points.astype(float) - np.asarray(self.problem.places[0], float)
        return np.linalg.norm(way @ axes.T / SPEEDS, axis=1)

    def varied(self, scenarios: int = BATCH) -> jax.Array:
        """Speeds of as many scenarios as a batch holds, up to 20 % apart."""
        factors = np.random.default_rng(0).uniform(0.9, 1.1, (scenarios, 1, 3))
        return self.speeds * factors.astype(self.speeds.dtype)


_solve = jax.jit(activation_times)
_solve_batch = jax.jit(jax.vmap(activation_times, (None, 0, None, None)))


@jax.jit
def _sum_of_times(speeds, case, blocked, times):
    solved = activation_times(case, speeds, blocked, times)
    return jnp.where(jnp.isfinite(solved), solved, 0).sum()


gradient_of_sum = jax.jit(jax.value_and_grad(_sum_of_times))


@contextmanager
def threads(count: int):
    os.environ["TWIN_THREADS"] = str(count)
    try:
        yield
    finally:
        del os.environ["TWIN_THREADS"]


def machine() -> str:
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


def _single(case: Case) -> Iterator[Figure]:
    with threads(1):
        (alone,) = seconds(case.solve)
    with threads(2):
        (both,) = seconds(case.solve)
    how = f"whole solve from speeds to times, box of {case.nodes:,} nodes, float32; {machine()}"
    yield at_least("mnodes_per_second_core", case.nodes / alone / 1e6, 0.9, "M/s", how)
    yield at_least("mnodes_per_second_two_cores", case.nodes / both / 1e6, 1.4, "M/s", how)
    yield at_most("setup_over_solve", case.preparation / both, 3, "x", how)


def _beside_a_busy_core(case: Case) -> Figure:
    """Two threads, one of whose cores another process keeps busy."""
    with threads(1):
        (alone,) = seconds(case.solve)
    core = max(os.sched_getaffinity(0))
    spin = f"import os\nos.sched_setaffinity(0, [{core}])\nwhile True: pass"
    other = subprocess.Popen([sys.executable, "-c", spin])
    try:
        with threads(2):
            (beside,) = seconds(case.solve)
    finally:
        other.kill()
        other.wait()
    how = f"two threads beside a busy process: {beside:.3f} s; one thread before: {alone:.3f} s"
    return at_most("busy_core_over_single", beside / alone, 1.6, "x", f"{how}; {machine()}")


def _batched(case: Case) -> Iterator[Figure]:
    fields = case.varied()
    together, alone = seconds(
        lambda: case.solve_batch(fields),
        case.solve,
        repeats=3,
    )
    gain = BATCH * alone / together
    how = f"{BATCH} speed fields in one call against one at a time; {machine()}"
    yield at_least("batch16_gain", gain, 1.5, "x", how)


def _gradient(case: Case) -> Iterator[Figure]:
    arguments = (case.speeds, case.problem, case.blocked, case.times)
    both, forward = seconds(lambda: gradient_of_sum(*arguments), lambda: _sum_of_times(*arguments))
    how = f"sum of times by all {case.speeds.size:,} speeds, less the solve, over it; {machine()}"
    yield at_most("gradient_over_forward", both / forward - 1, 1.0, "x", how)


def _against_fim_python(case: Case) -> Iterator[Figure]:
    try:
        from fimpy.solver import FIMPY
    except ImportError:
        how = "skipped: fim-python is not installed (pip install 'twin[peers]')"
        yield Figure("speedup_fim_python", float("nan"), "x", ">= 400", False, how)
        yield Figure("source_error_over_fim_python", float("nan"), "x", "<= 0.5", False, how)
        return
    f = case.heart.fibres
    axes = np.stack([f.fibre, f.sheet, f.normal], axis=1)
    tensors = np.einsum("eki,ekj,k->eij", axes, axes, np.square(SPEEDS))
    peer = FIMPY.create_fim_solver(
        case.heart.points, case.heart.tetrahedra, tensors, device="cpu", use_active_list=True
    )
    source = np.argmin(np.linalg.norm(case.heart.points - SOURCE, axis=1))
    started = time.perf_counter()
    theirs = peer.comp_fim(np.array([source]), np.zeros(1))
    slow = time.perf_counter() - started
    (fast,) = seconds(case.solve)
    exact = case.exact()
    errors = [
        np.abs(np.asarray(t, float) - exact).mean() / exact.mean() for t in (case.solve(), theirs)
    ]
    how = f"CPU, active list, {case.nodes:,} nodes: {slow:.1f} s against {fast:.3f} s; {machine()}"
    yield at_least("speedup_fim_python", slow / fast, 400, "x", how)
    how = f"mean error over mean time: {errors[0]:.4f} against {errors[1]:.4f}"
    yield at_most("source_error_over_fim_python", errors[0] / errors[1], 0.5, "x", how)


def _large(spacing: float) -> Iterator[Figure]:
    case = Case.box(spacing)
    _reset_peak()
    before = _memory("VmRSS")
    (taken,) = seconds(case.solve, repeats=3)
    grown = max(0, _memory("VmHWM") - before)
    how = f"{case.nodes:,} nodes, float32; {machine()}"
    yield at_most("seconds_960k", taken, 1.2, "s", how)
    held = (case.front.nbytes + grown) / case.nodes
    yield at_most("bytes_per_node_960k", held, 1200, "B", how + "; prepared mesh and solve")


def _memory(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return 0


def _reset_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _heart(nodes: int) -> Iterator[Figure]:
    from twin.meshes.anatomy.population import sample_heart

    heart = sample_heart(0, nodes=nodes).astype(np.float32)
    tissue = Tissue.healthy(heart, endocardium=FastEndocardium())
    sources = _early_sites(heart)
    case = Case(heart, tissue, sources)
    fields = case.varied()
    (taken,) = seconds(lambda: case.solve_batch(fields), repeats=5)
    how = f"{BATCH} speed fields, {case.nodes:,} nodes, {len(sources)} sources; {machine()}"
    yield at_most("heart_60k_batched_ms", 1000 * taken / BATCH, 35, "ms", how)
    last = float(np.max(case.solve()))
    yield report("heart_total_activation", last, "ms", "healthy speeds, fast endocardium")


def _early_sites(heart: Heart) -> np.ndarray:
    """Nodes spread over the endocardium where it is activated first."""
    low = heart.coordinates.apicobasal < 0.6
    sites = []
    for label, count in ((Boundary.LV_ENDOCARDIUM, 4), (Boundary.RV_ENDOCARDIUM, 3)):
        nodes = heart.boundary_nodes(label)
        nodes = nodes[low[nodes]]
        angle = np.argsort(heart.coordinates.rotational[nodes])
        sites += [nodes[angle[int((i + 0.5) * len(nodes) / count)]] for i in range(count)]
    return np.array(sites)
