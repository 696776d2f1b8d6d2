"""One measured bar."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """`how` says what was run on what; `meets` whether `value` keeps to `target`."""

    name: str
    value: float
    unit: str
    target: str
    meets: bool
    how: str


def at_most(name: str, value: float, limit: float, unit: str, how: str) -> Figure:
    return Figure(name, float(value), unit, f"<= {limit:g}", bool(value <= limit), how)


def at_least(name: str, value: float, limit: float, unit: str, how: str) -> Figure:
    return Figure(name, float(value), unit, f">= {limit:g}", bool(value >= limit), how)


def report(name: str, value: float, unit: str, how: str) -> Figure:
    """A figure without a bar of its own, shown for the reader."""
    return Figure(name, float(value), unit, "", True, how)


Suite = Callable[[bool], "list[Figure]"]
"""Runs a suite, smaller when called with True, and returns its figures."""
