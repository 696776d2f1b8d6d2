"""TOML of settings: read from people, written with the unit or meaning of each value beside it."""

import json
import tomllib
from pathlib import Path

from pydantic import BaseModel

from twin.meshes.errors import InputError

LARGEST_FILE = 1_000_000


def read_toml(path: str | Path) -> dict[str, object]:
    """The tables of a small text file."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; expected settings in TOML")
    if path.stat().st_size > LARGEST_FILE:
        raise InputError(f"{path}: {path.stat().st_size:,} bytes are too many for settings")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: it cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: it is no text; expected settings in TOML") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: it is no TOML: {error}") from None


def toml_of(model: BaseModel) -> str:
    """Each section as a table, each list of sections as tables of their own; None is left out."""
    tables = []
    for name, value in model:
        remark = type(model).model_fields[name].description
        if isinstance(value, BaseModel):
            tables.append(f"[{name}]{_remark(_first_sentence(value))}\n{_lines(value)}")
        else:
            tables += [f"[[{name}]]{_remark(remark)}\n{_lines(entry)}" for entry in value]
    return "\n".join(tables)


def _lines(section: BaseModel) -> str:
    fields = type(section).model_fields
    return "".join(
        f"{name} = {_value(value)}{_remark(fields[name].description)}\n"
        for name, value in section
        if value is not None
    )


def _value(value: object) -> str:
    # JSON's booleans, numbers, strings and flat lists are TOML's.
    return json.dumps(value, ensure_ascii=True)


def _remark(text: str | None) -> str:
    return f"  # {text}" if text else ""


def _first_sentence(section: BaseModel) -> str:
    return " ".join((section.__doc__ or "").split())
