"""The monodomain equation: its time loops, its meshes, and what goes wrong."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from twin.benchmarks.boxes import box_heart
from twin.meshes.errors import InputError
from twin.simulation.ionic.mitchell_schaeffer import MitchellSchaeffer
from twin.simulation.ionic.ten_tusscher_panfilov import TenTusscherPanfilov
from twin.simulation.monodomain import Monodomain
from twin.simulation.reaction_diffusion.conductivity import TissueConductivity
from twin.simulation.reaction_diffusion.marching import march_native, runs_natively
from twin.simulation.reaction_diffusion.mass import LUMPED, BalancedMass, MixedMass
from twin.simulation.reaction_diffusion.stability import UnstableError
from twin.simulation.reaction_diffusion.stepping import march_reference
from twin.simulation.reaction_diffusion.stimulus import Stimulus

CELL = TenTusscherPanfilov()


@pytest.fixture(scope="module")
def box():
    """Small, irregular, and not a whole number of blocks."""
    return box_heart(0.4, size=(4.0, 2.0, 1.2), jitter=0.15)


def corner(mesh, size=1.0):
    return (mesh.points <= size).all(axis=1)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("mass", [LUMPED, MixedMass(0.5), BalancedMass()])
def test_native_and_reference_loops_take_the_same_steps(box, kind, mass):
    with jax.enable_x64(kind is np.float64):
        factors = np.linspace(0.8, 1.2, len(box.points))
        cell = TenTusscherPanfilov(repolarising=jnp.asarray(factors))
        passive = box.points[box.tetrahedra].mean(axis=1)[:, 0] > 3.2
        tissue = TissueConductivity.uniform(box).without_membrane(passive)
        model = Monodomain.of(box, cell, tissue, mass=mass, kind=kind)
        stimulus = Stimulus.s1_s2(corner(box), corner(box, 2.0), 4.0, 2, 3.5, kind=kind)
        state = model.at_rest()
        if not runs_natively(model.equation, state):
            pytest.skip("the kernels are not built")
        native = jax.jit(march_native, static_argnames="steps")
        reference = jax.jit(march_reference, static_argnames="steps")
        ours = native(model.equation, state, stimulus, steps=613)
        theirs = reference(model.equation, state, stimulus, steps=613)
        tolerance = 2e-3 if kind is np.float32 else 1e-8
        np.testing.assert_allclose(ours.cells[0], theirs.cells[0], atol=100 * tolerance)
        for name in ("first_activations", "last_activations"):
            mine, other = (np.asarray(getattr(s, name)) for s in (ours, theirs))
            np.testing.assert_array_equal(np.isfinite(mine), np.isfinite(other))
            assert np.isfinite(mine).sum() > 100
            both = np.isfinite(mine)
            np.testing.assert_allclose(mine[both], other[both], atol=tolerance)
        assert int(ours.step) == int(theirs.step) == 613


def test_any_number_of_threads_gives_the_same_bits(box, monkeypatch):
    model = Monodomain.of(box, CELL)
    stimulus = Stimulus.at(corner(box))
    found = []
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("TWIN_THREADS", threads)
        found.append(model.run(stimulus, 6.0).state)
    for other in found[1:]:
        for a, b in zip(jax.tree.leaves(found[0]), jax.tree.leaves(other), strict=True):
            np.testing.assert_array_equal(a, b)


def test_single_precision_activates_as_double_does(box):
    single = Monodomain.of(box, CELL).run(Stimulus.at(corner(box)), 25.0).activation_times
    with jax.enable_x64(True):
        model = Monodomain.of(box, CELL, kind=np.float64)
        double = model.run(Stimulus.at(corner(box), kind=np.float64), 25.0).activation_times
    assert np.isfinite(double).all()
    assert np.abs(single - double).max() < 0.01


def test_implicit_diffusion_agrees_with_explicit(box):
    explicit = Monodomain.of(box, CELL, time_step=0.005)
    implicit = Monodomain.of(box, CELL, time_step=0.005, implicit=True)
    times = [m.run(Stimulus.at(corner(box)), 15.0).activation_times for m in (explicit, implicit)]
    assert np.isfinite(times[0]).sum() > 100
    both = np.isfinite(times[0]) & np.isfinite(times[1])
    assert np.abs(times[0][both] - times[1][both]).max() < 0.1


def test_a_step_beyond_the_limit_is_refused_with_one_that_is_not(box):
    tissue = TissueConductivity.uniform(box).scale(40.0)
    with pytest.raises(InputError, match=r"beyond the 0\.0\d+ ms .* take 0\.0\d+ ms, or implicit"):
        Monodomain.of(box, CELL, tissue, time_step=0.05)
    Monodomain.of(box, CELL, tissue, time_step=0.05, implicit=True)


def test_a_mesh_too_coarse_for_the_wave_is_refused():
    coarse = box_heart(2.0, size=(20.0, 8.0, 4.0))
    with pytest.raises(InputError, match=r"extend .* mm .* refine the mesh, or take reaction-eik"):
        Monodomain.of(coarse, CELL)


def test_a_run_gone_wild_ends_within_fifty_steps(box):
    model = Monodomain.of(box, MitchellSchaeffer())
    wild = replace(model, equation=replace(model.equation, time_step=20.0))
    with pytest.raises(UnstableError, match=r"between steps 0 and 50 .* shorter time step"):
        wild.run(Stimulus.at(corner(box)), 2000.0, every=1000.0)


def test_scar_stops_slows_or_conducts_without_a_wave(box):
    middle = np.abs(box.points[box.tetrahedra].mean(axis=1)[:, 0] - 2.0) < 0.6
    whole = TissueConductivity.uniform(box)
    last = box.points[:, 0] > 3.9
    times = {}
    for name, tissue in {
        "healthy": whole,
        "slow": whole.scale(0.6, middle),
        "blocked": whole.block(middle),
        "passive": whole.without_membrane(middle),
    }.items():
        run = Monodomain.of(box, CELL, tissue).run(Stimulus.at(corner(box)), 25.0)
        times[name] = run
    healthy, slow = (times[n].activation_times[last].max() for n in ("healthy", "slow"))
    assert healthy < slow < np.inf
    assert np.isinf(times["blocked"].activation_times[last]).all()
    blocked = np.asarray(times["blocked"].state.cells[0])[last]
    passive = np.asarray(times["passive"].state.cells[0])[
        box.points[:, 0] == box.points[:, 0].max()
    ]
    np.testing.assert_allclose(blocked, -85.2, atol=1.0)
    assert passive.min() > blocked.max()


def test_activation_has_a_gradient_by_conductance_and_conductivity(box):
    model = Monodomain.of(box, CELL, kind=np.float32)
    stimulus = Stimulus.at(corner(box))

    # The same nodes throughout: who is counted must not hang on the factor.
    early = np.asarray(model.march(model.at_rest(), stimulus, 500).first_activations) < 6.0

    def mean_time(log_factor):
        factor = jnp.exp(log_factor)
        d = model.equation.diffusion
        faster = replace(d, strengths=d.strengths * factor)
        moved = replace(model, equation=replace(model.equation, diffusion=faster))
        times = moved.march(model.at_rest(), stimulus, 500).first_activations
        return times[early].mean()

    slope = float(jax.jit(jax.grad(mean_time))(0.0))
    step = 0.02
    difference = float(mean_time(step) - mean_time(-step)) / (2 * step)
    assert slope < 0
    assert slope == pytest.approx(difference, rel=0.25)


@pytest.mark.parametrize("wide", [False, True])
def test_parameters_run_side_by_side(box, wide):
    """Also in double precision beside a state in single: the state keeps its own."""
    with jax.enable_x64(wide):
        _side_by_side(box)


def _side_by_side(box):
    model = Monodomain.of(box, CELL)
    stimulus = Stimulus.at(corner(box))

    def times(g_na):
        cell = replace(CELL, g_na=g_na)
        scenario = replace(model, equation=replace(model.equation, cell=cell))
        return scenario.march(model.at_rest(), stimulus, 400).first_activations

    together = jax.jit(jax.vmap(times))(jnp.array([14.838, 8.0]))
    np.testing.assert_allclose(together[0], jax.jit(times)(14.838), atol=1e-3)
    reached = np.isfinite(np.asarray(together)).all(axis=0)
    assert (together[1] - together[0])[reached].max() > 0.1
