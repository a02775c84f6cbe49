"""The spans of one OTLP trace in an order that a graph can have.

In: ids, parents and times. Out: openings and closings, such that a span opens after its parent and
closes after it opened, whatever clocks said. Between spans that are not inside each other, time
decides; a span that ends when another begins comes first.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Entry", "in_order"]

Entry = tuple[str, str | None, int, int]
"""Span id, parent id, start, end."""


def in_order(
    entries: Sequence[Entry], problems: list[str]
) -> tuple[list[tuple[str, bool]], dict[str, str]]:
    """Each span twice (id, whether it opens), and the parent of each span that has one.

    Args:
        entries: The spans of one trace.
        problems: Where to say which parents are missing or go in a circle, which clocks differ.
    """
    parents = _parents(entries, problems)
    given = {span: (start, end) for span, _, start, end in entries}
    depth: dict[str, int] = {}
    starts: dict[str, int] = {}
    skewed = 0
    for span in given:
        for name in reversed(_path(span, parents, depth)):
            above = parents.get(name)
            depth[name] = 0 if above is None else depth[above] + 1
            starts[name] = max(given[name][0], 0 if above is None else starts[above])
            skewed += starts[name] != given[name][0] or 0 < given[name][1] < given[name][0]
    if skewed:
        problems.append(
            f"{skewed} spans begin before their parent or end before they begin (clocks differ); "
            "they are put in order, their times are kept"
        )
    place = {span: number for number, (span, *_) in enumerate(entries)}
    events: list[tuple[int, int, int, int, str]] = []
    for span, (_, end) in given.items():
        start = starts[span]
        events.append((start, 1, depth[span], place[span], span))
        stop = max(end, start)
        # A span without length closes after it opened, the innermost first.
        events.append((stop, 2 if stop == start else 0, -depth[span], place[span], span))
    events.sort()
    return [(span, phase == 1) for _, phase, _, _, span in events], parents


def _parents(entries: Sequence[Entry], problems: list[str]) -> dict[str, str]:
    """The parents that are there, without circles."""
    ids = {span for span, *_ in entries}
    parents = {span: above for span, above, *_ in entries if above in ids and above is not None}
    missing = [span for span, above, *_ in entries if above is not None and above not in ids]
    if missing:
        problems.append(
            f"{len(missing)} spans have a parent that is not in the file, the first of them "
            f"{missing[0]}; they stand at the top"
        )
    done: set[str] = set()
    for span in ids:
        path: dict[str, None] = {}
        while span in parents and span not in done:
            path[span] = None
            if parents[span] in path:
                problems.append(f"span {span} is inside itself; it stands at the top")
                del parents[span]
            else:
                span = parents[span]
        done.update(path)
    return parents


def _path(span: str, parents: dict[str, str], known: dict[str, int]) -> list[str]:
    """The span and its ancestors, as far as they are not known, from the inside out."""
    path = []
    here: str | None = span
    while here is not None and here not in known:
        path.append(here)
        here = parents.get(here)
    return path
