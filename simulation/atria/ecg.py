"""The ECG of an atrium's wall: a thin sheet of sources in the torso.

A lead sees - h integral of sigma_i grad V . grad Z over the surface, h the wall's thickness and Z
the lead's field (see `lead_field`). A potential that is the same everywhere gives nothing.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from twin.meshes.fields.surface_elements import SurfaceElements
from twin.meshes.torso import Torso
from twin.simulation.activation import Activation
from twin.simulation.atria.conduction import ConductingAtrium
from twin.simulation.ecg import ECG
from twin.simulation.lead_field import LeadField, twelve_leads
from twin.simulation.lead_weights import Intracellular
from twin.simulation.leads import STANDARD

RATE = 1000.0
"""Hz"""
SUBDIVISION = 6
"""A triangle counts as the square of so many pieces, each activated in its middle."""
LEAD_IN, LEAD_OUT = 20.0, 60.0
"""ms before the first activation and after the last repolarisation."""


@dataclass(frozen=True, eq=False)
class AtrialLeads:
    """What I, II and V1 to V6 see of each triangle: sigma_i grad Z times its area and the wall's
    thickness; mV per gradient of potential."""

    conducting: ConductingAtrium
    elements: SurfaceElements
    flux: Float[np.ndarray, "8 tris 3"]

    @staticmethod
    def of(
        conducting: ConductingAtrium,
        lead_field: LeadField,
        conductivities: Intracellular | None = None,
    ) -> "AtrialLeads":
        """The wall's own conductivities serve as the cells' unless others are given."""
        atrium = conducting.atrium
        elements = SurfaceElements(atrium.points, atrium.triangles)
        leads = np.asarray(lead_field.leads(), float)
        slopes = np.einsum("lti,tix->ltx", leads[:, atrium.triangles], elements.gradients)
        if conductivities is None:
            along, across = conducting.conductivities[:, 0], conducting.conductivities[:, 1]
        else:
            count = len(atrium.triangles)
            along, across = (np.full(count, float(c)) for c in vars(conductivities).values())
        fibre = np.asarray(conducting.shell.fibre, float)
        ahead = np.einsum("ltx,tx->lt", slopes, fibre)
        flux = across[:, None] * slopes + ((along - across) * ahead)[..., None] * fibre
        weight = conducting.wall.thickness * elements.areas
        return AtrialLeads(conducting, elements, flux * weight[:, None])

    @property
    def node_weights(self) -> Float[np.ndarray, "points 8"]:
        """A lead is the sum of weight x potential over the nodes; each column adds up to 0."""
        corners = -np.einsum("ltx,tix->til", self.flux, self.elements.gradients)
        weights = np.zeros((len(self.elements.points), len(self.flux)))
        np.add.at(weights, self.elements.triangles, corners)
        return weights

    def of_potentials(self, potentials: Float[np.ndarray, "times points"], rate: float) -> ECG:
        """From potentials at every node, mV, `rate` a second."""
        return twelve(self.node_weights.T @ np.asarray(potentials, float).T, rate)

    def of_activation(self, activation: Activation, shape: Float[np.ndarray, " samples"]) -> ECG:
        """From activation times and the one action potential that follows everywhere, mV each ms.

        With V = U(t - T) a lead is the sum over all places of flux . grad T x U'(t - T): first
        how much of it each ms of activation brings is counted, over pieces of triangles smaller
        than the upstroke is wide, then U' follows each.
        """
        times = np.asarray(activation.times, float)
        slopes = np.einsum("ti,tix->tx", times[self.elements.triangles], self.elements.gradients)
        seen = np.einsum("ltx,tx->lt", self.flux, slopes)
        begin = np.floor(times.min() - LEAD_IN)
        at = (times[self.elements.triangles] @ pieces(SUBDIVISION).T - begin) * RATE / 1000
        size = int(at.max()) + 2
        lower = np.floor(at).astype(int)
        share = at - lower
        arrivals = np.zeros((len(seen), size))
        for row, lead in zip(arrivals, seen, strict=True):
            part = np.repeat(lead[:, None], at.shape[1], axis=1) / at.shape[1]
            row += np.bincount(lower.ravel(), (part * (1 - share)).ravel(), size)
            row += np.bincount(lower.ravel() + 1, (part * share).ravel(), size + 1)[:size]
        rise = np.diff(shape, prepend=shape[0]) * RATE / 1000
        signals = np.stack([np.convolve(row, rise) for row in arrivals])
        return twelve(signals[:, : size + len(shape)], RATE)


def pieces(count: int) -> Float[np.ndarray, "pieces 3"]:
    """Barycentric middles of the `count`^2 equal pieces of a triangle."""
    up = [(i, j, count - 1 - i - j) for i in range(count) for j in range(count - i)]
    down = [(i, j, count - 2 - i - j) for i in range(count - 1) for j in range(count - 1 - i)]
    return np.concatenate([(np.array(up) + 1 / 3), (np.array(down) + 2 / 3)]) / count


def twelve(signals: Float[np.ndarray, "8 times"], rate: float) -> ECG:
    """All twelve leads of the eight independent ones."""
    return ECG(twelve_leads() @ signals, rate, STANDARD)


def atrial_lead_field(conducting: ConductingAtrium, torso: Torso) -> LeadField:
    """By boundary elements: skin, lungs, and the blood in the atrium."""
    return LeadField.boundary_elements(conducting.atrium, torso)
