"""What is wrong with an order of passages, where it is known which passage mattered."""

from __future__ import annotations

import re
from collections.abc import Iterator

from memtrace.faultbench.prompting.reflecting.comparing import gives
from memtrace.faultbench.prompting.reflecting.types import Finding, Record

__all__ = ["misranked"]

_NUMBERED = re.compile(r"^(?:#+ )?(?:\[(\d+)\]|Item (\d+))\s*$", re.MULTILINE)
_NUMBER = re.compile(r"\d+")
_ORDER = re.compile(r"[\[(]?\s*\d+(?:\s*[,>\s]\s*\d+)*\s*[\])]?\.?")
_FRONT = 2
"""Of how many parts the first is the front."""


def misranked(record: Record) -> Iterator[Finding]:
    """Findings of a record whose outputs are an order, as numbers or as passages."""
    if not record.right:
        return
    passages = _passages(record.inputs)
    helpful = {number for number, text in passages.items() if gives(text, record.right)}
    if not helpful or len(helpful) == len(passages):
        return
    order = _order(record.outputs, passages)
    front = order[: max(1, len(passages) // _FRONT)]
    if order and not helpful & set(front):
        yield Finding("order", "helpful")


def _passages(text: str) -> dict[int, str]:
    pieces = _NUMBERED.split(text)
    numbers = [int(one or other) for one, other in zip(pieces[1::3], pieces[2::3], strict=True)]
    return dict(zip(numbers, pieces[3::3], strict=True))


def _order(outputs: str, passages: dict[int, str]) -> list[int]:
    first = outputs.strip().splitlines()[0] if outputs.strip() else ""
    if _ORDER.fullmatch(first.strip()):
        return [int(number) for number in _NUMBER.findall(first)]
    places = {number: outputs.find(text.strip()) for number, text in passages.items()}
    return sorted((number for number in places if places[number] >= 0), key=places.__getitem__)
