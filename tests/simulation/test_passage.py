"""The front's passage through elements against sampling it, and its gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from twin.simulation.passage import passage, passed

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
    bins = passage(jnp.asarray(CORNERS[0]), weights, ONE, 0.5, 60)
    np.testing.assert_allclose(bins.sum(axis=0), weights[0] @ CORNERS[0], rtol=1e-9)


def test_bins_before_the_first_and_after_the_last_corner_are_empty():
    bins = np.asarray(passage(jnp.asarray(CORNERS[0]), jnp.ones((1, 1, 4)), ONE, 0.5, 60))[:, 0]
    assert (bins[:4] == 0).all()
    assert (np.abs(bins[35:]) < 1e-9).all()
    assert (bins[4:34] > 0).all()


@pytest.mark.parametrize(
    "times", [(3.0, 3.0, 3.0, 3.0), (1.0, 1.0, 6.0, 6.0), (2.0, 7.0, 7.0, 7.0)]
)
def test_corners_that_arrive_together_are_no_singularity(times):
    total = passage(jnp.array(times), jnp.ones((1, 1, 4)), ONE, 0.5, 40)
    gradient = jax.grad(lambda t: passage(t, jnp.ones((1, 1, 4)), ONE, 0.5, 40)[:9].sum())(
        jnp.array(times)
    )
    assert float(total.sum()) == pytest.approx(sum(times), rel=1e-4)
    assert np.isfinite(gradient).all()


def test_an_element_with_an_unreached_corner_is_silent():
    times = jnp.array([1.0, 2.0, jnp.inf, 3.0])
    value, gradient = jax.value_and_grad(
        lambda t: passage(t, jnp.ones((1, 1, 4)), ONE, 0.5, 20).sum()
    )(times)
    assert float(value) == 0
    assert (np.asarray(gradient) == 0).all()


def test_gradient_is_that_of_differences():
    weights = jnp.asarray(RANDOM.normal(size=(1, 2, 4)))
    seen = jnp.asarray(RANDOM.normal(size=(60, 2)))

    def loss(times, weights):
        return (seen * passage(times, weights, ONE, 0.5, 60)).sum()

    check_grads(loss, (jnp.asarray(CORNERS[0]) + 0.13, weights), 1, modes=["rev"])
