"""`twin cohort`: make virtual cohorts, look at them, check them, take them apart."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from twin.command_line.console import say, say_json, watched

if TYPE_CHECKING:
    from twin.simulation.cohort import Cohort


class MakeUnlessNamed(TyperGroup):
    """`twin cohort recipe.toml …` is short for `twin cohort make recipe.toml …`."""

    def parse_args(self, ctx, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
            args = ["make", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    help="Make virtual cohorts of infarcts and ECGs, show, check, split and export them. "
    "`twin cohort RECIPE …` makes one.",
    no_args_is_help=True,
    cls=MakeUnlessNamed,
)

Folder = Annotated[Path, typer.Argument(help="A cohort's folder.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="A new folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and only that.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same bits.")]


@app.command()
def make(
    recipe: Annotated[str, typer.Argument(help="A TOML file, or 'paper' or 'hard'.")],
    cases: Annotated[int | None, typer.Option("-n", "--cases", help="Else the recipe's.")] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Its folder; continued if begun.")
    ] = Path("cohort"),
    seed: Seed = 0,
    workers: Annotated[
        int | None, typer.Option(help="Processes, or a cluster's jobs at once; else one a core.")
    ] = None,
    cluster: Annotated[str | None, typer.Option(help="slurm or dask.")] = None,
    cluster_option: Annotated[
        list[str] | None, typer.Option(help="As partition=long; give it several times.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a cohort; after an interruption the same command goes on where it stopped."""
    from twin.simulation.cohort import Cohort

    with watched(speed=False) as progress:
        made = Cohort.make(
            recipe,
            cases,
            output,
            seed=seed,
            workers=workers,
            cluster=cluster,
            options=_pairs(cluster_option or []),
            progress=progress,
        )
    said = _account(made)
    if as_json:
        say_json(said)
    else:
        _tell(made, said)
    if said["given_up"]:
        raise typer.Exit(1)


@app.command()
def show(
    cohort: Folder,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A folder for pictures.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Counts and distributions, and with -o pictures of them and a gallery of ECGs."""
    from twin.simulation.cohort import Cohort
    from twin.simulation.recruitment.store.distributions import distributions_of

    opened = Cohort.open(cohort)
    found = distributions_of(opened)
    if as_json:
        say_json(_account(opened) | {"distributions": found})
    else:
        _tell(opened, _account(opened))
        for name, row in found.items():
            say("  " + _line(name, row))
    if output:
        from twin.cohort_pictures import picture_cohort

        for path, what in picture_cohort(opened, output).items():
            say(f"  {path}: {what}", err=as_json)


@app.command()
def check(cohort: Folder, as_json: Json = False) -> None:
    """Read every file from end to end; what is missing or damaged is named."""
    from twin.simulation.cohort import Cohort

    opened = Cohort.open(cohort)
    with watched() as progress:
        faults = opened.check(progress)
    if as_json:
        say_json([{"file": str(fault.file), "reason": fault.reason} for fault in faults])
    else:
        for fault in faults:
            say(str(fault))
        if not faults:
            say(f"{cohort}: sound ({len(opened):,} cases)")
    if faults:
        raise typer.Exit(2)


@app.command()
def table(
    cohort: Folder,
    output: Annotated[Path, typer.Option("--output", "-o", help="A .csv or .parquet.")] = Path(
        "cases.csv"
    ),
) -> None:
    """A row a case: what was drawn, and what was measured."""
    from twin.simulation.cohort import Cohort
    from twin.simulation.recruitment.store.table import write_table

    opened = Cohort.open(cohort)
    write_table(opened, output)
    say(f"{output}: {len(opened):,} cases")


@app.command()
def export(
    cohort: Folder,
    case: Annotated[int, typer.Argument(help="Its place in the cohort, from 0.")],
    output: Output = Path("case"),
) -> None:
    """One case for other programs: the heart as .vtu, the ECG as WFDB, CSV and a picture."""
    from twin.meshes.errors import InputError
    from twin.simulation.cohort import Cohort
    from twin.simulation.recruitment.store.exporting import NAMES

    opened = Cohort.open(cohort)
    if not 0 <= case < len(opened):
        raise InputError(f"case {case}: {cohort} has 0 to {len(opened) - 1}")
    opened.export(case, output)
    say(f"{output}: {', '.join(NAMES)}")


@app.command()
def subset(
    cohort: Folder,
    output: Output,
    cases: Annotated[str | None, typer.Option(help="Places, as 0-99,200.")] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="A column and a number, as 'healthy==0'.")
    ] = None,
) -> None:
    """A part of a cohort as a folder of its own."""
    from twin.simulation.cohort import Cohort
    from twin.simulation.recruitment.store.choosing import chosen_cases

    opened = Cohort.open(cohort)
    _write(opened.subset(chosen_cases(opened, cases, where or [])), output)


@app.command()
def merge(
    cohorts: Annotated[list[Path], typer.Argument(help="Folders of cohorts.")], output: Output
) -> None:
    """Several cohorts as one folder."""
    from twin.simulation.cohort import Cohort

    _write(Cohort.merge(*map(Cohort.open, cohorts)), output)


@app.command()
def split(
    cohort: Folder,
    output: Output,
    shares: Annotated[str, typer.Option(help="They add up to 1.")] = "0.7,0.15,0.15",
    seed: Seed = 0,
) -> None:
    """Parts that share no patient, each a folder: train, validation, test."""
    from twin.simulation.cohort import Cohort

    parts = Cohort.open(cohort).split(_numbers(shares), seed)
    names = ["train", "validation", "test"]
    if len(parts) != len(names):
        names = [f"part_{number + 1}" for number in range(len(parts))]
    for name, part in zip(names, parts, strict=True):
        _write(part, output / name)


@app.command()
def recipe(
    name: Annotated[str, typer.Argument(help="'paper' or 'hard'.")] = "hard",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A TOML file; else it is printed.")
    ] = None,
) -> None:
    """A recipe to copy and change."""
    from twin.meshes.errors import InputError
    from twin.meshes.files import whole_file
    from twin.simulation.recruitment.recipe import Recipe

    text = Recipe.read(name).text
    if output is None:
        say(text.rstrip("\n"))
        return
    if output.exists():
        raise InputError(f"{output} is there already; name another file, or remove it")
    with whole_file(output) as part:
        part.write_text(text)
    say(f"{output}: edit it, then `twin cohort {output} -o cohort/`")


def _account(made: "Cohort") -> dict[str, Any]:
    """What there is of a cohort, what is not, and what it took."""
    store = made.stores[0]
    entries = [entry for entry in store.entries.values() if not entry.failed]
    given_up = [entry for entry in store.entries.values() if entry.failed]
    seconds: dict[str, float] = {}
    for entry in entries:
        for name, spent in entry.seconds.items():
            seconds[name] = round(seconds.get(name, 0.0) + spent, 2)
    return {
        "folder": str(store.folder),
        "cases": len(made),
        "planned": store.header["count"],
        "patients": len(store.of_kind("anatomy")),
        "bytes": sum(entry.bytes for entry in entries),
        "failed": {str(case): reason for case, reason in made.failures.items()},
        "given_up": [f"{entry.kind} {entry.number}: {entry.failed}" for entry in given_up],
        "processor_seconds": seconds,
    }


def _tell(made: "Cohort", said: dict[str, Any]) -> None:
    of = "" if said["cases"] == said["planned"] else f" of {said['planned']:,}"
    patients = f"{said['patients']:,} patients, {said['bytes'] / 1e6:,.1f} MB"
    say(f"{said['folder']}: {said['cases']:,}{of} cases of {patients}")
    for case, reason in list(said["failed"].items())[:3]:
        say(f"  case {case} could not be made: {reason}")
    if len(said["failed"]) > 3:
        say(f"  and {len(said['failed']) - 3:,} more; --json lists them")
    for reason in said["given_up"][:3]:
        say(f"  {reason}", fg="red")
    if said["given_up"]:
        say(f"  {len(said['given_up']):,} files are missing; the same command tries them again")


def _line(name: str, row: dict[str, Any]) -> str:
    if "words" in row:
        return f"{name}: " + ", ".join(f"{word} {count:,}" for word, count in row["words"].items())
    low, middle, high = (f"{row[key]:.4g}" for key in ("p05", "median", "p95"))
    missing = f", none in {row['missing']:,}" if row["missing"] else ""
    spread = f"{middle} ({low} to {high})" if low != high else f"{middle}"
    return f"{name}: {spread}{missing}"


def _write(part: "Cohort", output: Path) -> None:
    with watched() as progress:
        say(str(part.write(output, progress)))


def _pairs(options: list[str]) -> dict[str, str]:
    from twin.meshes.errors import InputError

    pairs = dict(option.partition("=")[::2] for option in options)
    for name, value in pairs.items():
        if not name or not value:
            raise InputError(f"--cluster-option {name}: expected NAME=VALUE, as in partition=long")
    return pairs


def _numbers(text: str) -> list[float]:
    from twin.meshes.errors import InputError

    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"--shares {text}: expected numbers, as in 0.7,0.15,0.15") from None
