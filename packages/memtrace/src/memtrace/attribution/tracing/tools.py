"""The tools of an exploration: views of the region that change nothing.

Each takes what the model asked for and returns lines. What cannot be done is a `ValueError` in
words for the model. Nothing is cut off silently: every view says how much there is.
"""

from __future__ import annotations

from memtrace.attribution.tracing.following import Course
from memtrace.attribution.tracing.patterns import Pattern
from memtrace.attribution.tracing.quoting import quote
from memtrace.attribution.tracing.region import Region
from memtrace.attribution.tracing.rendering import (
    change_lines,
    excerpt,
    operation_lines,
    paged,
    previous_version,
    title,
    variable_line,
)
from memtrace.attribution.tracing.types import TracingSettings
from memtrace.types import Operation, Variable

__all__ = ["Tools"]

_SURROUNDING = 120
_BRIEF = 140
_LISTED = 6


class Tools:
    """Views of one region.

    Args:
        region: What is looked at.
        settings: Lengths of pages and values.
    """

    def __init__(self, region: Region, settings: TracingSettings) -> None:
        self.region = region
        self._page, self._value = settings.page_chars, settings.value_chars

    def open(self, operation: Operation, page: int, pattern: Pattern | None = None) -> list[str]:
        """An operation with its inputs and outputs."""
        lines = operation_lines(self.region, operation, self._value, pattern)
        return paged(lines, page, self._page)

    def expand(self, variable: Variable, page: int) -> list[str]:
        """Where a variable comes from and who reads it."""
        region = self.region
        lines = [variable_line(region, variable, _BRIEF)]
        if variable.producer is None:
            lines.append("  came from outside")
        elif variable.producer in region:
            made = region.reader.operation(variable.producer)
            lines.append(f"  made by {title(region, made)}")
        if variable.source is not None:
            source = region.reader.variable(variable.source)
            lines.append(f"  an unchanged copy of {region.handle(source)}")
        old = previous_version(region, variable)
        if old is not None:
            lines.append(f"  took the place of {region.handle(old)}")
        lines += [f"  read by {title(region, reader)}" for reader in region.readers(variable)]
        if not region.readers(variable):
            lines.append("  read by nothing that concerns this answer")
        return paged(lines, page, self._page)

    def view(self, variable: Variable, page: int, pattern: Pattern | None) -> list[str]:
        """A value, by pages, or the places where a pattern matches."""
        text = self.region.reader.text(variable.id)
        head = variable_line(self.region, variable, 0)
        if pattern is None:
            pages = max(1, -(-len(text) // self._page))
            if not 1 <= page <= pages:
                raise ValueError(f"page: expected 1 to {pages}; got {page}")
            start = (page - 1) * self._page
            return [head, quote(text[start : start + self._page]), f"(page {page} of {pages})"]
        found = [
            quote(text[max(0, m.start() - _SURROUNDING) : m.end() + _SURROUNDING])
            for m in pattern.find(text)
        ]
        lines = [f"  match {number}: {part}" for number, part in enumerate(found, 1)]
        shown = paged(lines, page, self._page) if lines else []
        return [head, f"{len(found)} matches of {quote(pattern.text)}", *shown]

    def diff(self, new: Variable, old: Variable | None, page: int) -> list[str]:
        """Lines that two variables do not share; without the other, with the version before."""
        before = old if old is not None else previous_version(self.region, new)
        if before is None:
            raise ValueError(
                f"diff: {self.region.handle(new)} has no version before it; name the other variable"
            )
        lines = change_lines(self.region, before, new, self._value, 1000)
        return paged(lines, page, self._page)

    def search(self, pattern: Pattern, page: int) -> list[str]:
        """Every variable in which a pattern matches, in the order of time; equal texts once."""
        region = self.region
        seen: dict[str, list[Variable]] = {}
        for variable in region.variables():
            if not region.reader.is_marker(variable):
                seen.setdefault(variable.digest, []).append(variable)
        lines = []
        for same in seen.values():
            text = region.reader.text(same[0].id)
            if not pattern.is_in(text):
                continue
            again = " ".join(region.handle(v) for v in same[1 : _LISTED + 1])
            more = f" +{len(same) - 1 - _LISTED}" if len(same) - 1 > _LISTED else ""
            copies = f" also as {again}{more}" if again else ""
            maker = same[0].producer
            made = "" if maker is None or maker not in region else (
                f" from {region.handle(region.reader.operation(maker))}"
            )  # fmt: skip
            line = variable_line(region, same[0], _BRIEF, pattern).removesuffix(" MATCHES")
            lines.append(f"{line}{made}{copies}")
        head = f"{len(lines)} texts match {quote(pattern.text)}"
        return [head, *(paged(lines, page, self._page) if lines else [])]

    def state(self, operation: Operation, page: int, pattern: Pattern | None) -> list[str]:
        """The memory items that were live when an operation started."""
        region = self.region
        known = {variable.id for variable in region.variables()}
        live = [
            v for v in region.reader.trace.state_at(operation.seq).values() if v.id in known
        ]  # fmt: skip
        if pattern is not None:
            live = [v for v in live if pattern.is_in(region.reader.text(v.id))]
        lines = [variable_line(region, v, _BRIEF, pattern).removesuffix(" MATCHES") for v in live]
        what = "" if pattern is None else f" match {quote(pattern.text)}"
        head = f"{len(live)} items live at {region.handle(operation)}{what}"
        return [head, *(paged(lines, page, self._page) if lines else [])]

    def course(self, course: Course, pattern: Pattern) -> list[str]:
        """Where words went, in a few lines."""
        region = self.region
        lines = [f"course of {quote(pattern.text)}:"]
        steps = [f"{title(region, op)} -> {region.handle(v)}" for op, v in course.carried]
        lines += [f"  carried by {step}" for step in _ends(steps)]
        lost = [f"{title(region, op)} read {region.handle(v)}" for op, v in course.lost]
        lines += [f"  not passed on by {step}" for step in _ends(lost)]
        lines += [
            f"  rests in {region.handle(v)} (live when the question came, read by none that "
            f"served it) {excerpt(region.reader.text(v.id), _BRIEF)}"
            for v in course.resting[:_LISTED]
        ]
        if course.reaches_answer:
            lines.append(f"  reaches {title(region, region.maker)}, which answered")
        if course.is_cut:
            lines.append("  the way is longer than can be followed at once")
        if len(lines) == 1:
            lines.append("  no operation that concerns this answer reads it")
        return lines


def _ends(steps: list[str]) -> list[str]:
    """The first and the last of many."""
    if len(steps) <= 2 * _LISTED:
        return steps
    middle = f"({len(steps) - 2 * _LISTED} more)"
    return [*steps[:_LISTED], middle, *steps[-_LISTED:]]
