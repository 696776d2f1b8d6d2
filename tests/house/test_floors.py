"""Imports go down only: twin > inverse > simulation > meshes, and the kernels under them all."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ["meshes", "simulation", "inverse"]


def floor_of(module: str) -> int:
    """Height of an imported module: 0 for kernels, 1 to 3 for the floors, 4 for the face."""
    parts = module.split(".")
    if parts[:2] == ["twin", "native"]:
        return 0
    if len(parts) > 1 and parts[1] in FLOORS:
        return 1 + FLOORS.index(parts[1])
    return 4


def imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return [name for name in found if name.split(".")[0] == "twin"]


@pytest.mark.parametrize("folder", ["twin/native", *FLOORS])
def test_imports_go_down_only(folder):
    own = floor_of("twin." + folder.removeprefix("twin/"))
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    upward = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imports(path)
        if floor_of(name) > own
    ]
    assert not upward
