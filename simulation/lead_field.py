"""The linear map from the heart's currents to the electrodes, by reciprocity.

An electrode's potential is phi = - integral over the heart of s_i grad V . grad Z, where Z is the
field that unit current injected at the electrode would make (Plonsey, IEEE Trans Biomed Eng
BME-10:110, 1963; physics.md, ECG). With lengths in mm and conductivities in S/m, Z is in
1 / (S/m mm) and phi comes out in mV where V is.
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from twin.meshes.atrium import Atrium
from twin.meshes.cache import remembered
from twin.meshes.errors import InputError
from twin.meshes.files import content_hash
from twin.meshes.heart import Heart
from twin.meshes.meshing.distance import closest_weights
from twin.meshes.surface import Surface
from twin.meshes.torso import Torso
from twin.simulation.leads import CHEST, IN_TERMS_OF_I_AND_II, INDEPENDENT

ELECTRODES = ("RA", "LA", "LL", *CHEST)

VERSION = 4
"""Of what is kept on disk; a change of method changes it."""


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["points", "places", "anchors", "rest"],
    meta_fields=["electrodes", "direct", "method", "remarks"],
)
@dataclass(frozen=True, eq=False)
class LeadField:
    """Z at the heart's points, for electrodes at `places` on the skin (mm) and near them.

    Z is what the electrode's own current makes, `direct` / (4 pi distance), and the rest, which
    the surroundings make: smooth, and known for three `anchors` round each electrode. It is taken
    to be linear between them, so that Z can be differentiated in the electrode's place. `method`
    names how the rest was computed.
    """

    points: Float[np.ndarray, "points 3"]
    electrodes: tuple[str, ...]
    places: Float[np.ndarray, "electrodes 3"]
    direct: float
    anchors: Float[np.ndarray, "electrodes 3 3"]
    rest: Float[np.ndarray, "electrodes 3 points"]
    method: str
    remarks: tuple[str, ...] = ()

    @staticmethod
    def infinite_medium(heart: Heart | Atrium, torso: Torso) -> "LeadField":
        """As if the torso went on for ever: an approximation.

        It misses the skin, which makes amplitudes too small, by another factor in each lead.
        """
        torso = torso.place(heart)
        places = electrode_places(torso)
        anchors = np.repeat(places[:, None], 3, axis=1) + 10 * np.eye(3)
        rest = np.zeros((len(places), 3, len(heart.points)), np.float32)
        direct = 1 / torso.conductivities.torso
        return _lead_field(heart, torso, direct, anchors, rest, "infinite medium (approximation)")

    @staticmethod
    def boundary_elements(heart: Heart | Atrium, torso: Torso, keep: bool = True) -> "LeadField":
        """With skin, lungs and blood pools, each of one conductivity: the default.

        Not to `keep` it on disk is for who stores it himself.
        """
        from twin.simulation.conductor.surface_charges import surroundings
        from twin.simulation.conductor.surfaces import torso_conductor

        def compute(placed):
            conductor = torso_conductor(heart, placed)
            anchors = anchors_on(placed.skin, electrode_places(placed))
            return anchors, surroundings(conductor, anchors, heart.points)

        return _remembered(heart, torso, "boundary elements", compute, keep)

    @staticmethod
    def finite_elements(heart: Heart, torso: Torso, finest: float = 1.5) -> "LeadField":
        """On a tetrahedral mesh of the whole torso, with edges of `finest` mm in the heart.

        The reference for the other methods: slow, and the rest is the same wherever a moved
        electrode goes.
        """
        from twin.simulation.conductor.volume import finite_element_rest

        def compute(placed):
            return finite_element_rest(heart, placed, electrode_places(placed), finest)

        return _remembered(heart, torso, f"finite elements of {finest:g} mm", compute)

    def potentials(
        self, places: Float[Array, "electrodes 3"] | None = None
    ) -> Float[Array, "electrodes points"]:
        """Z of each electrode; at other `places` (mm) near its own, differentiable in them."""
        at = jnp.asarray(self.places if places is None else places, jnp.float32)
        return _potentials(self.direct, at, self.anchors, self.points, self.rest)

    def leads(self, places: Float[Array, "electrodes 3"] | None = None) -> Float[Array, "8 points"]:
        """Z of I, II and V1 to V6."""
        return jnp.asarray(independent_leads(self.electrodes)) @ self.potentials(places)


@jax.jit
def _potentials(direct, places, anchors, points, rest) -> Float[Array, "electrodes points"]:
    shares = barycentric(places, jnp.asarray(anchors, jnp.float32))
    distances = jnp.linalg.norm(places[:, None] - jnp.asarray(points, jnp.float32), axis=2)
    return direct / (4 * jnp.pi * distances) + jnp.einsum("ek,ekp->ep", shares, rest)


def electrode_places(torso: Torso) -> Float[np.ndarray, "electrodes 3"]:
    """Of the nine electrodes of the twelve leads, mm."""
    missing = [name for name in ELECTRODES if name not in torso.electrodes]
    if missing:
        raise InputError(
            f"electrodes: {', '.join(missing)} not among {', '.join(torso.electrodes)}; the twelve "
            f"leads need {', '.join(ELECTRODES)}"
        )
    return np.array([torso.electrodes[name] for name in ELECTRODES], float)


def anchors_on(
    skin: Surface, places: Float[np.ndarray, "electrodes 3"]
) -> Float[np.ndarray, "electrodes 3 3"]:
    """Three points round each electrode, on its triangle of the skin and off that one's edges."""
    corners = np.array([_nearest_triangle(skin, place) for place in places])
    middle = (places + corners.mean(axis=1)) / 2
    return middle[:, None] + 0.3 * (corners - corners.mean(axis=1, keepdims=True))


def _nearest_triangle(skin, place):
    weights = closest_weights(
        np.broadcast_to(place, (len(skin.triangles), 3)), *np.moveaxis(skin.corners, 1, 0)
    )
    feet = np.einsum("fk,fkd->fd", weights, skin.corners)
    return skin.corners[np.linalg.norm(feet - place, axis=1).argmin()]


def independent_leads(electrodes: tuple[str, ...]) -> Float[np.ndarray, "8 electrodes"]:
    """I = LA - RA, II = LL - RA, and each chest electrode against the mean of RA, LA and LL."""
    place = {name: i for i, name in enumerate(electrodes)}
    mixing = np.zeros((len(INDEPENDENT), len(electrodes)), np.float32)
    for row, lead in zip(mixing, INDEPENDENT, strict=True):
        if lead in CHEST:
            row[place[lead]] = 1
            row[[place["RA"], place["LA"], place["LL"]]] -= 1 / 3
        else:
            row[place["LA" if lead == "I" else "LL"]] = 1
            row[place["RA"]] = -1
    return mixing


def twelve_leads() -> Float[np.ndarray, "12 8"]:
    """The twelve standard leads from the eight independent ones (Einthoven, Goldberger)."""
    mixing = np.zeros((12, 8))
    for row, (by_i, by_ii) in enumerate(IN_TERMS_OF_I_AND_II.values()):
        mixing[row, :2] = by_i, by_ii
    mixing[6:, 2:] = np.eye(6)
    return mixing


def barycentric(
    places: Float[Array, "electrodes 3"], corners: Float[Array, "electrodes 3 3"]
) -> Float[Array, "electrodes 3"]:
    """Shares of the corners of each triangle at the place nearest to `places` in its plane."""
    a, b, c = jnp.moveaxis(jnp.asarray(corners), 1, 0)
    normal = jnp.cross(b - a, c - a)
    square = (normal**2).sum(axis=1)
    of_b = (jnp.cross(places - a, c - a) * normal).sum(axis=1) / square
    of_c = (jnp.cross(b - a, places - a) * normal).sum(axis=1) / square
    return jnp.stack([1 - of_b - of_c, of_b, of_c], axis=1)


def _remembered(heart, torso, method, compute, keep=True):
    """From the disk, where the same heart, torso and method were computed before."""
    torso = torso.place(heart)

    def arrays():
        anchors, rest = compute(torso)
        return {"anchors": anchors, "rest": rest.astype(np.float32)}

    stored = remembered("lead_field", _key(heart, torso, method), arrays) if keep else arrays()
    # On a smooth surface half of the space around the electrode conducts.
    direct = 2 / torso.conductivities.torso
    return _lead_field(heart, torso, direct, stored["anchors"], stored["rest"], method)


def _lead_field(heart, torso, direct, anchors, rest, method):
    places = electrode_places(torso)
    points = np.asarray(heart.points, np.float32)
    return LeadField(
        points, ELECTRODES, places, direct, anchors, rest, method, tuple(torso.remarks)
    )


def _key(heart: Heart | Atrium, torso: Torso, method: str) -> str:
    surfaces = [torso.skin, *torso.lungs, *torso.blood_pools]
    arrays = [array for surface in surfaces for array in (surface.points, surface.triangles)]
    conductivities = np.array(list(vars(torso.conductivities).values()))
    text = np.frombuffer(f"{VERSION} {heart.content} {method}".encode(), np.uint8)
    return content_hash(text, conductivities, electrode_places(torso), *arrays)
