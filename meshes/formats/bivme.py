"""biv-me: guide points drawn on cine MRI (GPFile + SliceInfoFile), and fitted surfaces.

https://github.com/UOA-Heart-Mechanics-Research/biv-me
"""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from twin.meshes.cine.guidepoints import reconstruct
from twin.meshes.cine.slices import KINDS, GuidePoints, Plane, complete_planes
from twin.meshes.cine.tetrahedra import mesh_wall, only_hearts
from twin.meshes.errors import InputError
from twin.meshes.progress import Progress, silent
from twin.meshes.units import find_axes, find_scale
from twin.meshes.volume import Volume

SLICE_INFORMATION = "SliceInfoFile.txt"
GUIDE_POINTS = re.compile(r"GPFile_?(\d+)\.txt", re.IGNORECASE)
LONGEST_FILE = 50_000_000
LONGEST_WORD = 50
LARGEST_NUMBER = 1_000_000
BELIEVABLE_WEIGHTS = (0.001, 1000.0)


def make(
    path: str | Path,
    *,
    unit: str | None = None,
    axes: str | None = None,
    frame: int | None = None,
    align: bool = True,
    spacing: float | None = None,
    progress: Progress = silent,
) -> Volume:
    """The meshed wall of one time frame; `align` moves slices taken in different breath-holds."""
    guide = read_guidepoints(path, frame)
    scale, said_unit = find_scale(guide.points, unit)
    signs, said_axes = find_axes(axes, "LPS")
    remarks = (*guide.remarks, said_unit, said_axes)
    guide = replace(guide, points=guide.points * (scale * signs), remarks=remarks)
    with only_hearts():
        wall = reconstruct(guide, align=align, progress=progress)
        volume = mesh_wall(wall, spacing, progress)
    origin = {"origin": Path(path).name, "format": "biv-me guide points", "frame": frame}
    return replace(volume, provenance={**origin, **volume.provenance})


def guidepoint_files(folder: str | Path) -> dict[int, Path]:
    """The guide-point file of each time frame in a folder."""
    named = ((GUIDE_POINTS.fullmatch(path.name), path) for path in sorted(Path(folder).iterdir()))
    return {int(match[1]): path for match, path in named if match}


def read_guidepoints(path: str | Path, frame: int | None = None) -> GuidePoints:
    """Guide points of one time frame.

    `path` is a GPFile or a folder of them; `frame` may be left out where there is only one.
    """
    path = Path(path)
    if path.is_dir():
        path = _choose(path, guidepoint_files(path), frame)
        frame = None
    columns = _columns(path)
    columns, remarks = _one_frame(path, columns, frame)
    return _guide(path, columns, remarks)


def _choose(folder, files, frame):
    listed = ", ".join(str(number) for number in files) or "none"
    if frame is None and len(files) == 1:
        return next(iter(files.values()))
    if frame not in files:
        found = "no frame was chosen" if frame is None else f"no frame {frame}"
        raise InputError(f"{folder}: {found}; frames available: {listed}")
    return files[frame]


def _columns(path):
    """Coordinates, contour type, slice, weight and frame of each line, as text."""
    if path.stat().st_size > LONGEST_FILE:
        raise InputError(f"{path.name}: over {LONGEST_FILE // 10**6} MB, no file of guide points")
    lines = path.read_bytes().decode("ascii", errors="replace").splitlines()
    rows = [line.split() for line in lines if line.strip()]
    rows = rows[1:] if rows and rows[0][0].lower() == "x" else rows
    for number, row in enumerate(rows, start=2):
        if len(row) != 7:
            raise InputError(
                f"{path.name}: line {number} has {len(row)} columns, expected 7: "
                "x y z, contour type, slice, weight, time frame"
            )
        if max(map(len, row)) > LONGEST_WORD:
            raise InputError(f"{path.name}: line {number} is no line of numbers and a contour type")
    if not rows:
        raise InputError(f"{path.name}: holds no guide points")
    return np.array(rows)


def _one_frame(path, columns, frame):
    """The lines of one frame. A file that is named by its frame holds that one alone, whatever
    biv-me wrote into the column."""
    times = _whole_numbers(path, columns[:, 6], "time frame")
    frames, counts = np.unique(times, return_counts=True)
    if named := GUIDE_POINTS.fullmatch(path.name):
        frames = np.array([int(named[1])])
        strays = len(times) - int(counts.max())
        remark = f"{path.name}: {strays} points carry another time frame than the rest; kept"
        chosen, remarks = np.ones(len(times), bool), (remark,) if strays else ()
    else:
        chosen, remarks = times == (frames[0] if frame is None else frame), ()
    if (frame is None and len(frames) > 1) or (frame is not None and frame not in frames):
        found = "several frames, choose one" if frame is None else f"no frame {frame}"
        listed = ", ".join(str(number) for number in frames)
        raise InputError(f"{path.name}: {found}; frames available: {listed}")
    return columns[chosen], remarks


def _guide(path, columns, remarks):
    points = _numbers(path, columns[:, :3], "coordinate")
    weight = _numbers(path, columns[:, 5], "weight")
    slices = _whole_numbers(path, columns[:, 4], "slice")
    kind = np.array([re.sub("^(SAX|LAX)_", "", name) for name in columns[:, 3].tolist()])
    known = np.isin(kind, KINDS) & (weight > 0)
    if not known.any():
        raise InputError(f"{path.name}: no contour type is known; expected {', '.join(KINDS)}")
    if not known.all():
        others = ", ".join(sorted(set(kind[~known].tolist())))
        remarks = (
            *remarks,
            f"{int((~known).sum())} points left out (unknown or weight 0): {others}",
        )
    points, slices = points[known], slices[known]
    information = path.with_name(SLICE_INFORMATION)
    listed = read_planes(information) if information.exists() else {}
    planes = complete_planes(points, slices, listed)
    believed = np.clip(weight[known], *BELIEVABLE_WEIGHTS)
    return GuidePoints(points, kind[known], slices, believed, planes, remarks)


def read_planes(path: str | Path) -> dict[int, Plane]:
    """The plane of each slice that a SliceInfoFile lists."""
    path, planes = Path(path), {}
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        try:
            name = int(words[words.index("sliceID:") + 1])
            start = words.index("ImageOrientationPatient") + 1
            row, column = np.array(words[start : start + 6], float).reshape(2, 3)
        except (ValueError, IndexError):
            raise InputError(
                f"{path.name}: line {number} does not give sliceID: and the six numbers of "
                "ImageOrientationPatient"
            ) from None
        planes[name] = _plane(path, number, row, column)
    return planes


def _plane(path, number, row, column):
    lengths = np.array([row @ row, column @ column])
    if not np.allclose(lengths, 1, atol=0.01) or abs(row @ column) > 0.01:
        raise InputError(
            f"{path.name}: line {number}: ImageOrientationPatient is not two unit directions at "
            "right angles"
        )
    return Plane(row, column)


def _numbers(path, words, what):
    try:
        numbers = words.astype(float)
    except ValueError as error:
        raise InputError(f"{path.name}: {error}, expected a {what}") from None
    if not (np.abs(numbers) < LARGEST_NUMBER).all():
        raise InputError(f"{path.name}: a {what} is not finite or beyond {LARGEST_NUMBER:,}")
    return numbers


def _whole_numbers(path, words, what):
    numbers = _numbers(path, words, what)
    if (np.abs(numbers) > np.iinfo(np.int32).max).any():
        raise InputError(f"{path.name}: a {what} is beyond all counting")
    return numbers.astype(int)
