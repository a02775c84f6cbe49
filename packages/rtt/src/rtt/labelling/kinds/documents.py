"""Drawers of MulDimIF's kinds on the form of a document: headings, quotes, tables, JSON, XML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from rtt.labelling.scene import Drawer, Drawn, Scene

__all__ = ["DRAWERS", "bounds"]

_OPEN = [None, None]


def bounds(scene: Scene, count: int, *, least: int = 0) -> list[int | None]:
    """A pair of bounds that a count keeps to, or not."""
    away = scene.random.randint(0, max(1, count // 5))
    sort = scene.random.choice(("least", "most", "exact", "range"))
    if not scene.wanted:
        count = max(
            count + scene.random.choice((-1, 1)) * (away + 1 + scene.random.randint(0, 2)), least
        )
    low, high = max(count - away, least), max(count + away, least)
    if sort == "exact":
        return [count, count]
    return [low if sort != "most" else None, high if sort != "least" else None]


def _headings(scene: Scene) -> tuple[str, list[int], list[str]]:
    levels = [scene.random.randint(1, 3) for _ in range(scene.random.randint(1, 3))]
    titles = [scene.prose.title() for _ in levels]
    parts = [
        f"{'#' * level} {title}\n{scene.prose.sentence()}"
        for level, title in zip(levels, titles, strict=True)
    ]
    return "\n\n".join(parts), levels, titles


def _markdown(scene: Scene) -> Drawn:
    text, levels, titles = _headings(scene)
    kwargs: dict[str, Any] = {
        "levels": [], "distinct": _OPEN, "count": _OPEN, "deepest": _OPEN, "first": _OPEN,
        "title": "",
    }  # fmt: skip
    if not scene.wanted and scene.chance(0.2):
        text = scene.text
    match scene.random.choice(("level", "title", "count")):
        case "level":
            missing = [level for level in range(1, 5) if level not in levels]
            kwargs["levels"] = [scene.random.choice(levels if scene.wanted else missing)]
        case "title":
            kwargs["title"] = scene.random.choice(titles) if scene.wanted else scene.prose.title()
        case _:
            kwargs["count"] = bounds(scene, len(levels), least=1)
    return Drawn(kwargs, text)


def _marked_lines(scene: Scene) -> Drawn:
    kind = scene.random.choice(("a block quote", "a list", "bold text"))
    text = re.sub(r"(?m)^\s*(?:>|[-*+•]\s|\d+[.)]\s)\s*|\*\*", "", scene.text)
    phrase = scene.prose.phrase()
    marked = {"a block quote": f"> {phrase}", "a list": f"- {phrase}\n- {scene.prose.word()}",
              "bold text": f"**{phrase}**"}  # fmt: skip
    if not scene.wanted:
        others = [line for name, line in marked.items() if name != kind]
        line = scene.random.choice([*others, phrase])
    else:
        line = marked[kind]
    return Drawn({"kind": kind}, Scene(scene.prose, text, True).with_line(line))


def _table(scene: Scene) -> Drawn:
    columns, rows = scene.random.randint(2, 4), scene.random.randint(1, 4)
    head = [scene.prose.word("nouns").capitalize() for _ in range(columns)]
    body = [[scene.prose.any_word() for _ in range(columns)] for _ in range(rows)]
    lines = [head, ["---"] * columns, *body]
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    if scene.chance(0.4):
        text = f"{scene.prose.sentence()}\n\n{text}"
    kwargs: dict[str, Any] = {"rows": _OPEN, "columns": _OPEN, "headers": [], "optional": False}
    match scene.random.choice(("rows", "columns", "headers")):
        case "rows":
            kwargs["rows"] = bounds(scene, rows)
        case "columns":
            kwargs["columns"] = bounds(scene, columns, least=1)
        case _:
            found = scene.random.sample(head, scene.random.randint(1, columns))
            kwargs["headers"] = found if scene.wanted else [*found[1:], scene.absent()[0]]
    return Drawn(kwargs, scene.text if not scene.wanted and scene.chance(0.2) else text)


def _json(scene: Scene) -> Drawn:
    depth = scene.random.randint(1, 4)
    value: Any = scene.prose.phrase()
    for _ in range(depth):
        value = {scene.prose.word(): value} if scene.chance(0.8) else [value, scene.prose.word()]
    text = json.dumps(value, indent=scene.random.choice((None, 2)))
    if scene.chance(0.4):
        text = f"{scene.prose.sentence()}\n```json\n{text}\n```"
    return Drawn({"depth": bounds(scene, depth, least=1), "optional": False}, text)


def _xml(scene: Scene) -> Drawn:
    number = scene.random.randint(1, 3)
    lines = []
    count = scene.random.randint(1, 4)
    bad = scene.random.sample(range(count), 0 if scene.wanted else scene.random.randint(1, count))
    for at in range(count):
        names = scene.absent(number + (scene.random.choice((-1, 1)) if at in bad else 0))
        tag = scene.prose.word()
        inside = "".join(f' {name}="{scene.prose.word()}"' for name in names)
        lines.append(f"<{tag}{inside}>{scene.prose.phrase()}</{tag}>")
    return Drawn({"attributes": [number, number], "optional": False}, "\n".join(lines))


DRAWERS: Mapping[str, Drawer] = {
    "muldimif:markdown": _markdown, "muldimif:marked_lines": _marked_lines,
    "muldimif:table": _table, "muldimif:json": _json, "muldimif:xml": _xml,
}  # fmt: skip
