"""Which operation of one run is which of another, where ids say nothing.

In: two sides. Out: pairs of operations. One that memtrace's memories recorded has a place, which is
the same in every run. Any other is known by its kind, its name, its parent's
kind and name, and its *anchor*: the named values from outside that it reads (the turns `D1:1` to
`D1:9`, the question `q3`), or else those of the operation that made its first input. So a session
that one run left out shifts nothing. Within a group, equal inputs pair first, then the order does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from memtrace.graph.explaining.side import Side

__all__ = ["Aligned", "align"]

_Key = Callable[[Side, int], Hashable]


@dataclass(frozen=True, slots=True)
class Aligned:
    """Pairs in the order of the first run, and what has no partner."""

    pairs: tuple[tuple[int, int], ...]
    missing: tuple[int, ...]
    """Only in the first run."""
    added: tuple[int, ...]
    """Only in the second."""


def align(a: Side, b: Side) -> Aligned:
    """Pair the operations of two runs: by place, where both know it, then by what they are."""
    partners = {
        number: b.places[place]
        for place, number in a.places.items()
        if place in b.places and b.operations[b.places[place]].name == a.operations[number].name
    }
    partners |= dict(_paired(a, b, *_rest(a, b, partners), Side.key))
    rest_a, rest_b = _rest(a, b, partners)
    # What has no names to go by is paired by order alone, so that an edited text is one change.
    soft_a = [op for op in rest_a if a.anchors[op].is_by_content]
    soft_b = [op for op in rest_b if b.anchors[op].is_by_content]
    partners |= dict(_paired(a, b, soft_a, soft_b, Side.loose_key))
    pairs = tuple((op, partners[op]) for op in a.operations if op in partners)
    return Aligned(pairs, *_rest(a, b, partners))


def _rest(a: Side, b: Side, partners: Mapping[int, int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    taken = set(partners.values())
    return (
        tuple(op for op in a.operations if op not in partners),
        tuple(op for op in b.operations if op not in taken),
    )


def _paired(
    a: Side, b: Side, from_a: Iterable[int], from_b: Iterable[int], key: _Key
) -> Iterator[tuple[int, int]]:
    groups: dict[Hashable, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for place, (side, numbers) in enumerate(((a, from_a), (b, from_b))):
        for number in numbers:
            groups[key(side, number)][place].append(number)
    for ours, theirs in groups.values():
        if len(ours) == len(theirs) == 1:
            yield ours[0], theirs[0]
        elif ours and theirs:
            yield from _paired_within(a, b, ours, theirs)


def _paired_within(
    a: Side, b: Side, ours: list[int], theirs: list[int]
) -> Iterator[tuple[int, int]]:
    """Operations of one group: first those with equal inputs, then in order."""
    waiting: dict[Hashable, list[int]] = defaultdict(list)
    for number in reversed(theirs):
        waiting[b.read(number)].append(number)
    left: list[int] = []
    taken = set[int]()
    for number in ours:
        if same := waiting.get(a.read(number)):
            taken.add(same[-1])
            yield number, same.pop()
        else:
            left.append(number)
    yield from zip(left, [other for other in theirs if other not in taken], strict=False)
