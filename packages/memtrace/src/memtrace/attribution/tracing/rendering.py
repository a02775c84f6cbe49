"""Showing parts of a region in few words, with everything that stems from the trace in quotes.

In: operations and variables. Out: lines such as `o12 update "append"` and
`  out window: v30 "..." [characters 1-280 of 3120]`. Handles, roles and remarks are ours; names,
kinds, items and values come from the trace and stand in quotes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from memtrace.attribution.tracing.patterns import Pattern
from memtrace.attribution.tracing.quoting import cut, quote
from memtrace.attribution.tracing.region import Region
from memtrace.types import Operation, Variable

__all__ = [
    "change_lines", "excerpt", "operation_lines", "paged", "previous_version", "title",
    "variable_line",
]  # fmt: skip

_NAME = 48
_HIDDEN = frozenset({"request", "store"})
"""Kinds that repeat the inputs for the record, or count what the store holds."""
_BRIEF = 60
_OPERATION = 2000
"""Characters of all values of an operation together, unless that leaves a value too few."""
_AROUND = 110


def title(region: Region, operation: Operation) -> str:
    """An operation in one line: handle, kind, name, what it ran inside."""
    line = f"{region.handle(operation)} {_name(operation.kind)} {_name(operation.name)}"
    if operation.error is not None:
        line += f" FAILED {_name(operation.error.type)}"
    return line


def operation_lines(
    region: Region, operation: Operation, limit: int, pattern: Pattern | None = None
) -> list[str]:
    """An operation with its inputs and outputs, one variable a line.

    Args:
        region: The region.
        operation: What to show.
        limit: Characters of a value to show.
        pattern: Show values around the places where it matches.
    """
    lines = [title(region, operation)]
    count = len(operation.input_ids) + len(operation.output_ids)
    limit = max(_BRIEF, min(limit, _OPERATION // max(count, 1)))
    for side, roles in (("in", operation.inputs), ("out", operation.outputs)):
        shown = [
            f"  {side} {_role(role)}: {variable_line(region, variable, limit, pattern)}"
            for role, identifiers in roles.items()
            for variable in map(region.reader.variable, identifiers)
            if variable.kind not in _HIDDEN
        ]
        lines += shown or [f"  {side}: nothing that holds text"]
    for variable in map(region.reader.variable, operation.output_ids):
        old = previous_version(region, variable)
        if old is not None:
            lines += [
                f"  change {line}"
                for line in change_lines(region, old, variable, limit, 6, pattern)
            ]
    return lines


def previous_version(region: Region, variable: Variable) -> Variable | None:
    """The version of its item that a variable took the place of."""
    if variable.item is None or variable.source is not None:
        return None
    return region.reader.live_version(variable.item, variable.seq - 1)


def change_lines(
    region: Region,
    old: Variable,
    new: Variable,
    limit: int,
    most: int,
    pattern: Pattern | None = None,
) -> list[str]:
    """What the lines of one variable have that those of another have not, and the reverse.

    Args:
        region: The region.
        old: The one before.
        new: The one after.
        limit: Characters of a line to show.
        most: Lines to show at most, a side.
        pattern: Lines that it matches come first.
    """
    before = region.reader.text(old.id).splitlines()
    after = [] if new.is_deletion else region.reader.text(new.id).splitlines()
    gone = list((Counter(before) - Counter(after)).elements())
    come = list((Counter(after) - Counter(before)).elements())
    if pattern is not None:
        gone, come = (
            sorted(side, key=lambda line: not pattern.is_in(line)) for side in (gone, come)
        )
    shown = [
        f"{region.handle(old)} -> {region.handle(new)}: {len(gone)} lines gone, {len(come)} new"
    ]
    for sign, lines in (("gone", gone), ("new", come)):
        shown += [f"  {sign}: {excerpt(line, limit)}" for line in lines[:most]]
        if len(lines) > most:
            shown.append(f"  {sign}: {len(lines) - most} more lines")
    return shown


def variable_line(
    region: Region, variable: Variable, limit: int, pattern: Pattern | None = None
) -> str:
    """A variable in one line: handle, what it is, its value or the beginning of it."""
    parts = [region.handle(variable)]
    if variable.kind == "message" and variable.name:
        parts.append(f"message {_name(variable.name)}")
    elif variable.item is not None:
        version = "" if variable.version is None else f" version {variable.version}"
        parts.append(f"item {_name(variable.item[-_NAME:])}{version}")
    else:
        parts.append(_name(variable.kind))
    if variable.is_deletion:
        return " ".join((*parts, "DELETED"))
    text = region.reader.text(variable.id)
    is_template = variable.kind == "prompt" and variable.producer is None
    parts.append(excerpt(text, _BRIEF if is_template else limit, pattern))
    return " ".join(parts)


def excerpt(text: str, limit: int, pattern: Pattern | None = None) -> str:
    """A text, quoted and cut; around the first match of a pattern if there is one."""
    start = 0
    found = None if pattern is None else next(pattern.find(text), None)
    if found is not None and len(text) > limit:
        start = max(0, min(found.start() - _AROUND, len(text) - limit))
    quoted, remark = cut(text, limit, start=start)
    matched = "" if pattern is None else " MATCHES" if found is not None else " no match"
    return f"{quoted} {remark}".rstrip() + matched


def paged(lines: Sequence[str], page: int, limit: int) -> list[str]:
    """One page (from 1) of lines, and a line that says how many there are if there are more.

    Raises:
        ValueError: There is no such page, in words for the model.
    """
    pages: list[list[str]] = [[]]
    size = 0
    for line in lines:
        if pages[-1] and size + len(line) > limit:
            pages.append([])
            size = 0
        pages[-1].append(line)
        size += len(line) + 1
    if not 1 <= page <= len(pages):
        raise ValueError(f"page: expected 1 to {len(pages)}; got {page}")
    if len(pages) == 1:
        return pages[0]
    return [*pages[page - 1], f"(page {page} of {len(pages)})"]


def _name(text: str) -> str:
    return quote(text if len(text) <= _NAME else f"{text[: _NAME - 3]}...")


def _role(role: str) -> str:
    return role if role.isidentifier() and len(role) <= _NAME else quote(role[:_NAME])
