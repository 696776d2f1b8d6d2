import numpy as np
import pytest
from scipy import sparse

from twin.meshes.errors import TwinError
from twin.meshes.fields.laplace import DirichletProblem, LinearElements, conjugate_gradients, unit


@pytest.fixture(scope="module")
def elements(left_mesh):
    return LinearElements(left_mesh.points, left_mesh.tetrahedra)


def test_gradient_of_a_linear_function_is_exact(elements):
    slope = np.array([0.3, -1.2, 0.7])
    assert np.allclose(elements.gradient(elements.points @ slope + 4), slope)
    assert np.allclose(elements.at_nodes(elements.gradient(elements.points @ slope)), slope)


def test_gradient_does_not_mind_inverted_numbering(elements):
    turned = LinearElements(elements.points, elements.tetrahedra[:, [1, 0, 2, 3]])
    values = np.sin(elements.points[:, 0])
    assert np.allclose(turned.gradient(values), elements.gradient(values))


def test_stiffness_gives_the_energy_of_a_linear_function(elements):
    slope, tensor = np.array([1.0, 2.0, -1.0]), np.diag([3.0, 1.0, 0.5])
    tensors = np.broadcast_to(tensor, (len(elements.tetrahedra), 3, 3))
    values = elements.points @ slope
    energy = slope @ tensor @ slope * elements.volumes.sum()
    assert values @ elements.stiffness(tensors) @ values == pytest.approx(energy)
    plain = slope @ slope * elements.volumes.sum()
    assert values @ elements.stiffness() @ values == pytest.approx(plain)


def test_stiffness_is_symmetric_and_keeps_constants(elements):
    random = np.random.default_rng(0).normal(size=(len(elements.tetrahedra), 3, 3))
    stiffness = elements.stiffness(random @ random.transpose(0, 2, 1))
    assert abs(stiffness - stiffness.T).max() < 1e-10 * abs(stiffness).max()
    assert np.abs(stiffness @ np.ones(len(elements.points))).max() < 1e-10 * abs(stiffness).max()


def test_linear_values_on_the_boundary_go_on_inside(elements, left_mesh):
    fixed = np.zeros(len(elements.points), bool)
    fixed[left_mesh.triangles] = True
    linear = elements.points @ np.array([0.2, -0.5, 1.0])
    problem = DirichletProblem(elements.stiffness(), fixed)
    solution = problem.solve(np.where(fixed, linear, 0), tolerance=1e-10)
    assert np.allclose(solution, linear, atol=1e-6)


def test_a_good_guess_changes_nothing_but_the_way(elements, left_mesh):
    fixed = np.zeros(len(elements.points), bool)
    fixed[left_mesh.triangles] = True
    values = np.where(fixed, np.cos(elements.points[:, 2] / 10), 0)
    problem = DirichletProblem(elements.stiffness(), fixed)
    cold = problem.solve(values, 1e-10)
    assert np.allclose(problem.solve(values, 1e-10, guess=cold + 0.01), cold, atol=1e-7)


def test_an_unsolvable_system_is_said():
    singular = DirichletProblem(
        LinearElements(np.eye(4, 3), np.array([[0, 1, 2, 3]])).stiffness() * np.nan,
        np.array([True, False, False, False]),
    )
    with pytest.raises(TwinError, match="did not settle"):
        singular.solve(np.ones(4))


def test_conjugate_gradients_solve(elements):
    shifted = elements.stiffness() + 10 * sparse.eye_array(len(elements.points))
    right = np.random.default_rng(1).normal(size=len(elements.points))
    solution = conjugate_gradients(shifted.tocsr(), right, np.zeros_like(right), 1e-10)
    assert np.allclose(shifted @ solution, right, atol=1e-7)


def test_unit_leaves_zero_alone():
    assert np.array_equal(unit(np.array([[3.0, 0, 4], [0, 0, 0]])), [[0.6, 0, 0.8], [0, 0, 0]])
