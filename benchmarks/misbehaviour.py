"""Parsers that do what bad parsers do, to see that the quarantine holds."""

import os
import signal
import sys
import time

import numpy as np

from twin.meshes.errors import InputError


def behave(count: int, *, factor: float = 1.0) -> dict[str, np.ndarray]:
    return {"numbers": factor * np.arange(count)}


def refuse() -> dict:
    raise InputError("the third column is missing")


def stumble() -> dict:
    raise KeyError("Points")


def leave() -> dict:
    print("about to leave")
    sys.exit(0)


def crash() -> dict:
    os.kill(os.getpid(), signal.SIGSEGV)
    return {}


def vanish() -> dict:
    os._exit(3)


def hang() -> dict:
    time.sleep(1000)
    return {}


def spin() -> dict:
    while True:
        pass


def swell() -> dict:
    return {"zeros": np.ones(10**9)}


def fill_disk(folder: str) -> dict:
    with open(os.path.join(folder, "huge"), "wb") as file:
        while True:
            file.write(bytes(10**7))


def smuggle() -> dict:
    return {"objects": np.array([InputError("an object")], dtype=object)}
