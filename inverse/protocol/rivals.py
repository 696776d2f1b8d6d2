"""The rivals without a network: mean map, the oracle that is told the place, signal length."""

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

from twin.inverse.lattice import LATTICE, LENGTHS
from twin.inverse.protocol.part import Part
from twin.inverse.protocol.templates import ByClass, ByNearest, TemplateRow
from twin.simulation.infarct import Zone

COUNTS = (16, 48, 144)
"""Numbers of nearest training cases that are tried on the validation part."""

LEFT_VENTRICLE = 46.0
"""mm, cube root of a usual left ventricle's 100 ml: an infarct's size as a length."""

FAR = 1000.0
"""mm: where those who have no infarct are put, away from all who have one."""


def template_rows(train: Part, validation: Part, test: Part) -> list[TemplateRow]:
    gathered = train.gathered()
    mean = ByClass.of(gathered, np.zeros(len(train), int))
    return [
        TemplateRow.fit("mean map", [mean], nothing, validation, test),
        _oracle(gathered, train, validation, test),
        _nearest("signal length", signal_length, gathered, train, validation, test),
    ]


def nothing(part: Part) -> Float[np.ndarray, "cases 1"]:
    return np.zeros((len(part), 1))


def signal_length(part: Part) -> Float[np.ndarray, "cases 1"]:
    """ms of activation, of the simulation itself."""
    return part.table["activation_ms"][:, None]


def told_place(part: Part) -> Float[np.ndarray, "cases 1"]:
    """Which of the published places, healthy being the last."""
    return part.table["drawn_place"][:, None]


def told_centre(part: Part) -> Float[np.ndarray, "cases 5"]:
    """Where the scar's centre is in the left ventricle, in a heart of usual size (mm), how far
    from the endocardium, and how large it is (cube root of the volume, mm)."""
    scar = part.gathered()[..., Zone.SCAR] * part.place_masses() * LATTICE.left
    whole = (part.place_masses() * LATTICE.left).sum(axis=1)
    centre = scar @ _places() / np.maximum(scar.sum(axis=1, keepdims=True), 1e-9)
    size = LEFT_VENTRICLE * np.cbrt(scar.sum(axis=1) / whole)
    return np.where(part.healthy[:, None], FAR, np.column_stack([centre, size]))


def _oracle(gathered, train: Part, validation: Part, test: Part) -> TemplateRow:
    """Told where the infarct is: its place where places have names, and otherwise its centre and
    size, of which the nearest training cases make the map."""
    if "drawn_place" not in train.table:
        return _nearest("template oracle", told_centre, gathered, train, validation, test)
    places = ByClass.of(gathered, told_place(train)[:, 0].astype(int))
    return TemplateRow.fit("template oracle", [places], told_place, validation, test)


def _nearest(name, feature, gathered, train: Part, validation: Part, test: Part) -> TemplateRow:
    tree = cKDTree(feature(train))
    templates = [ByNearest(gathered, tree, count) for count in COUNTS]
    return TemplateRow.fit(name, templates, feature, validation, test)


def _places() -> Float[np.ndarray, "places 4"]:
    long, radius, wall = LENGTHS
    at = LATTICE.coordinates
    return np.column_stack(
        [
            long * at.apicobasal,
            radius * at.rotational_sine,
            radius * at.rotational_cosine,
            wall * at.transmural,
        ]
    )
