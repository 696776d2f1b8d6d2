"""XML from strangers: no entities, and no names of files elsewhere."""

import re
from pathlib import Path
from xml.etree import ElementTree

from twin.meshes.errors import InputError

DECLARATION = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)


def refuse_entities(content) -> None:
    """XML that declares entities can unfold without bound or read other files."""
    if DECLARATION.search(content):
        raise InputError("it declares XML entities or a document type, which no mesh file needs")


def read_root(path: str | Path) -> ElementTree.Element:
    content = Path(path).read_bytes()
    refuse_entities(content)
    try:
        return ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise InputError(f"it is not whole XML ({error})") from None


def beside(path: str | Path, name: str) -> Path:
    """The file that `path` refers to as `name`; it must lie in the same folder or below."""
    folder = Path(path).resolve().parent
    target = (folder / name.strip()).resolve()
    if Path(name.strip()).is_absolute() or not target.is_relative_to(folder):
        raise InputError(f"it refers to {name.strip()[:100]}, which lies outside its own folder")
    if not target.is_file():
        raise InputError(f"it refers to {name.strip()[:100]}, which is not there")
    return target
