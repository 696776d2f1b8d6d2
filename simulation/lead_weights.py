"""What each lead sees of the front in each piece of myocardium.

With V linear in a tetrahedron, its part of a lead, - integral of s_i grad V . grad Z, is the
negative sum over its corners of weight x V, where weight = |e| (s_i grad Z) . grad N.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from twin.meshes.errors import InputError
from twin.meshes.fields.laplace import LinearElements
from twin.meshes.heart import Heart
from twin.meshes.shell import Shell
from twin.simulation.lead_field import LeadField


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Intracellular:
    """Conductivity inside the cells along and across the fibres, S/m.

    The lead field takes the heart to conduct alike in all directions, so what stands for the cells
    is not their own ratio of 5 to 10 but what is left of it when the current returns through the
    tissue around them: the step of potential across a front is 74 mV where it runs along the
    fibres and 43 mV where it runs across (Roberts and Scher, Circ Res 50:342, 1982). The defaults
    lie within measured conductivities and come nearest to that: along the fibres those of Clerc
    (J Physiol 255:335, 1976; 0.174 S/m), across those of Roberts and Scher (0.060 S/m).
    """

    along: float | Float[Array, ""] = 0.17
    across: float | Float[Array, ""] = 0.06

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, float | int) and not 0 <= value < 10:
                raise InputError(
                    f"intracellular conductivity {name} the fibres: {value} S/m, expected 0 to 10"
                )


def lead_weights(
    heart: Heart,
    lead_field: LeadField,
    conductivities: Intracellular = Intracellular(),
    places: Float[Array, "electrodes 3"] | None = None,
) -> Float[Array, "tets 8 4"]:
    """Weight of each corner's V in I, II and V1 to V6, single precision.

    Differentiable in the conductivities and in the `places` of the electrodes.
    """
    if lead_field.points.shape != heart.points.shape:
        raise InputError(
            f"the lead field is for a heart of {len(lead_field.points):,} points, this one has "
            f"{len(heart.points):,}; compute it for this heart"
        )
    return ElementStiffness.of(heart).lead_weights(lead_field.leads(places), conductivities)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class ElementStiffness:
    """What of `lead_weights` depends on the heart alone, for whoever needs them many times.

    The integral over each tetrahedron of grad N_i . grad N_j, mm, and the same of their components
    along the fibre.
    """

    whole: Float[Array, "tets 4 4"]
    along: Float[Array, "tets 4 4"]
    tetrahedra: Int[Array, "tets 4"]

    @staticmethod
    def of(heart: Heart) -> "ElementStiffness":
        elements = LinearElements(heart.points, heart.tetrahedra)
        gradients, volumes = elements.gradients, elements.volumes[:, None, None]
        along = np.einsum("ekx,ex->ek", gradients, heart.fibres.fibre)
        whole = gradients @ gradients.transpose(0, 2, 1) * volumes
        return ElementStiffness(
            jnp.asarray(whole, jnp.float32),
            jnp.asarray(along[:, :, None] * along[:, None] * volumes, jnp.float32),
            jnp.asarray(heart.tetrahedra),
        )

    def lead_weights(
        self, leads: Float[Array, "8 points"], conductivities: Intracellular
    ) -> Float[Array, "tets 8 4"]:
        """From each lead's Z. Pure and differentiable; nothing is checked."""
        return _weights(self, leads, conductivities)


@jax.jit
def _weights(stiffness: ElementStiffness, leads, conductivities):
    excess = conductivities.along - conductivities.across
    entries = conductivities.across * stiffness.whole + excess * stiffness.along
    corners = leads.T[stiffness.tetrahedra]
    # Written out by corner: as one small product for each element it takes three times as long.
    parts = (entries[:, None, :, j] * corners[:, j, :, None] for j in range(4))
    return sum(parts, jnp.zeros((), leads.dtype))


def node_weights(
    mesh: Heart | Shell, weights: Float[Array, "elements leads corners"]
) -> Float[Array, "points leads"]:
    """The same for each node's V, summed over the elements around it."""
    corners = jnp.moveaxis(weights, 1, 2).reshape(-1, weights.shape[1])
    size = (len(mesh.points), weights.shape[1])
    return jnp.zeros(size, weights.dtype).at[mesh.elements.ravel()].add(corners)
