"""The `twin` command: one module a verb, loaded only when it is called."""

import sys

import typer

from twin.command_line import atria, bench, cohort, demo, doctor, infer, mesh, simulate, train

app = typer.Typer(
    help="Cardiac digital twin: hearts, activation, the ECG, and what an ECG says about the heart.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(mesh.app, name="mesh")
app.command(name="simulate")(simulate.simulate)
app.add_typer(cohort.app, name="cohort")
app.add_typer(atria.app, name="atria")
app.command(name="train")(train.train)
app.command(name="infer")(infer.infer)
app.command(name="demo")(demo.demo)
app.command(name="bench")(bench.bench)
app.command(name="doctor")(doctor.doctor)


@app.callback(invoke_without_command=True)
def _version(version: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"twin {installed('twin')}")
        raise typer.Exit()


def main() -> None:
    """Run the command line; a fault of the input is one sentence and exit code 2."""
    from twin.meshes.errors import TwinError

    try:
        app()
    except TwinError as error:
        typer.secho(f"error: {error}", err=True, fg="red")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.secho("stopped", err=True)
        sys.exit(130)
