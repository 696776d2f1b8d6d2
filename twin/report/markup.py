"""HTML in which no text of others can become markup."""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

DEEPEST, LONGEST = 4, 4000
"""Levels of a mapping, and characters of a text, beyond which a page does not go."""

# Control characters, and those that turn the direction of writing round, hide what stands there;
# halves of a character (from undecodable file names) cannot be written at all.
_UNREADABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


class Markup(str):
    """Text that is HTML already; only the functions here make it."""

    __slots__ = ()


def readable(value: object) -> str:
    """Any value as text that hides nothing."""
    return _UNREADABLE.sub("\ufffd", str(value))


def text(value: object) -> Markup:
    """Markup as it is; everything else as text."""
    if isinstance(value, Markup):
        return value
    words = readable(value)
    cut = words if len(words) <= LONGEST else words[:LONGEST] + " …"
    return Markup(escape(cut, quote=True))


def tag(name: str, *content: object, **attributes: str) -> Markup:
    """`class_` is the attribute class, as it is a word of Python."""
    given = "".join(f' {key.rstrip("_")}="{text(value)}"' for key, value in attributes.items())
    return Markup(f"<{name}{given}>{joined(content)}</{name}>")


def joined(parts: Iterable[object], between: str = "") -> Markup:
    return Markup(between.join(text(part) for part in parts))


def image(data: bytes, kind: str, words: str, **attributes: str) -> Markup:
    """A picture that is in the page itself. As an image an SVG can neither run nor load anything,
    and its names do not meet those of other pictures."""
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    given = "".join(f' {key.rstrip("_")}="{text(value)}"' for key, value in attributes.items())
    return Markup(f'<img src="{source}" alt="{text(words)}"{given}>')


def figure(picture: Markup, caption: object, **attributes: str) -> Markup:
    return tag("figure", picture, tag("figcaption", caption), **attributes)


def table(head: Sequence[object], rows: Iterable[Sequence[object]], **attributes: str) -> Markup:
    top = tag("thead", tag("tr", *(tag("th", cell, scope="col") for cell in head)))
    body = tag("tbody", *(tag("tr", *(tag("td", cell) for cell in row)) for row in rows))
    return tag("table", top, body, **attributes)


def facts(mapping: Mapping[Any, object], depth: int = 0) -> Markup:
    """Names and values, those of mappings within it below their own name."""
    rows = [
        tag("tr", tag("th", words(name), scope="row"), tag("td", _value(value, depth)))
        for name, value in mapping.items()
    ]
    return tag("table", tag("tbody", *rows), class_="facts")


def words(name: object) -> str:
    """A name of the record as a reader has it."""
    return str(name).replace("_", " ")


def _value(value: object, depth: int) -> Markup:
    if isinstance(value, Mapping) and depth < DEEPEST:
        return facts(value, depth + 1) if value else text("–")
    if isinstance(value, list | tuple | set | frozenset):
        return joined((_value(one, DEEPEST) for one in value), "; ") or text("–")
    if isinstance(value, float):
        return text(f"{value:.4g}")
    return text("–" if value is None else value)
