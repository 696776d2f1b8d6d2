"""The front's passage through elements against sampling it, and its gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from twin.simulation import passage as native
from twin.simulation import passage_reference
from twin.simulation.passage import passage
from twin.simulation.passage_reference import passed

jax.config.update("jax_enable_x64", True)

RANDOM = np.random.default_rng(3)
CORNERS = np.array([[2.0, 5.0, 11.0, 17.0]])
ONE = np.array([[0, 1, 2, 3]])


def test_a_tetrahedron_fills_as_its_volume_lies_below_the_front():
    shares = RANDOM.dirichlet(np.ones(4), 400_000)
    arrivals = shares @ CORNERS[0]
    for time in (3.0, 4.9, 8.0, 10.5, 13.0, 16.5):
        sampled = (arrivals < time).mean()
        assert float(passed(jnp.array(CORNERS), jnp.array([time]))[0]) == pytest.approx(
            sampled, abs=3e-3
        )


def test_everything_is_passed_once():
    weights = jnp.asarray(RANDOM.normal(size=(1, 2, 4)))
    bins = passage(jnp.asarray(CORNERS[0]), weights, ONE, 0.5, 60)[0]
    np.testing.assert_allclose(bins.sum(axis=0), weights[0] @ CORNERS[0], rtol=1e-9)


def test_bins_before_the_first_and_after_the_last_corner_are_empty():
    bins = np.asarray(passage(jnp.asarray(CORNERS[0]), jnp.ones((1, 1, 4)), ONE, 0.5, 60)[0])[:, 0]
    assert (bins[:4] == 0).all()
    assert (np.abs(bins[35:]) < 1e-9).all()
    assert (bins[4:34] > 0).all()


@pytest.mark.parametrize(
    "times", [(3.0, 3.0, 3.0, 3.0), (1.0, 1.0, 6.0, 6.0), (2.0, 7.0, 7.0, 7.0)]
)
def test_corners_that_arrive_together_are_no_singularity(times):
    total = passage(jnp.array(times), jnp.ones((1, 1, 4)), ONE, 0.5, 40)[0]
    gradient = jax.grad(lambda t: passage(t, jnp.ones((1, 1, 4)), ONE, 0.5, 40)[0][:9].sum())(
        jnp.array(times)
    )
    assert float(total.sum()) == pytest.approx(sum(times), rel=1e-4)
    assert np.isfinite(gradient).all()


def test_an_element_with_an_unreached_corner_is_silent():
    times = jnp.array([1.0, 2.0, jnp.inf, 3.0])
    value, gradient = jax.value_and_grad(
        lambda t: passage(t, jnp.ones((1, 1, 4)), ONE, 0.5, 20)[0].sum()
    )(times)
    assert float(value) == 0
    assert (np.asarray(gradient) == 0).all()


def test_gradient_is_that_of_differences():
    weights = jnp.asarray(RANDOM.normal(size=(1, 2, 4)))
    seen = jnp.asarray(RANDOM.normal(size=(60, 2)))

    def loss(times, weights):
        return (seen * passage(times, weights, ONE, 0.5, 60)[0]).sum()

    check_grads(loss, (jnp.asarray(CORNERS[0]) + 0.13, weights), 1, modes=["rev"])


class TestTwin:
    """The native kernel and its JAX twin, on elements of which some have an unreached corner."""

    @pytest.fixture(scope="class")
    @staticmethod
    def case():
        random = np.random.default_rng(0)
        times = random.uniform(-2, 25, 300)
        times[::23] = np.inf
        tetrahedra = np.stack([random.choice(300, 4, replace=False) for _ in range(700)])
        weights = random.normal(size=(700, 8, 4))
        return jnp.asarray(times), jnp.asarray(weights), jnp.asarray(tetrahedra, jnp.int32)

    def test_same_sums(self, case):
        ours = native._solve(*case, 0.5, 40)
        twins = passage_reference.solve(*case, 0.5, 40)
        for a, b in zip(ours, twins, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-9)

    def test_same_gradients(self, case):
        random = np.random.default_rng(1)
        by_sums, by_totals = random.normal(size=(40, 8)), random.normal(size=(300, 8))
        by_sums, by_totals = jnp.asarray(by_sums), jnp.asarray(by_totals)
        ours = (
            native._by_times(*case, by_sums, 0.5),
            native._by_weights(*case, by_sums, by_totals, 0.5),
        )
        twins = (
            passage_reference.by_times(*case, by_sums, 0.5),
            passage_reference.by_weights(*case, by_sums, by_totals, 0.5),
        )
        for a, b in zip(ours, twins, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-8 * np.abs(b).max())

    def test_batched_by_times_and_weights(self, case):
        times, weights, tetrahedra = case
        batch = jnp.stack([times, 0.5 * times])
        both = jax.vmap(lambda t: passage(t, weights, tetrahedra, 0.5, 40)[0])(batch)
        alone = passage(batch[1], weights, tetrahedra, 0.5, 40)[0]
        np.testing.assert_array_equal(both[1], alone)
        scaled = jnp.stack([weights, 2 * weights])
        both = jax.vmap(lambda w: passage(times, w, tetrahedra, 0.5, 40)[1])(scaled)
        np.testing.assert_allclose(both[1], 2 * both[0])

    def test_other_numbers_of_leads(self, case):
        times, weights, tetrahedra = case
        many = jnp.concatenate([weights, weights[:, :3]], axis=1)
        sums, totals = passage(times, many, tetrahedra, 0.5, 40)
        np.testing.assert_array_equal(sums[:, 8:], sums[:, :3])
        np.testing.assert_array_equal(totals[:, 8:], totals[:, :3])
