"""The published network, rebuilt: its size, its symmetries, and that it can learn."""

import subprocess
import sys

import pytest
import torch

from twin.inverse.networks.losses import dice_loss, mended_loss, published_loss
from twin.inverse.networks.paa_net import PAANet, parameters, point_features
from twin.inverse.networks.points import farthest_points, gather

torch.set_num_threads(1)


@pytest.fixture
def case():
    random = torch.Generator().manual_seed(0)
    places = torch.randn(2, 300, 3, generator=random) * 30
    coordinates = torch.rand(2, 300, 4, generator=random)
    electrodes = torch.randn(2, 9, 3, generator=random) * 150
    ecg = torch.randn(2, 8, 120, generator=random)
    zones = (places[..., 0] > 20).long() + (places[..., 0] > 30).long()
    return places, coordinates, electrodes, ecg, zones


@pytest.mark.parametrize("mended", [False, True])
def test_it_has_the_published_size(mended):
    assert parameters(PAANet(mended)) == pytest.approx(2.7e6, rel=0.1)


@pytest.mark.parametrize("mended", [False, True])
def test_an_answer_for_every_point(mended, case):
    places, coordinates, electrodes, ecg, _ = case
    network = PAANet(mended).eval()
    answer = network(point_features(places, coordinates, electrodes, mended), ecg)
    assert answer.shape == (2, 300, 3)
    assert torch.isfinite(answer).all()


def test_the_mended_features_have_no_seam_and_keep_mm(case):
    places, coordinates, electrodes, *_ = case
    turned = coordinates.clone()
    turned[..., 1] += 1
    one, other = (point_features(places, c, electrodes, True) for c in (coordinates, turned))
    torch.testing.assert_close(one, other, atol=1e-5, rtol=0)
    larger = point_features(2 * places, coordinates, electrodes, True)
    assert larger[..., :3].std() == pytest.approx(2 * one[..., :3].std().item(), rel=1e-4)
    published = [point_features(s * places, coordinates, electrodes, False) for s in (1, 2)]
    torch.testing.assert_close(published[0], published[1])


@pytest.mark.parametrize("loss", [published_loss, mended_loss])
def test_learning_one_batch(loss, case):
    places, coordinates, electrodes, ecg, zones = case
    torch.manual_seed(0)
    network = PAANet(True).train()
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    features, right = point_features(places, coordinates, electrodes, True), torch.zeros(2, 300)
    course = []
    for _ in range(12):
        optimiser.zero_grad()
        value = loss(network(features, ecg), zones, places, right)
        value.backward()
        optimiser.step()
        course.append(value.item())
    assert course[-1] < 0.9 * course[0]


def test_only_the_mended_penalties_teach(case):
    """What goes through the likeliest zone has no gradient: the answer may be anywhere."""
    places, *_, zones = case
    gradients = []
    for loss in (published_loss, mended_loss):
        logits = torch.zeros(2, 300, 3, requires_grad=True)
        near, far = (loss(logits, zones, places, torch.full((2, 300), r)) for r in (0.0, 1.0))
        difference = far - near
        gradients.append(torch.autograd.grad(difference, logits)[0].abs().max().item())
    assert gradients[0] == 0
    assert gradients[1] > 0


def test_dice_loss_is_nought_for_the_truth_and_for_nothing(case):
    *_, zones = case
    sure = torch.nn.functional.one_hot(zones, 3).float()
    assert dice_loss(sure, zones) < 1e-6
    healthy = torch.zeros_like(zones)
    assert dice_loss(torch.nn.functional.one_hot(healthy, 3).float(), healthy) < 1e-6


def test_farthest_points_are_far_apart():
    places = torch.stack([torch.arange(100.0), torch.zeros(100), torch.zeros(100)], dim=1)[None]
    chosen = farthest_points(places, 5)
    found = gather(places, chosen)[0, :, 0].sort().values
    assert found.diff().min() >= 24


def test_an_optimiser_stands_beside_a_renderer():
    """Both bring an LLVM where torch comes with triton."""
    words = """
import pyvista
plotter = pyvista.Plotter(off_screen=True)
plotter.add_mesh(pyvista.Sphere())
plotter.screenshot(None, return_img=True)
import torch
from twin.inverse.networks.optimiser import adamw
weight = torch.nn.Parameter(torch.ones(1))
optimiser = adamw([weight], 0.1, 0.0)
weight.sum().backward()
optimiser.step()
print(round(float(weight.detach()), 3))
"""
    run = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True)
    assert run.stdout.endswith("0.9\n"), run.stderr
