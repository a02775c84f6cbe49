"""Which environments there are: for each memory system that is a package, what it needs.

A row says which distribution counts as the system, in which versions, from which Python on, and
names the file with the pinned versions of everything that is installed (`pins/<name>.txt`, which
the wheel ships). What memtrace itself needs in a worker is numpy, and the pins hold it; memtrace
and lmcommon are not installed there but lent by the parent (see `linking`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from types import MappingProxyType

from lmcommon.errors import UserError

__all__ = ["ENVIRONMENTS", "HERE", "Environment", "environment", "installed_here"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What one memory system needs. Example: `ENVIRONMENTS["mem0"]`."""

    name: str
    distribution: str
    """The distribution that is the system."""
    at_least: str
    """The first version that counts as this system."""
    below: str
    """The first version that does not any more."""
    minimum: tuple[int, int] = (3, 11)
    """The oldest Python it runs on; memtrace itself needs 3.11."""
    one_per_process: bool = False
    """Whether a process can hold one memory only (the system keeps state in globals)."""
    own_pins: tuple[str, ...] | None = None
    """For environments that the wheel knows nothing of; None: the pins are in the shipped file."""

    @property
    def pins(self) -> tuple[str, ...]:
        """Every distribution of the environment with its version."""
        if self.own_pins is not None:
            return self.own_pins
        text = files("memtrace.memory.isolated").joinpath(f"pins/{self.name}.txt")
        return tuple(text.read_text(encoding="utf-8").split())

    @property
    def range(self) -> str:
        """The versions that count, as a requirement."""
        return f"{self.distribution}>={self.at_least},<{self.below}"

    @property
    def pinned(self) -> str:
        """The version that is installed."""
        start = f"{self.distribution}=="
        return next((pin.removeprefix(start) for pin in self.pins if pin.startswith(start)), "?")

    def holds(self, found: str) -> bool:
        """Whether a version counts as this system."""
        return _numbers(self.at_least) <= _numbers(found) < _numbers(self.below)


HERE = Environment(name="here", distribution="memtrace-llm", at_least="0", below="1000")
"""Stands for the interpreter that is running: nothing to prepare. For systems of one's own."""

ENVIRONMENTS: Mapping[str, Environment] = MappingProxyType(
    {
        row.name: row
        for row in (
            Environment(name="mem0", distribution="mem0ai", at_least="2.2", below="2.3"),
            Environment(
                name="mem0_classic", distribution="mem0ai", at_least="1.0.5", below="1.1",
            ),
            Environment(
                name="everos", distribution="everos", at_least="1.5", below="1.6",
                minimum=(3, 12), one_per_process=True,
            ),
            Environment(name="langmem", distribution="langmem", at_least="0.0.30", below="0.1"),
        )
    }
)  # fmt: skip
"""Name to environment."""


def environment(name: str) -> Environment:
    """The environment of this name.

    Raises:
        UserError: There is none; says which there are.
    """
    found = HERE if name == HERE.name else ENVIRONMENTS.get(name)
    if found is None:
        raise UserError(f"environment: expected one of {', '.join(ENVIRONMENTS)}; got {name!r}")
    return found


def installed_here(row: Environment) -> str | None:
    """The version of the system in this process's environment, if it is one that counts."""
    try:
        found = version(row.distribution)
    except PackageNotFoundError:
        return None
    return found if row.holds(found) else None


def _numbers(text: str) -> tuple[int, ...]:
    """The leading numbers of a version, zeros at the end dropped: 2.0.0 is 2."""
    numbers: list[int] = []
    for part in text.split("."):
        match = re.match(r"\d+", part)
        if match is None:
            break
        numbers.append(int(match[0]))
        if match[0] != part:
            break
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
