"""`twin mesh`: make, import, check, repair, convert and show hearts."""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from twin.command_line.console import say, say_json, watched

app = typer.Typer(
    help="Make, import, check, repair, convert and show hearts.", no_args_is_help=True
)

Source = Annotated[Path, typer.Argument(help="A file or folder; see docs/formats.md.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="Its ending chooses the format.")]
Unit = Annotated[str | None, typer.Option(help="Unit of the file (um, mm, cm, m) if unclear.")]
Axes = Annotated[str | None, typer.Option(help="Axes of the file (LPS or RAS) if unclear.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and only that.")]


class Sex(StrEnum):
    FEMALE = "female"
    MALE = "male"


@app.command()
def make(
    output: Output = Path("heart.vtu"),
    seed: Annotated[int, typer.Option(help="The same seed gives the same heart.")] = 0,
    sex: Annotated[Sex | None, typer.Option(help="Drawn from the seed if not given.")] = None,
    spacing: Annotated[float | None, typer.Option(help="Edge length in mm.")] = None,
    nodes: Annotated[int | None, typer.Option(help="About so many nodes instead.")] = None,
    hypertrophy: Annotated[float, typer.Option(help="Wall thickness, times healthy.")] = 1.0,
    dilation: Annotated[float, typer.Option(help="LV cavity volume, times healthy.")] = 1.0,
    rv_overload: Annotated[float, typer.Option(help="RV cavity volume, times healthy.")] = 1.0,
) -> None:
    """Make a random heart of the population, from nothing."""
    from twin.meshes.heart import Heart

    with watched() as progress:
        heart = Heart.sample(
            seed,
            sex=sex.value if sex else None,
            spacing=spacing,
            nodes=nodes,
            hypertrophy=hypertrophy,
            dilation=dilation,
            rv_overload=rv_overload,
            progress=progress,
        )
    _write(heart, output)


@app.command("import")
def import_(
    source: Source,
    output: Output = Path("heart.vtu"),
    unit: Unit = None,
    axes: Axes = None,
    fibres: Annotated[
        Path | None, typer.Option(help="Fibres in a file of their own, matched by position.")
    ] = None,
    spacing: Annotated[float | None, typer.Option(help="Edge length in mm of a new mesh.")] = None,
    frame: Annotated[int | None, typer.Option(help="Time frame of cine MRI guide points.")] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(help="Label of a segmentation, as myocardium=2; give it several times."),
    ] = None,
) -> None:
    """Make a checked heart of a mesh, of surfaces, or of cine MRI contours or labels."""
    from twin.meshes.formats import read_heart

    given: dict[str, Any] = {
        "unit": unit,
        "axes": axes,
        "fibres": fibres,
        "spacing": spacing,
        "frame": frame,
    }
    options = {name: value for name, value in given.items() if value is not None}
    if label:
        options["labels"] = _labels(label)
    with watched() as progress:
        heart = read_heart(source, progress=progress, **options)
    remarks: Any = heart.provenance.get("remarks", ())
    for remark in remarks:
        say(f"note: {remark}", err=True)
    _write(heart, output)


@app.command()
def check(source: Source, unit: Unit = None, axes: Axes = None, as_json: Json = False) -> None:
    """Examine a mesh; every finding is named, counted, located, and says what repairs it."""
    from twin.meshes.checking.check import check as examine
    from twin.meshes.formats import read_volume

    volume = read_volume(source, unit=unit, axes=axes)
    findings = examine(volume, str(source))
    if as_json:
        say_json([asdict(finding) for finding in findings])
    else:
        for remark in volume.remarks:
            say(f"note: {remark}", err=True)
        for finding in findings:
            say(f"{source}: {finding}")
        if not findings:
            say(f"{source}: sound ({len(volume.tetrahedra):,} tetrahedra)")
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(2)


@app.command()
def repair(
    source: Source, output: Output = Path("mended.vtu"), unit: Unit = None, axes: Axes = None
) -> None:
    """Mend what can be mended without guessing, and build the heart anew."""
    from twin.meshes.build import build_heart
    from twin.meshes.checking.repair import repair as mend
    from twin.meshes.formats import read_volume

    volume, mended = mend(read_volume(source, unit=unit, axes=axes), file=str(source))
    for finding in mended:
        say(f"mended: {finding}")
    with watched() as progress:
        heart = build_heart(volume, progress=progress)
    _write(heart, output)


@app.command()
def convert(
    source: Source,
    output: Annotated[Path, typer.Argument(help="Its ending chooses the format.")],
    unit: Unit = None,
    axes: Axes = None,
) -> None:
    """Write a heart in another format."""
    from twin.meshes.formats import read_heart

    with watched() as progress:
        heart = read_heart(source, unit=unit, axes=axes, progress=progress)
    _write(heart, output)


@app.command()
def show(
    source: Source,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A PNG; without it, a window opens.")
    ] = None,
    field: Annotated[
        list[str] | None, typer.Option(help="boundary, segments, transmural, fibres, …")
    ] = None,
) -> None:
    """Show a heart: a picture, or a window."""
    from twin.meshes.formats import read_heart
    from twin.picture import picture_heart, show_heart

    with watched() as progress:
        heart = read_heart(source, progress=progress)
    chosen = {"fields": field} if field else {}
    if output is None:
        show_heart(heart, **chosen)
    else:
        picture_heart(heart, output, **chosen)
        say(f"{output}: {heart}")


def _labels(pairs: list[str]) -> dict[str, int]:
    """`myocardium=2` and the like as a mapping."""
    from twin.meshes.errors import InputError

    labels = {}
    for pair in pairs:
        name, separator, number = pair.partition("=")
        if not separator or not number.strip().isdigit():
            raise InputError(f"--label {pair}: expected NAME=NUMBER, as in myocardium=2")
        labels[name.strip()] = int(number)
    return labels


def _write(heart, output: Path) -> None:
    heart.write(output)
    say(f"{output}: {heart}")
