"""Putting a fact back into what an operation passes on, whatever its shape.

In: the value of a point (a text, a list of texts, rows of a ranked list, of writes, of turns, or
JSON in a reply) and the wordings of facts. Out: the value an operation that keeps the facts would
have passed on, and in words what was changed. A value that holds the facts comes back as it was.

Nothing here knows a memory system. Rows are told apart by their keys (`event`: writes; `score`:
ranked items; `turn`: lines; `lines`: stored lines); rows of any other shape are mended by the text
in them, and new ones are made like their neighbours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from memtrace.attribution.causal.rows import (
    SLOT,
    TEXT_KEYS,
    are_groups,
    are_rows,
    as_line,
    dressed_as,
    fresh,
    is_heading,
    json_of,
    number_of,
    order,
    text_in,
    texts_in,
    with_text,
)
from memtrace.attribution.causal.wording import Wording
from memtrace.attribution.matching import normal_words, passage

__all__ = ["Mender"]

_GROUPS = ("chunks", "cells")


@dataclass(slots=True)
class Mender:
    """Restores facts in values; a new one for each operation that is repaired.

    Example: `Mender(wordings, items=(("mem-3", "Ana: I moved to Lisbon."),)).restore(hits)`
    """

    wordings: Sequence[Wording]
    items: Sequence[tuple[str, str]] = ()
    """Live memory items that hold the facts, with their texts: what a search may return."""
    unwanted: frozenset[str] = frozenset()
    """Lines in normal form that no operation should pass on."""
    sources: Sequence[str] = ()
    """Texts the operation read: writes of what stands in them are its business."""
    messages: Sequence[tuple[str, str]] = ()
    """Names and texts of the messages the operation read, in order."""
    strict: bool = False
    role: str = ""
    """What the point is called: tells the shape of an empty list."""
    sample: str = ""
    """Another reply of the same sort: tells the shape of the rows of an empty one."""
    told: list[str] = field(default_factory=list)
    """What was changed, in words."""

    def restore(self, value: Any) -> Any:
        """The value with every fact in it; one nested deeper than Python can follow as it is."""
        given, said = value, len(self.told)
        try:
            for wording in self.wordings:
                if not self._holds(wording, value):
                    value = self._restored(wording, value)
            return self._without_unwanted(value)
        except RecursionError:  # a model that replied "[[[[..."
            del self.told[said:]
            return given

    # Whether anything is to be done ---------------------------------------------------------

    def _holds(self, wording: Wording, value: Any) -> bool:
        if self._is(value, "event", "writes"):
            return self._is_written(wording, value)
        return any(wording.holds(text, strict=self.strict) for text in texts_in(value))

    def _is_written(self, wording: Wording, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Whether writes leave the memory with the fact, as far as it was theirs to keep."""
        known = dict(self.items)
        for row in rows:
            holds = wording.holds(str(row.get("text") or ""), strict=self.strict)
            if row.get("event") not in ("NONE", "DELETE") and holds:
                return True
            before = known.get(str(row.get("item"))) or str(row.get("old_memory") or "")
            if row.get("event") in ("UPDATE", "DELETE") and wording.holds(before):
                return False
        is_given = any(wording.holds(text, strict=self.strict) for text in self.sources)
        return not is_given or any(wording.holds(text) for _, text in self.items)

    # Shapes ---------------------------------------------------------------------------------

    def _restored(self, wording: Wording, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(wording, value)
        if isinstance(value, Mapping):
            return self._mapping(wording, value)
        if not isinstance(value, list):
            return value
        if self._is(value, "event", "writes"):
            return self._writes(wording, value)
        if self._is(value, "score", "hits"):
            return self._hits(wording, value)
        if self._is(value, "turn", "lines"):
            return self._lines(wording, value)
        if self._is(value, "lines", "items") and all(are_rows(one["lines"]) for one in value):
            return self._stored(wording, value)
        if are_groups(value) and (value or self.role in _GROUPS):
            return self._groups(wording, value)
        return self._rows(wording, value)

    def _is(self, value: Any, key: str, role: str) -> bool:
        """Whether a value is a list of rows with this key, or an empty one at such a point."""
        if not isinstance(value, list):
            return False
        if not value:
            return self.role == role
        return all(isinstance(one, Mapping) and key in one for one in value)

    def _text(self, wording: Wording, text: str) -> str:
        as_json = json_of(text)
        if as_json is not None:
            restored = self._restored(wording, as_json[1])
            return as_json[0].replace(SLOT, json.dumps(restored, ensure_ascii=False))
        lines = text.splitlines()
        variant = self._nearest(wording, lines)
        if variant is not None:
            self._tell("put right", lines[variant], wording)
            lines[variant] = dressed_as(lines[variant], wording)
            return "\n".join(lines)
        self.told.append(f"put in {wording.text!r}")
        heading = f"[{wording.date}]"
        if heading in lines:
            lines.insert(lines.index(heading) + 1, wording.text)
        elif any(is_heading(line) for line in lines) and wording.date:
            lines += [heading, wording.text]
        else:
            lines.append(dressed_as(lines[0] if lines else "", wording))
        return "\n".join(lines)

    def _mapping(self, wording: Wording, value: Mapping[str, Any]) -> dict[str, Any]:
        """Mend the field that holds the text: a list before a text, the longest of each."""
        lists = [key for key, one in value.items() if isinstance(one, list)]
        texts = [key for key in TEXT_KEYS if isinstance(value.get(key), str)]
        inner = [key for key, one in value.items() if isinstance(one, Mapping)]
        for key in (*sorted(lists, key=lambda k: -len(value[k])), *texts, *inner):
            if value[key] == [] and (row := self._sampled(key)) is not None:
                self.told.append(f"put in {wording.text!r}")
                return {**value, key: [with_text(fresh(row, []), self._said(wording))]}
            return {**value, key: self._restored(wording, value[key])}
        return dict(value)

    def _sampled(self, key: str) -> Any:
        """A row that stands under this key in another reply; None if none does."""
        found = json_of(self.sample)
        rows = found[1].get(key) if found is not None and isinstance(found[1], Mapping) else None
        return rows[0] if isinstance(rows, list) and rows else None

    def _rows(self, wording: Wording, rows: list[Any]) -> list[Any]:
        """A list of texts, or of objects that each hold one."""
        place = self._nearest(wording, [text_in(row) for row in rows])
        if place is not None:
            self._tell("put right", text_in(rows[place]), wording)
            fixed = with_text(rows[place], dressed_as(text_in(rows[place]), wording))
            return [*rows[:place], fixed, *rows[place + 1 :]]
        self.told.append(f"put in {wording.text!r}")
        sibling = rows[-1] if rows else ""
        return [*rows, with_text(fresh(sibling, rows), dressed_as(text_in(sibling), wording))]

    def _writes(self, wording: Wording, rows: list[Any]) -> list[Any]:
        known = dict(self.items)
        kept: list[Any] = []
        for row in rows:
            text = str(row.get("text") or "")
            before = known.get(str(row.get("item"))) or str(row.get("old_memory") or "")
            takes_away = row.get("event") in ("UPDATE", "DELETE") and wording.holds(before)
            if takes_away and not (row["event"] == "UPDATE" and wording.holds(text)):
                said = any(
                    passage(source).find(" ".join(normal_words(text))) for source in self.sources
                )
                self.told.append(f"left {before!r} as it was")
                if row["event"] == "UPDATE" and text and said:
                    kept.append(self._added(rows, text))
                continue
            kept.append(row)
        if any(wording.holds(text) for _, text in self.items):
            return kept
        adding = [n for n, row in enumerate(kept) if row.get("event") in ("ADD", "UPDATE", "NONE")]
        place = self._nearest(wording, [str(kept[n].get("text") or "") for n in adding])
        if place is not None:
            number = adding[place]
            self._tell("put right", str(kept[number].get("text") or ""), wording)
            if kept[number]["event"] == "UPDATE":
                kept[number] = {**kept[number], "text": self._said(wording)}
            else:
                kept[number] = self._added(rows, self._said(wording))
            return kept
        for number, row in enumerate(kept):
            if row.get("event") == "NONE" and wording.holds(str(row.get("text") or "")):
                self.told.append(f"wrote {row['text']!r} after all")
                kept[number] = self._added(rows, row["text"])
                return kept
        self.told.append(f"wrote {wording.text!r}")
        return [*kept, self._added(rows, self._said(wording))]

    def _added(self, rows: Sequence[Mapping[str, Any]], text: str) -> dict[str, Any]:
        """A write that adds a text, as a model says it or as a program does it."""
        if self.role == "reply":
            return {**fresh({"id": "0", "event": "ADD"}, rows), "text": text}
        return {"event": "ADD", "item": None, "text": text}

    def _hits(self, wording: Wording, rows: list[Any]) -> list[Any]:
        """The item that holds the fact, first; nothing, if the memory holds no such item."""
        for item, text in self.items:
            if not wording.holds(text, strict=self.strict):
                continue
            others = [row for row in rows if row.get("item") != item]
            best = max((number_of(row.get("score")) for row in rows), default=1.0)
            self.told.append(f"found {text!r}")
            return [{"item": item, "text": text, "score": best}, *others]
        return rows

    def _lines(self, wording: Wording, rows: list[Any]) -> list[Any]:
        line = {"turn": wording.turn, "date": wording.date, "text": wording.text}
        line = {key: line[key] for key in line if not rows or key in rows[0] or key == "text"}
        if rows and "speaker" in rows[0]:
            line = {"turn": wording.turn, "speaker": wording.speaker,
                    "text": wording.text.removeprefix(f"{wording.speaker}: ")}  # fmt: skip
        same = [n for n, row in enumerate(rows) if row.get("turn") == wording.turn]
        if same:
            self._tell("put right", str(rows[same[0]].get("text")), wording)
            return [{**row, **line} if n in same else row for n, row in enumerate(rows)]
        self.told.append(f"kept {wording.text!r}")
        wanted = order(wording.turn)
        place = next(
            (n for n, row in enumerate(rows) if order(str(row.get("turn"))) > wanted), len(rows)
        )
        return [*rows[:place], line, *rows[place:]]

    def _stored(self, wording: Wording, rows: list[Any]) -> list[Any]:
        """Stored chunks: the chunk that had the line, as the operation read it."""
        held = [any(line.get("turn") == wording.turn for line in row["lines"]) for row in rows]
        if any(held):
            return [
                {**row, "lines": self._lines(wording, row["lines"])} if has else row
                for row, has in zip(rows, held, strict=True)
            ]
        self.told.append(f"stored {wording.text!r}")
        sources = [text for text in self.sources if wording.holds(text)] or [wording.text]
        stored = list(rows)
        for number, source in enumerate(sources):
            said = [line for line in source.splitlines() if not is_heading(line)]
            lines = [
                {
                    "turn": wording.turn if wording.holds(line) else f"{wording.turn}/{number}.{n}",
                    "date": wording.date, "text": line,
                }
                for n, line in enumerate(said)
            ]  # fmt: skip
            later = (
                n for n, row in enumerate(stored)
                if row["lines"] and order(str(row["lines"][0].get("turn"))) > order(wording.turn)
            )  # fmt: skip
            stored.insert(next(later, len(stored)), {"item": None, "lines": lines})
        return stored

    def _groups(self, wording: Wording, groups: list[list[Any]]) -> list[list[Any]]:
        """Lists of lines: where the turn is, it is put right; else it becomes one of its own."""
        fixed = [
            self._lines(wording, group)
            if any(isinstance(row, Mapping) and row.get("turn") == wording.turn for row in group)
            else group
            for group in groups
        ]
        if fixed != groups:
            return fixed
        size = max((2, *(len(group) for group in groups)) if groups else (3,))
        covered = {str(row.get("turn")) for group in groups for row in group}
        run = self._gap(wording, covered)
        if not run:
            return [*groups, self._lines(wording, [])]
        sample: Mapping[str, Any] = next((group[0] for group in groups if group), {})
        lines = [as_line(name, text, sample) for name, text in run]
        self.told.append(f"kept {wording.text!r}")
        step = max(1, size - 1)
        return [*groups, *(lines[n : n + size] for n in range(0, max(1, len(lines) - 1), step))]

    def _gap(self, wording: Wording, covered: set[str]) -> list[tuple[str, str]]:
        """The messages around a turn that are in no group, and one more on each side."""
        names = [name for name, _ in self.messages]
        if wording.turn not in names:
            return []
        low = high = names.index(wording.turn)
        while low > 0 and names[low] not in covered:
            low -= 1
        while high < len(names) - 1 and names[high] not in covered:
            high += 1
        return list(self.messages[low : high + 1])

    # Words ----------------------------------------------------------------------------------

    def _nearest(self, wording: Wording, texts: Sequence[str]) -> int | None:
        """The text that says the fact in another way, if one does."""
        shares = [
            wording.is_like(text)
            if text and wording.is_variant(text) and not self._was_read(text, wording)
            else 0.0
            for text in texts
        ]
        best = max(shares, default=0.0)
        return shares.index(best) if best > 0 else None

    def _was_read(self, text: str, wording: Wording) -> bool:
        """Whether a text is a statement of its own, which the operation read as it is."""
        line = " ".join(normal_words(re.sub(r"^\s*\[[^\]]*\]\s*", "", text)))
        if f" {line} " in f" {' '.join(normal_words(wording.text))} ":
            return False  # a part of the fact's own words: the rest was cut off
        if any(other.holds(text, strict=True) for other in self.wordings if other is not wording):
            return True
        read = (*self.sources, *(held for _, held in self.items))
        return any(passage(source).find(line) for source in read)

    def _said(self, wording: Wording) -> str:
        """As the operation read it, if it is one line there; else as it was said."""
        for source in self.sources:
            for line in source.splitlines():
                if wording.holds(line, strict=self.strict) and len(line) < 3 * len(wording.text):
                    return line
        return wording.text

    def _tell(self, verb: str, before: str, wording: Wording) -> None:
        self.told.append(f"{verb} {before!r}: {wording.text!r}")

    def _without_unwanted(self, value: Any) -> Any:
        if not self.unwanted:
            return value
        if isinstance(value, str):
            as_json = json_of(value)
            if as_json is not None:
                cleaned = self._without_unwanted(as_json[1])
                return as_json[0].replace(SLOT, json.dumps(cleaned, ensure_ascii=False))
            lines = value.splitlines()
            kept = [line for line in lines if not self._is_unwanted(line)]
            return value if kept == lines else "\n".join(kept)
        if isinstance(value, list):
            return [
                self._without_unwanted(one) if isinstance(one, list | Mapping) else one
                for one in value
                if not self._is_unwanted(text_in(one))
            ]
        if isinstance(value, Mapping):
            return {
                key: self._without_unwanted(one) if isinstance(one, list | Mapping) else one
                for key, one in value.items()
            }
        return value

    def _is_unwanted(self, text: str) -> bool:
        is_so = any(line in self.unwanted for line in passage(text).lines)
        if is_so:
            self.told.append(f"left out {text!r}")
        return is_so
