"""Faults of the fibre, sheet and normal of each tetrahedron, and how they are mended."""

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from twin.meshes.checking.examination import Examination
from twin.meshes.checking.findings import Fault, Severity
from twin.meshes.volume import Volume

AXES = ("fibre", "sheet", "normal")
SHORTEST = 1e-6
LENGTH_TOLERANCE = 1e-3
COSINE_TOLERANCE = 1e-2


def _axes(volume: Volume) -> dict[str, np.ndarray]:
    """The axes that hold one vector for each tetrahedron."""
    expected = (len(volume.tetrahedra), 3)
    fields = {name: volume.element_fields.get(name) for name in AXES}
    return {
        name: np.asarray(field, np.float64)
        for name, field in fields.items()
        if field is not None and field.shape == expected
    }


def _wrong_number(mesh: Examination):
    expected = (len(mesh.tetrahedra), 3)
    fields = mesh.volume.element_fields
    wrong = [name for name in AXES if name in fields and fields[name].shape != expected]
    return np.zeros((len(wrong), 0))


def _say_number(mesh: Examination) -> str:
    fields = mesh.volume.element_fields
    shapes = ", ".join(f"{name} {fields[name].shape}" for name in AXES if name in fields)
    return f"They are {shapes}, expected ({len(mesh.tetrahedra)}, 3): one vector a tetrahedron."


def _any_axis(volume: Volume, judge) -> np.ndarray:
    faulty = np.zeros(len(volume.tetrahedra), bool)
    for axis in _axes(volume).values():
        faulty |= judge(axis)
    return np.flatnonzero(faulty)


def _not_finite(axis):
    return ~np.isfinite(axis).all(axis=1)


def _without_direction(axis):
    return np.linalg.norm(axis, axis=1) < SHORTEST


def _unnormalised(axis):
    length = np.linalg.norm(axis, axis=1)
    return (length >= SHORTEST) & (np.abs(length - 1) > LENGTH_TOLERANCE)


def _skewed(mesh: Examination):
    axes = list(_units(mesh.volume).values())
    faulty = np.zeros(len(mesh.tetrahedra), bool)
    for i, one in enumerate(axes):
        for other in axes[:i]:
            faulty |= np.abs(np.einsum("ij,ij->i", one, other)) > COSINE_TOLERANCE
    return np.flatnonzero(faulty)


def _left_handed(mesh: Examination):
    axes = _units(mesh.volume)
    if len(axes) < 3:
        return np.zeros(0, np.int64)
    return np.flatnonzero(_handedness(axes) < 0)


def _handedness(axes):
    fibre, sheet, normal = (axes[name] for name in AXES)
    return np.einsum("ij,ij->i", np.cross(fibre, sheet), normal)


def _units(volume):
    """The axes at unit length; zero where they have no direction."""
    return {name: _unit(axis) for name, axis in _axes(volume).items()}


def _unit(axis):
    axis = np.where(np.isfinite(axis), axis, 0.0)
    return axis / np.maximum(np.linalg.norm(axis, axis=1, keepdims=True), SHORTEST)


def mend_fibres(volume: Volume) -> tuple[Volume, str]:
    """Orthonormal right-handed axes; what has no direction takes the nearest tetrahedron's.

    Only faulty tetrahedra change. The fibre keeps its line, the sheet its plane with the fibre.
    """
    mesh = Examination(volume)
    axes = _axes(volume)
    dropped = [name for name in AXES if name in volume.element_fields and name not in axes]
    faulty = np.zeros(len(volume.tetrahedra), bool)
    for finder in (fault.find for fault in FAULTS[1:-1]):
        faulty[finder(mesh)] = True
    mended = _right(axes)
    usable = np.ones(len(faulty), bool)
    for axis in mended.values():
        usable &= np.isfinite(axis).all(axis=1) & (np.linalg.norm(axis, axis=1) > 0.5)
    if not usable.any():
        dropped, mended = [name for name in AXES if name in volume.element_fields], {}
    fields = {k: v for k, v in volume.element_fields.items() if k not in dropped}
    source = _nearest(mesh, usable) if mended else None
    for name, axis in mended.items():
        field = np.array(fields[name])
        field[faulty] = axis[source][faulty]
        fields[name] = field
    said = f"made orthonormal and right-handed in {int(faulty.sum()):,} tetrahedra"
    if mended and (~usable).any():
        said += f", {int((~usable).sum()):,} of them taken from their neighbours"
    if dropped:
        said = f"dropped {', '.join(dropped)}; the fibre rule takes their place"
    return replace(volume, element_fields=fields), said


def _right(axes):
    """Gram-Schmidt from fibre over sheet to normal, with the axes that are there."""
    mended: dict[str, np.ndarray] = {}
    for name, axis in axes.items():
        rest = _unit(axis)
        for earlier in mended.values():
            rest = rest - np.einsum("ij,ij->i", rest, earlier)[:, None] * earlier
        rest = np.where(np.linalg.norm(rest, axis=1, keepdims=True) > 1e-3, rest, 0.0)
        mended[name] = _unit(rest)
    if len(mended) == 3:
        mended["normal"] = np.cross(mended["fibre"], mended["sheet"])
    return mended


def _nearest(mesh, usable):
    """The nearest usable tetrahedron of each."""
    centroids = mesh.points[mesh.tetrahedra].mean(axis=1)
    candidates = np.flatnonzero(usable)
    source = np.arange(len(usable))
    if not usable.all():
        nearest = cKDTree(centroids[candidates]).query(centroids[~usable])[1]
        source[~usable] = candidates[nearest]
    return source


FAULTS: tuple[Fault, ...] = (
    Fault(
        "wrong number of fibres",
        "fields",
        _wrong_number,
        _say_number,
        "{repair} drops them for the fibre rule; better give the file that belongs to this mesh.",
    ),
    Fault(
        "fibres not finite",
        "tetrahedra",
        lambda mesh: _any_axis(mesh.volume, _not_finite),
        "Their fibre, sheet or normal is NaN or infinite.",
        "{repair} takes the nearest tetrahedron's.",
    ),
    Fault(
        "fibres without direction",
        "tetrahedra",
        lambda mesh: _any_axis(mesh.volume, _without_direction),
        "Their fibre, sheet or normal has no length.",
        "{repair} takes the nearest tetrahedron's.",
    ),
    Fault(
        "unnormalised fibres",
        "tetrahedra",
        lambda mesh: _any_axis(mesh.volume, _unnormalised),
        "Their fibre, sheet or normal is not of length 1.",
        "{repair} normalises them.",
    ),
    Fault(
        "skewed fibres",
        "tetrahedra",
        _skewed,
        "Their fibre, sheet and normal are not at right angles.",
        "{repair} turns the sheet, then the normal.",
    ),
    Fault(
        "left-handed fibres",
        "tetrahedra",
        _left_handed,
        "Fibre, sheet and normal form a left hand; a file written for mirrored axes does that.",
        "{repair} turns the normal round.",
    ),
    Fault(
        "field values not finite",
        "fields",
        lambda mesh: _fields_not_finite(mesh.volume),
        "Fields on points or tetrahedra hold NaN or infinite values.",
        "Nothing mends these but their origin; leave the field out if it is not needed.",
        severity=Severity.WARNING,
    ),
)


def _fields_not_finite(volume):
    fields = [field for name, field in volume.element_fields.items() if name not in AXES]
    fields += list(volume.point_fields.values())
    wrong = [f for f in fields if f.dtype.kind == "f" and not np.isfinite(f).all()]
    return np.zeros((len(wrong), 0))
