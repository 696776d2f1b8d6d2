"""The learned forward model: how each electrode sees each patch, and how each patch conducts.

A lead is the sum over patches of (conductivity x moment) . gradient of the electrode's field. The
moments are linear in the potentials and zero for an even one; so is the ECG, by construction, once
it has been read from a recording how the patches conduct. What is learned are the fields
(`field_net.py`) and the conductivities (`conduction_net.py`).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from twin.inverse.forward_model.conduction_net import ConductionNet
from twin.inverse.forward_model.evidence import Evidence
from twin.inverse.forward_model.field_net import FieldNet
from twin.simulation.lead_field import ELECTRODES, independent_leads, twelve_leads


@dataclass(frozen=True)
class Sizes:
    """Widths of the two networks, and how many features they are given."""

    views: int
    tissue: int
    field: int
    conduction: int


class ForwardNet(nn.Module):
    leads: Tensor

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.field = FieldNet(sizes.views, sizes.field)
        self.conduction = ConductionNet(sizes.tissue, sizes.conduction)
        self.register_buffer("leads", mixing(), persistent=False)

    def fields(self, views: Tensor, gradients: Tensor) -> Tensor:
        """What each of the twelve leads sees: leads x patches x 3."""
        return self.of_leads(self.field(views, gradients))

    def of_leads(self, fields: Tensor) -> Tensor:
        """From those of the electrodes."""
        return torch.einsum("le,epx->lpx", self.leads, fields)

    def conductivities(
        self, tissue: Tensor, areas: Tensor, near: Tensor, evidence: Evidence | None
    ) -> Tensor:
        """S/m of each patch, in all directions and more along the fibres: patches x 2."""
        return self.conduction(tissue, areas, near, evidence)

    def forward(self, fields: Tensor, conductivities: Tensor, moments: Tensor) -> Tensor:
        """Twelve leads x times, mV; `moments` are patches x 2 x 3 x times."""
        weights = torch.einsum("lpx,pk->lpkx", fields, conductivities)
        return weights.flatten(1) @ moments.flatten(0, 2)


def mixing() -> Tensor:
    """Electrodes to the twelve leads."""
    return torch.tensor(twelve_leads() @ independent_leads(ELECTRODES), dtype=torch.float32)
