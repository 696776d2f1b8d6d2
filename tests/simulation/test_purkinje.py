"""The conduction system: one tree, grown by its rule, and cut."""

from dataclasses import replace

import numpy as np
import pytest

from twin.meshes.errors import InputError
from twin.meshes.heart import Boundary
from twin.simulation.purkinje import Bundle, Purkinje, PurkinjeRule


@pytest.fixture(scope="module")
def tree(coarse_heart):
    return Purkinje.grow(coarse_heart, seed=1)


def heart_nodes(heart, tree):
    """The heart's node at each of the tree's, but for the bundle of His."""
    distances = np.linalg.norm(tree.points[1:, None] - heart.points[None], axis=2)
    assert distances.min(axis=1).max() < 1e-9
    return np.concatenate([[-1], distances.argmin(axis=1)])


def test_the_same_seed_gives_the_same_tree(coarse_heart, tree):
    same, other = (Purkinje.grow(coarse_heart, seed=seed) for seed in (1, 2))
    assert same.content == tree.content
    assert other.content != tree.content


def test_it_is_one_tree(tree):
    assert len(tree.edges) == len(tree.points) - 1
    assert np.isfinite(tree.arrival_times()).all()
    assert len(np.unique(tree.edges[:, 1])) == len(tree.edges)


def test_junctions_cover_both_endocardia_up_to_the_reach(coarse_heart, tree):
    height = coarse_heart.coordinates.apicobasal
    for bundle, wall in zip(
        Bundle, (Boundary.LV_ENDOCARDIUM, Boundary.RV_ENDOCARDIUM), strict=True
    ):
        nodes = coarse_heart.boundary_nodes(wall)
        own = np.intersect1d(tree.junctions[:, 1], nodes)
        assert height[own].max() < tree.rule.reach[bundle]
        low = nodes[height[nodes] < 0.4]
        gaps = np.linalg.norm(
            coarse_heart.points[low][:, None] - coarse_heart.points[own][None], axis=2
        ).min(axis=1)
        assert np.median(gaps) < 2 * tree.rule.spacing


def test_an_insulated_branch_gives_off_nothing(coarse_heart, tree):
    height = coarse_heart.coordinates.apicobasal[heart_nodes(coarse_heart, tree)]
    bundled = np.zeros(len(tree.points), bool)
    bundled[tree.edges[tree.speeds == tree.rule.speed, 1]] = True
    for bundle in Bundle:
        network = (tree.bundle == bundle) & (tree.speeds == tree.rule.network_speed[bundle])
        parents = tree.edges[network, 0]
        assert height[parents[bundled[parents]]].max() <= tree.rule.insulated[bundle]


def test_the_moderator_band_brings_the_free_wall_forward(coarse_heart, tree):
    without = Purkinje.grow(coarse_heart, replace(tree.rule, free_wall=()), seed=1)
    first = []
    for one in (tree, without):
        arrivals = one.arrival_times()[one.junctions[:, 0]]
        first.append(arrivals[coarse_heart.coordinates.ventricle[one.junctions[:, 1]] == 1].mean())
    assert first[0] < first[1] - 3


@pytest.mark.parametrize("bundle", list(Bundle))
def test_below_a_cut_nothing_arrives(tree, bundle):
    below = np.unique(tree.edges[tree.bundle == bundle, 1])
    arrivals = tree.cut(bundle).arrival_times()
    assert np.isinf(arrivals[below]).all()
    assert np.isfinite(np.delete(arrivals, below)).all()
    with pytest.raises(InputError, match=f"no {bundle.name.lower()} bundle branch left"):
        tree.cut(bundle).cut(bundle)


@pytest.mark.parametrize("wrong", [{"speed": 0.0}, {"spacing": -1.0}, {"network_speed": (1, 0)}])
def test_what_cannot_conduct_is_refused(coarse_heart, wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        Purkinje.grow(coarse_heart, replace(PurkinjeRule(), **wrong))


def test_beyond_the_moderator_band_the_free_wall_stays_tied_to_a_blocked_right_branch(
    coarse_heart, tree
):
    left, right = tree.cut(Bundle.LEFT), tree.cut(Bundle.RIGHT)
    assert (left.bundle == Bundle.RIGHT).all()
    kept = right.edges[right.bundle == Bundle.RIGHT]
    assert tree.band in kept
    assert 0 not in kept
    tied = right.junctions[np.isin(right.junctions[:, 0], kept), 1]
    of_free_wall = coarse_heart.coordinates.ventricle[tied] == 1
    assert len(tied)
    assert of_free_wall.mean() > 0.8
    without = Purkinje.grow(coarse_heart, replace(tree.rule, free_wall=()), seed=1)
    assert (without.cut(Bundle.RIGHT).bundle == Bundle.LEFT).all()
