"""`memtrace-systems`: which memory systems can run here, and environments for those that cannot.

Leaves with exit code 0 when what was asked for is done; with 2 when an environment that was asked
for by name cannot be made.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lmcommon.app import Run, Verb
from lmcommon.app.words import quoted
from lmcommon.errors import UserError
from memtrace.memory.isolated.environments import ENVIRONMENTS, Environment, installed_here
from memtrace.memory.isolated.interpreters import find_interpreter
from memtrace.memory.isolated.preparing import Say, prepare, prepared, remove

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["SystemsConfig", "main", "systems"]


@dataclass(kw_only=True)
class SystemsConfig:
    """What to prepare and what to remove."""

    prepare: str = ""
    """Names with commas between them, or all."""
    remove: str = ""
    """Likewise; removed before anything is prepared."""
    python: str | None = None
    """Interpreter to make environments with; null looks for one."""
    extra: str = ""
    """Further requirements of the environments, with commas between them."""


def systems(config: SystemsConfig, run: Run) -> dict[str, Any]:
    """List the memory systems: do they run in this process, or in an environment of their own?"""
    extra = _words(config.extra)
    removed = [str(folder) for row in _rows(config.remove, "remove") for folder in remove(row)]
    made, skipped = {}, {}
    with _telling() as say:
        for row in _rows(config.prepare, "prepare"):
            if config.prepare == "all" and (why := _cannot(row, config.python)):
                skipped[row.name] = why
                continue
            made[row.name] = prepare(row, python=config.python, extra=extra, say=say).python
    found = [*_built_in(), *(_state(row) for row in ENVIRONMENTS.values())]
    run.console.print(_table(found))
    for name, why in skipped.items():
        run.console.print(f"skipped {name}: {why}", markup=False, highlight=False)
    return {"systems": found, "prepared": made, "skipped": skipped, "removed": removed}


def _rows(names: str, key: str) -> list[Environment]:
    if names == "all":
        return list(ENVIRONMENTS.values())
    if unknown := [name for name in _words(names) if name not in ENVIRONMENTS]:
        raise UserError(
            f"{key}: expected all, or names of {', '.join(ENVIRONMENTS)}; got {unknown[0]!r}"
        )
    return [ENVIRONMENTS[name] for name in _words(names)]


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _built_in() -> Iterator[dict[str, Any]]:
    from memtrace.memory.config import MEMORY_SCHEMAS

    for name in MEMORY_SCHEMAS:
        if name not in ENVIRONMENTS:
            yield {
                "name": name, "needs": None, "here": "built in", "interpreter": None,
                "environment": None, "missing": None,
            }  # fmt: skip


def _cannot(row: Environment, python: str | None) -> str | None:
    """Why an environment cannot be made on this machine; None if it can."""
    try:
        found = find_interpreter(row.minimum, python)
    except UserError as error:
        return str(error)
    return None if found else f"no Python of at least {_label(row.minimum)} was found"


def _state(row: Environment) -> dict[str, Any]:
    """How things are with one system."""
    here, own = installed_here(row), prepared(row)
    interpreter = find_interpreter(row.minimum)
    missing = None
    if here is None and own is None:
        missing = (
            f"memtrace-systems prepare={row.name}" if interpreter is not None
            else f"a Python of at least {_label(row.minimum)}"
        )  # fmt: skip
    return {
        "name": row.name, "needs": row.range, "here": here,
        "interpreter": None if interpreter is None else interpreter.label,
        "environment": None if own is None else str(own.folder), "missing": missing,
    }  # fmt: skip


def _table(found: list[dict[str, Any]]) -> Table:
    from rich.table import Table

    table = Table(title="memory systems", title_justify="left")
    for column in ("memory", "needs", "in this process", "Python for its own", "prepared", "do"):
        table.add_column(column, overflow="fold")
    for row in found:
        is_own = row["needs"] is not None
        table.add_row(
            row["name"], row["needs"] or "nothing", row["here"] or "no",
            (row["interpreter"] or "none found") if is_own else "",
            ("yes" if row["environment"] else "no") if is_own else "", row["missing"] or "",
        )  # fmt: skip
    return table


@contextmanager
def _telling() -> Iterator[Say]:
    """Tell on standard error what is being done, with something that moves on a terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("") as status:

        def say(words: str) -> None:
            console.print(words, markup=False, highlight=False)
            status.update(words)

        yield say


def _label(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


class _Systems(Verb):
    """The verb; a list with commas is one value here, not a sweep."""

    def run(self, arguments: list[str]) -> int:
        """Run with these arguments; returns the exit code."""
        return super().run([_one_value(argument) for argument in arguments])


def _one_value(argument: str) -> str:
    key, equals, value = argument.partition("=")
    if key in ("prepare", "remove", "extra") and equals and value[:1] not in ("'", '"'):
        return f"{key}={quoted(value.strip('[]'))}"
    return argument


main = _Systems("memtrace/systems", SystemsConfig, systems, groups={}, keeps_run=False)

if __name__ == "__main__":
    main()
