"""Every notebook runs from its first cell to its last, in a folder of its own."""

from pathlib import Path

import jupytext
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.py"))


def run(notebook: Path, folder: Path) -> str:
    """What its cells print."""
    book = jupytext.read(notebook)
    NotebookClient(book, timeout=900, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in book.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


@pytest.mark.slow
# Jupyter's own: its event loop warns as it closes.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(notebook, tmp_path, capsys):
    said = run(notebook, tmp_path)
    with capsys.disabled():
        print(f"\n{notebook.name}: {said.splitlines()[-1]}")
    assert said


def test_the_virtual_cohort_is_there():
    assert "virtual_cohort" in [path.stem for path in NOTEBOOKS]
