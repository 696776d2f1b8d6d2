"""Hearts, volumes and surfaces from files of many formats, and hearts into some of them.

Whatever comes from a file is parsed in the quarantine, judged here, and says in its remarks how
its units, axes and conventions were found. `registry` lists the formats.
"""

import glob
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from twin.meshes.errors import InputError
from twin.meshes.files import file_hash
from twin.meshes.formats import quarantine
from twin.meshes.formats.fibres import attach_fibres
from twin.meshes.formats.grid import Grid, from_arrays
from twin.meshes.formats.intake import surface_of, volume_of
from twin.meshes.formats.record import grid_of, heart_of, is_record
from twin.meshes.formats.registry import (
    ASSEMBLIES,
    FORMATS,
    Format,
    find_format,
    find_function,
    find_writer,
)
from twin.meshes.heart import Heart
from twin.meshes.progress import Progress, silent
from twin.meshes.surface import Surface
from twin.meshes.units import Extent
from twin.meshes.volume import Volume

FLATTEN = "twin.meshes.formats.grid:to_arrays"
COMMON_OPTIONS = ("unit", "axes", "progress", "spacing")


def read_volume(
    path: str | Path,
    *,
    unit: str | None = None,
    axes: str | None = None,
    fibres: str | Path | None = None,
    **options,
) -> Volume:
    """A tetrahedral mesh in mm and LPS, unchecked; `check` finds its faults.

    `unit` (um, mm, cm, m) and `axes` (LPS, RAS) say what the file does not. `fibres` is a file
    with fibres on points or tetrahedra in the same places, in whatever order.
    """
    path = Path(path)
    form = find_format(path)
    with _named(path):
        if form.make:
            return _make(form, path, unit=unit, axes=axes, progress=silent, **options)
        grid = _grid(form, path, fibres, options)
        return volume_of(grid, _provenance(form, path), unit=unit, axes=axes)


def read_surface(
    path: str | Path,
    *,
    unit: str | None = None,
    axes: str | None = None,
    extent: Extent | None = None,
) -> Surface:
    """A triangle surface in mm and LPS: a heart's, or a torso's if `extent` or the format says."""
    path = Path(path)
    form = find_format(path)
    with _named(path):
        if form.make:
            raise InputError(f"{form.name} files hold no surface; read_heart makes a heart of them")
        grid = _grid(form, path)
        return surface_of(grid, unit=unit, axes=axes, extent=extent or form.extent)


def read_heart(
    path: str | Path,
    *,
    unit: str | None = None,
    axes: str | None = None,
    fibres: str | Path | None = None,
    spacing: float | None = None,
    progress: Progress = silent,
    **options,
) -> Heart:
    """A heart from any file or folder that `registry` knows.

    What `write_heart` wrote with all fields comes back equal. A mesh of others is examined, and
    labels, coordinates and fibres are made where it has none; a closed surface is meshed first,
    `spacing` mm fine. How the file was understood is in the heart's provenance, under 'remarks'.
    """
    path = Path(path)
    form = find_format(path, (*ASSEMBLIES, *FORMATS))
    with _named(path):
        if not form.make:
            grid = _grid(form, path, fibres, options)
            if is_record(grid):
                return heart_of(grid)
        # Mesher and solvers take a second to load, and a heart of our own needs neither.
        from twin.meshes.formats.making import complete, mesh_within

        origin = _provenance(form, path)
        if form.make:
            given = options | ({} if spacing is None else {"spacing": spacing})
            volume = _make(form, path, unit=unit, axes=axes, progress=progress, **given)
        elif len(grid.triangles) and not len(grid.tetrahedra):
            surface = surface_of(grid, unit=unit, axes=axes)
            volume = mesh_within(surface, origin, spacing, progress)
        else:
            volume = volume_of(grid, origin, unit=unit, axes=axes)
        return complete(volume, progress)


def write_heart(heart: Heart, path: str | Path) -> None:
    """Write all of the heart (.vtu, .pvd, .vtkhdf, .xdmf), its surface (.vtp, .stl), or CARP files.

    A path without an ending becomes a folder of CARP files.
    """
    write_grid(grid_of(heart), path)


def read_grid(path: str | Path) -> Grid:
    """What a file of meshes and fields holds, before anyone has judged it."""
    path = Path(path)
    form = find_format(path)
    with _named(path):
        if form.make:
            raise InputError(f"{form.name} files hold no mesh")
        return _grid(form, path)


def write_grid(grid: Grid, path: str | Path) -> None:
    """As `write_heart`, of a heart's grid with more fields."""
    path = Path(path)
    find_function(find_writer(path).write)(grid, path)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Readers state short facts; here they get the name of the file."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _grid(
    form: Format,
    path: Path,
    fibres: str | Path | None = None,
    options: Mapping[str, object] | None = None,
) -> Grid:
    """What the file holds, and the fibres of another file with it."""
    _check_options(form, options or {})
    grid = _parsed(form, path, **(options or {}))
    if fibres is None:
        return grid
    with _named(Path(fibres)):
        return attach_fibres(grid, _parsed(find_format(Path(fibres)), Path(fibres)))


def _parsed(form: Format, path: Path, **options) -> Grid:
    limits = quarantine.Limits.for_size(sum(file.stat().st_size for file in _files(path)))
    arrays = quarantine.run(
        form.parse, str(path.resolve()), flatten=FLATTEN, limits=limits, **options
    )
    return from_arrays(arrays)


def _make(form: Format, path: Path, **options) -> Volume:
    _check_options(form, {name: None for name in options if name not in COMMON_OPTIONS})
    try:
        return find_function(form.make)(path, **options)
    except (ArithmeticError, LookupError, OSError, ValueError) as error:
        raise InputError(f"it cannot be understood ({type(error).__name__}: {error})") from error


def _check_options(form: Format, options: Mapping[str, object]) -> None:
    unknown = sorted(set(options) - set(form.options))
    if unknown:
        known = ", ".join(form.options) or "none"
        raise InputError(
            f"{', '.join(unknown)} is no option of {form.name} files (they take: {known})"
        )


def _files(path: Path) -> list[Path]:
    """What may be read along with `path`: files named alike, or those in the folder, four deep."""
    if path.is_dir():
        found = [file for depth in range(4) for file in path.glob("*/" * depth + "*")]
    else:
        start = glob.escape(re.split(r"[._]", path.name)[0])
        found = [path, *path.parent.glob(f"{start}[._]*"), *path.parent.glob(f"{start}/*")]
    return [file for file in found if file.is_file()]


def _provenance(form: Format, path: Path) -> dict[str, object]:
    origin: dict[str, object] = {"origin": path.name, "format": form.name}
    if path.is_file():
        origin["sha256"] = file_hash(path)
    return origin
