"""Where the electrodes of the 12-lead ECG sit: by the table, from a file, and on the skin."""

import csv
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from twin.meshes.errors import InputError
from twin.meshes.meshing.distance import closest_weights
from twin.meshes.surface import Surface
from twin.meshes.units import TORSO, UNITS, find_axes, find_scale

Electrodes = Mapping[str, Float[np.ndarray, " 3"]]

NAMES = ("LA", "RA", "LL", "RL", "V1", "V2", "V3", "V4", "V5", "V6")
"""In the order in which tables without names list them."""

GROUND = "RL"
"""The one electrode that no lead measures, so that it may be missing."""

MEANS = {
    "V1": (-27, 0, -2),
    "V2": (27, 0, 2),
    "V3": (74, -13, -55),
    "V4": (123, 17, -103),
    "V5": (157, 75, -108),
    "V6": (170, 131, -106),
    "RA": (-173, 110, 131),
    "LA": (142, 111, 132),
    "LL": (144, 37, -364),
    "RL": (-175, 44, -364),
}
"""mm from the midpoint between V1 and V2, LPS, averaged over people; docs/torso.md."""

DEVIATIONS = {
    "V1": (0, 0, 0),
    "V2": (0, 0, 0),
    "V3": (11, 7, 9),
    "V4": (11, 5, 12),
    "V5": (12, 9, 11),
    "V6": (13, 15, 8),
    "RA": (10, 15, 11),
    "LA": (11, 16, 10),
    "LL": (13, 19, 22),
    "RL": (17, 25, 23),
}
"""Standard deviations, mm; V1 and V2 make the frame and have none."""

LARGEST_FILE = 1_000_000
FARTHEST_OFF_SKIN = 60.0
"""mm; an electrode farther off belongs to another frame."""

SAID_OFF_SKIN = 1.0


def average_electrodes(scale: float = 1.0, seed: int | None = None) -> dict[str, np.ndarray]:
    """Mean places, mm from the midpoint between V1 and V2; `seed` draws those of one person."""
    random = None if seed is None else np.random.default_rng(seed)
    places = {}
    for name, mean in MEANS.items():
        place = np.array(mean, float)
        if random is not None:
            place += random.normal(size=3) * np.array(DEVIATIONS[name])
        places[name] = scale * place
    return places


def read_electrodes(
    path: str | Path, *, unit: str | None = None, axes: str | None = None, model: str | None = None
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Electrodes of a table in mm and LPS, and what was found out about it.

    Rows of a name and three numbers, with or without a header; or ten rows of three numbers in the
    order of `NAMES`; or a header LAx LAy LAz ... V6z over one row. Where a column `model` tells
    several torsos apart, `model` chooses one, the first if it is not given.
    """
    path = Path(path)
    try:
        rows = _rows(path)
        places, remarks, stated = _parse(rows, model)
        places = {name: place for name, place in places.items() if np.isfinite(place).all()}
        _refuse_missing(places)
        scale, scale_said = find_scale(np.array(list(places.values())), unit or stated, TORSO)
        factors, axes_said = find_axes(axes)
        places = {name: place * scale * factors for name, place in places.items()}
        _refuse_mirrored(places)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if GROUND not in places:
        remarks.append(f"electrode {GROUND} is missing; no lead needs it")
    return places, tuple(f"{path.name}: {said}" for said in (*remarks, scale_said, axes_said))


def _rows(path):
    if not path.is_file():
        raise InputError("there is no such file; expected a table of electrodes")
    if path.stat().st_size > LARGEST_FILE:
        raise InputError(f"{path.stat().st_size:,} bytes are too many for a table of electrodes")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError("it is no text; expected a table of electrodes") from None
    lines = [line for line in text.splitlines() if line.strip() and line.strip()[0] != "#"]
    if any("," in line or ";" in line for line in lines):
        table = csv.reader((line.replace(";", ",") for line in lines), skipinitialspace=True)
        return [[cell.strip() for cell in row] for row in table]
    return [line.split() for line in lines]


def _parse(rows, model):
    """Places by name, remarks, and the unit that a header states."""
    if not rows:
        raise InputError("it is empty; expected a table of electrodes")
    header = [cell.lower() for cell in rows[0]]
    remarks: list[str] = []
    if re.fullmatch(r"(la|ra|ll|rl|v[1-6])_?x", header[0]):
        return _parse_wide(rows, header), remarks, None
    if all(_number(cell) is not None for cell in rows[0]):
        return _parse_unnamed(rows), [f"no names: taken as {' '.join(NAMES)}"], None
    stated = None
    if all(_number(cell) is None for cell in rows[0]):
        stated = next(
            (unit for unit in UNITS if header[-1].endswith((f"_{unit}", f"({unit})"))), None
        )
        rows = rows[1:]
    if header[0] == "model":
        chosen = model or (rows[0][0] if rows else "")
        remarks.append(f"model {chosen!r} of {len({row[0] for row in rows})}")
        rows = [row[1:] for row in rows if row[0] == chosen]
        if not rows:
            raise InputError(f"it has no model {chosen!r}")
    return _parse_named(rows), remarks, stated


def _parse_wide(rows, header):
    values = _numbers(rows[1]) if len(rows) > 1 else []
    if len(values) != len(header):
        raise InputError(f"{len(values)} numbers stand under {len(header)} names")
    columns = dict(zip((name.replace("_", "") for name in header), values, strict=True))
    lower = [
        name for name in map(str.lower, NAMES) if all(name + axis in columns for axis in "xyz")
    ]
    return {name.upper(): np.array([columns[name + axis] for axis in "xyz"]) for name in lower}


def _parse_unnamed(rows):
    if len(rows) != len(NAMES) or any(len(row) != 3 for row in rows):
        raise InputError(
            f"it has {len(rows)} rows without names; expected {len(NAMES)} rows of x, y, z in the "
            f"order {' '.join(NAMES)}, or a name in each row"
        )
    return {name: np.array(_numbers(row)) for name, row in zip(NAMES, rows, strict=True)}


def _parse_named(rows):
    places: dict[str, np.ndarray] = {}
    for row in rows:
        name = row[0].upper()
        if name not in NAMES:
            continue
        if len(row) < 4:
            raise InputError(f"{name} has {len(row) - 1} coordinates, expected 3")
        if name in places:
            raise InputError(f"{name} is there twice")
        places[name] = np.array(_numbers(row[1:4]))
    return places


def _number(text):
    try:
        return float(text)
    except ValueError:
        return None


def _numbers(cells):
    values = [_number(cell) for cell in cells]
    if None in values:
        raise InputError(f"{cells[values.index(None)]!r} is no number")
    return values


def _refuse_missing(places):
    missing = [name for name in NAMES if name not in places and name != GROUND]
    if missing:
        raise InputError(
            f"electrodes {', '.join(missing)} are missing; the 12 leads need LA RA LL and V1 to V6"
        )


def _refuse_mirrored(places: Electrodes) -> None:
    if places["LA"][0] <= places["RA"][0]:
        raise InputError(
            "LA does not lie to the left of RA: perhaps the axes are RAS (axes='RAS'), or the two "
            "are exchanged"
        )
    if places["V6"][1] <= places["V2"][1]:
        raise InputError("V6 does not lie behind V2: are the axes x left, y back, z up?")
    if places["LL"][2] >= places["LA"][2]:
        raise InputError("LL does not lie below LA: are the axes x left, y back, z up?")


def project_electrodes(
    electrodes: Electrodes, skin: Surface, farthest: float = FARTHEST_OFF_SKIN
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The nearest place on the skin for each, and by how much it was off."""
    projected, off = {}, {}
    for name, place in electrodes.items():
        projected[name] = nearest_on(skin, place)
        off[name] = float(np.linalg.norm(projected[name] - place))
    worst = max(off, key=lambda name: off[name])
    if off[worst] > farthest:
        raise InputError(
            f"electrode {worst} is {off[worst]:.0f} mm off the skin, expected at most "
            f"{farthest:.0f} mm: are the electrodes and the surface in the same frame and unit?"
        )
    moved = [f"{name} {off[name]:.0f} mm" for name in off if off[name] > SAID_OFF_SKIN]
    return projected, ((f"electrodes moved onto the skin: {', '.join(moved)}",) if moved else ())


def nearest_on(surface: Surface, point: Float[np.ndarray, " 3"]) -> Float[np.ndarray, " 3"]:
    """The point of a surface nearest to a point."""
    a, b, c = np.moveaxis(np.asarray(surface.corners, np.float64), 1, 0)
    weights = closest_weights(np.broadcast_to(point, a.shape), a, b, c)
    places = np.einsum("nk,nkd->nd", weights, surface.corners)
    return places[np.argmin(np.linalg.norm(places - point, axis=1))]
