"""`twin mesh`: make, import, check, repair, convert and show hearts."""

import typer

app = typer.Typer(help="Make, import, check, repair, convert and show hearts.", no_args_is_help=True)
