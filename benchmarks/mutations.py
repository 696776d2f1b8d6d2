"""Ways in which a file goes bad, each drawn from a seeded generator."""

import re
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

Random = np.random.Generator

WHOLE = re.compile(rb"(?<![\w.+-])\d+(?![\w.])")
NUMBER = re.compile(rb"(?<![\w.+-])-?\d+\.\d+(?:e[+-]?\d+)?", re.IGNORECASE)
COUNTS = (b"0", b"-1", b"1", b"3", b"4000000000", b"2147483648", b"9223372036854775807", b"9" * 40)
EXTREMES = (b"nan", b"inf", b"-inf", b"1e308", b"-1e30", b"0", b"1e-320", b"x", b"")
ENDINGS = [".vtu", ".vtk", ".vtp", ".stl", ".ply", ".obj", ".msh", ".mesh", ".inp", ".xdmf"]
ENDINGS += [".vtkhdf", ".pvd", ".pts", ".elem", ".tri", ".h5", ".csv", ".txt", ""]
DEEP = 200_000
"""Bytes at the start of a file within which a token is looked for."""

LAUGHS = b'<!DOCTYPE a [<!ENTITY b "%s">%s]>'
ELSEWHERE = "/etc/hostname"


def cut_short(content: bytes, random: Random) -> bytes:
    return content[: random.integers(len(content))] if content else content


def flip_bytes(content: bytes, random: Random) -> bytes:
    changed = bytearray(content)
    for place in random.integers(max(len(changed), 1), size=random.integers(1, 40)):
        changed[place % len(changed)] ^= int(random.integers(1, 256))
    return bytes(changed)


def miscount(content: bytes, random: Random) -> bytes:
    """A whole number becomes another: a wrong count, index, offset or type."""
    return _replace_token(content, WHOLE, COUNTS, random)


def poison(content: bytes, random: Random) -> bytes:
    """A coordinate becomes NaN, infinite, enormous or no number; in binary, eight bytes do."""
    poisoned = _replace_token(content, NUMBER, EXTREMES, random)
    if poisoned != content:
        return poisoned
    bad = np.array(random.choice([np.nan, np.inf, 1e308, -1e30])).tobytes()
    place = int(random.integers(max(len(content) // 8, 1))) * 8
    return content[:place] + bad + content[place + 8 :]


def _replace_token(content: bytes, token: re.Pattern[bytes], others, random: Random) -> bytes:
    # Half of the time the token is one of the first, where headers have their counts.
    found = list(token.finditer(content[:DEEP]))
    if not found:
        return content
    end = len(found) if random.random() < 0.5 else min(len(found), 20)
    chosen = found[random.integers(end)]
    other = others[random.integers(len(others))]
    return content[: chosen.start()] + other + content[chosen.end() :]


def swell_header(content: bytes, random: Random) -> bytes:
    """A hundred kilobytes of one letter or of blank lines near the start."""
    filling = bytes(random.choice([b"A", b" ", b"\n", b"1 ", b"<a>"])) * 100_000
    place = int(random.integers(min(len(content), 200) + 1))
    return content[:place] + filling + content[place:]


def repeat_part(content: bytes, random: Random) -> bytes:
    start, stop = sorted(random.integers(len(content) + 1, size=2).tolist())
    return content[:stop] + content[start:stop] + content[stop:]


def empty(content: bytes, random: Random) -> bytes:
    return b"" if random.random() < 0.5 else b"\n"


def noise(content: bytes, random: Random) -> bytes:
    """The beginning is kept, so that it is taken for what it was."""
    kept = int(random.integers(min(len(content), 2000) + 1))
    return content[:kept] + random.bytes(int(random.integers(1, 5000)))


def bomb(content: bytes, random: Random) -> bytes:
    """Entities that multiply in XML; a megabyte of zeros, packed, in place of data elsewhere."""
    if content.lstrip().startswith(b"<"):
        levels = b"".join(b'<!ENTITY c%d "%s">' % (i, b"&c%d;" % (i - 1) * 10) for i in range(1, 9))
        head, _, rest = content.partition(b"\n")
        return head + LAUGHS % (b"ha" * 10, levels) + rest
    place = int(random.integers(len(content) + 1))
    return content[:place] + zlib.compress(bytes(10**6)) * 20 + content[place:]


CONTENT: dict[str, Callable[[bytes, Random], bytes]] = {
    "cut short": cut_short,
    "bytes flipped": flip_bytes,
    "wrong count": miscount,
    "not a number": poison,
    "huge header": swell_header,
    "part repeated": repeat_part,
    "empty": empty,
    "noise": noise,
    "bomb": bomb,
}
WEIGHTS = np.array([3, 5, 6, 5, 1, 2, 0.5, 1, 1])


def other_ending(path: Path, random: Random) -> Path:
    """The file under another name than its format's."""
    return path.rename(path.with_suffix(ENDINGS[random.integers(len(ENDINGS))]))


def other_place(path: Path, random: Random) -> None:
    """A reference to a file elsewhere: in XML by its path, in HDF5 by a link."""
    if path.suffix in (".h5", ".vtkhdf"):
        with h5py.File(path, "r+") as file:
            names: list[str] = []
            file.visit(names.append)
            name = names[random.integers(len(names))]
            del file[name]
            file[name] = h5py.ExternalLink(ELSEWHERE, "/points")
    else:
        content = path.read_bytes()
        other = random.choice([ELSEWHERE, "../" * 12 + ELSEWHERE[1:]]).encode()
        path.write_bytes(re.sub(rb"[\w/]+\.(h5|vtu)", other, content))


def inflate(path: Path, random: Random) -> None:
    """An HDF5 data set that claims a thousand times what a disk holds."""
    with h5py.File(path, "r+") as file:
        names: list[str] = []
        file.visit(
            lambda name: names.append(name) if isinstance(file[name], h5py.Dataset) else None
        )
        name = names[random.integers(len(names))]
        shape = (10 ** int(random.integers(7, 13)), *file[name].shape[1:])
        kind = file[name].dtype
        del file[name]
        file.create_dataset(name, shape, kind if kind.kind in "fiu" else "f8", chunks=True)


def mutate(main: Path, files: list[Path], random: Random) -> tuple[str, Path]:
    """Spoil one of `files` in place: what was done, and the path to read now."""
    path = files[random.integers(len(files))]
    kind = random.random()
    if kind < 0.03 and main.is_file():
        return "other ending", other_ending(main, random)
    if kind < 0.05:
        path.unlink()
        return "missing", main
    if kind < 0.08 and path.suffix in (".h5", ".vtkhdf"):
        inflate(path, random)
        return "inflated", main
    if kind < 0.11 and path.suffix in (".h5", ".vtkhdf", ".xdmf", ".pvd"):
        other_place(path, random)
        return "elsewhere", main
    name = random.choice(list(CONTENT), p=WEIGHTS / WEIGHTS.sum())
    path.write_bytes(CONTENT[str(name)](path.read_bytes(), random))
    return str(name), main
