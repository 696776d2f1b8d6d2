"""What leads see of elements, against the integral it stands for."""

import jax
import numpy as np
import pytest

from twin.benchmarks.small_torso import round_torso, small_heart
from twin.meshes.errors import InputError
from twin.meshes.fields.laplace import LinearElements
from twin.simulation.lead_field import LeadField
from twin.simulation.lead_weights import Intracellular, lead_weights, node_weights


@pytest.fixture(scope="module")
def heart():
    return small_heart()


@pytest.fixture(scope="module")
def field(heart):
    return LeadField.infinite_medium(heart, round_torso())


def test_weights_are_the_integral(heart, field):
    tissue = Intracellular(0.3, 0.05)
    potentials = np.random.default_rng(0).normal(size=len(heart.points))
    elements = LinearElements(heart.points, heart.tetrahedra)
    outer = heart.fibres.fibre[:, :, None] * heart.fibres.fibre[:, None]
    tensor = 0.05 * np.eye(3) + 0.25 * outer
    leads = np.asarray(field.leads(), float)
    fluxes = [np.einsum("exy,ey->ex", tensor, elements.gradient(z)) for z in leads]
    whole = [
        (elements.volumes * (elements.gradient(potentials) * flux).sum(axis=1)).sum()
        for flux in fluxes
    ]
    weights = lead_weights(heart, field, tissue)
    assert weights.shape == (len(heart.tetrahedra), 8, 4)
    assert weights.dtype == np.float32
    found = np.einsum("elk,ek->l", weights, potentials[heart.tetrahedra])
    np.testing.assert_allclose(found, whole, rtol=1e-3)
    nodes = np.asarray(node_weights(heart, weights))
    np.testing.assert_allclose(potentials @ nodes, found, rtol=1e-3)


def test_no_lead_sees_a_heart_at_one_potential(heart, field):
    weights = np.asarray(lead_weights(heart, field))
    assert abs(weights.sum(axis=2)).max() < 1e-5 * abs(weights).max()


def test_differentiable_in_the_conductivities(heart, field):
    def total(tissue):
        return (lead_weights(heart, field, tissue) ** 2).sum()

    tissue = Intracellular(0.3, 0.03)
    slope = jax.grad(total)(tissue)
    more, less = Intracellular(0.303, 0.03), Intracellular(0.297, 0.03)
    difference = (total(more) - total(less)) / 0.006
    assert slope.along == pytest.approx(float(difference), rel=1e-2)


def test_a_field_of_another_heart(field):
    with pytest.raises(InputError, match="compute it for this heart"):
        lead_weights(small_heart(layers=3), field)


def test_conductivities_are_checked():
    with pytest.raises(InputError, match="along"):
        Intracellular(along=-0.1)
