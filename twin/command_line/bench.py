"""`twin bench`: measure the bars and say which are met."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import typer


def suites() -> dict[str, list[str]]:
    """The modules of each suite: `heart.py` and every `heart_*.py` make the suite `heart`.

    The other modules there make the cases; a suite's are those that define `figures`, looked for
    in the text because importing them all would load every peer.
    """
    import twin.benchmarks as benchmarks

    found: dict[str, list[str]] = {}
    for path in sorted(Path(benchmarks.__path__[0]).glob("[a-z]*.py")):
        if "\ndef figures(" in path.read_text():
            found.setdefault(path.stem.split("_")[0], []).append(f"twin.benchmarks.{path.stem}")
    return found


def bench(
    suite: str = typer.Argument(help="Which bars: heart, eikonal, …; 'all' for every suite."),
    as_json: bool = typer.Option(False, "--json", help="Print the figures as JSON, and only them."),
    quick: bool = typer.Option(False, "--quick", help="A smaller run of the same thing."),
    protocol: str = typer.Option("", help="P or H, of the suite 'inverse'; else both."),
) -> None:
    """Measure a suite of figures, each beside its target."""
    from twin.meshes.errors import InputError

    known = suites()
    if suite != "all" and suite not in known:
        raise InputError(f"there is no suite '{suite}'; known are: {', '.join(known)}, all")
    if protocol and (suite != "inverse" or protocol.upper() not in ("P", "H")):
        raise InputError(f"--protocol {protocol}: expected P or H, with the suite 'inverse'")
    more = {"protocol": protocol} if protocol else {}
    chosen = [m for name in known if suite in ("all", name) for m in known[name]]
    # Peers and libraries print what they like: standard output belongs to the figures alone.
    with redirect_stdout(sys.stderr):
        figures = [asdict(figure) for module in chosen for figure in _measure(module, quick, more)]
    if as_json:
        typer.echo(json.dumps(figures, indent=1))
    else:
        _print_table(figures)


def _measure(module: str, quick: bool, more: dict[str, str]) -> Iterator:
    figures: Callable[..., Iterator] = import_module(module).figures
    for figure in figures(quick, **more):
        mark = "meets" if figure.meets else "MISSES"
        typer.secho(f"{figure.name}: {figure.value:.4g} {figure.unit} ({mark})", err=True, dim=True)
        yield figure


def _print_table(figures: list[dict]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("figure", "value", "unit", "target", "", "how")
    for row in figures:
        mark = "" if not row["target"] else "[green]yes[/]" if row["meets"] else "[red]no[/]"
        value = f"{row['value']:.4g}"
        table.add_row(row["name"], value, row["unit"], row["target"], mark, row["how"])
    Console().print(table)
