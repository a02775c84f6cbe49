"""Drawers of MulDimIF's kinds (`muldimif:*`)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from lmcommon.verify.muldimif.lengths import count_words
from lmcommon.verify.muldimif.parts import paragraphs
from rtt.labelling.kinds.keywords import asked_words, avoided_words
from rtt.labelling.kinds.lengths import paragraphs_of
from rtt.labelling.scene import Drawer, Drawn, Scene

__all__ = ["DRAWERS"]

_WHOLE = {"part": "response", "target": ""}
_OPEN = [None, None]


def _bounds(scene: Scene, count: int, *, least: int = 0) -> list[int | None]:
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


def _keywords(scene: Scene) -> Drawn:
    kwargs: dict[str, Any] = {
        "keywords": [],
        "forbidden": [],
        "times": 1,
        "any_of": False,
        **_WHOLE,
    }
    if scene.chance(0.35):
        kwargs["forbidden"] = avoided_words(scene, 3)
        return Drawn(kwargs, scene.text)
    kwargs["keywords"] = asked_words(scene, 2)
    if scene.chance(0.2) and len(kwargs["keywords"]) > 1:
        kwargs["any_of"] = True
        if not scene.wanted:
            kwargs["keywords"] = scene.absent(2)
    return Drawn(kwargs, scene.text)


def _identifiers(scene: Scene) -> Drawn:
    words = scene.text.lstrip(" #\n\t").split()
    asked = " ".join(words[: scene.random.randint(1, 4)])
    if not asked or scene.chance(0.4):
        asked = scene.prose.pick("openings")
        return Drawn({"start": asked}, f"{asked} {scene.text}" if scene.wanted else scene.text)
    if not scene.wanted:
        asked = scene.random.choice([*scene.absent(), *scene.words()]).capitalize()
    return Drawn({"start": asked}, scene.text)


def _no_lists(scene: Scene) -> Drawn:
    kind = scene.random.choice(("bullet points", "numbered points", "lists"))
    text = re.sub(r"(?m)^\s*(?:[-*•]|\d+[.)])\s*", "", scene.text)
    mark = "1." if kind == "numbered points" else scene.random.choice("*-")
    lines = [
        f"{f'{at}.' if mark == '1.' else mark} {scene.prose.phrase()}"
        for at in range(1, scene.random.randint(2, 4))
    ]
    if not scene.wanted:
        text = f"{text}\n" + "\n".join(lines)
    elif kind != "lists" and scene.chance(0.3):  # a list of the other sort
        other = "1. " if kind == "bullet points" else "- "
        text = f"{text}\n{other}{scene.prose.phrase()}"
    return Drawn({"kind": kind}, text)


def _ending(scene: Scene) -> Drawn:
    part = scene.random.choice(("response", "sentence", "paragraph"))
    mark = scene.random.choice((".", "!", "?"))
    lines = [f"{scene.prose.phrase().capitalize()}" for _ in range(scene.random.randint(2, 4))]
    other = scene.random.choice([one for one in ".!?" if one != mark])
    avoid = scene.chance(0.25)
    ends = [other if avoid else mark] * len(lines)
    if not scene.wanted:
        places = [len(lines) - 1] if part == "response" else range(len(lines))
        for at in scene.random.sample(
            places, 1 if part == "response" else scene.random.randint(1, 2)
        ):
            ends[at] = mark if avoid else other
    gap = "\n" if part == "paragraph" else " "
    text = gap.join(line + end for line, end in zip(lines, ends, strict=True))
    return Drawn({"marks": [mark], "avoid": avoid, "part": part}, text)


def _no_marks(scene: Scene) -> Drawn:
    marks = scene.random.sample(("!", "?", ";", ":", ".", ","), scene.random.randint(1, 2))
    text = "".join(char for char in scene.text if char not in marks) or scene.prose.phrase()
    if not scene.wanted:
        at = scene.random.randint(0, len(text))
        has_mark = any(mark in scene.text for mark in marks)
        text = scene.text if has_mark else f"{text[:at]}{marks[0]}{text[at:]}"
    return Drawn({"marks": marks}, text)


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
            kwargs["count"] = _bounds(scene, len(levels), least=1)
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
            kwargs["rows"] = _bounds(scene, rows)
        case "columns":
            kwargs["columns"] = _bounds(scene, columns, least=1)
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
    return Drawn({"depth": _bounds(scene, depth, least=1), "optional": False}, text)


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


def _english(scene: Scene) -> Drawn:
    case = scene.random.choice(("title", "upper", "lower"))
    turned = {"title": _titled, "upper": str.upper, "lower": str.lower}[case](scene.text)
    if not scene.wanted:
        if scene.chance(0.4):
            turned = scene.text
        else:
            words = turned.split(" ")
            for at in scene.random.sample(range(len(words)), min(len(words), 2)):
                words[at] = words[at].capitalize() if case == "lower" else words[at].lower()
            turned = " ".join(words)
    return Drawn({"case": case, "part": "response"}, turned)


def _titled(text: str) -> str:
    return re.sub(r"(?<!\S)[a-z]", lambda match: match.group().upper(), text)


def _chinese(scene: Scene) -> Drawn:
    script = scene.random.choice(("simplified", "traditional"))
    other = "traditional" if script == "simplified" else "simplified"
    only = scene.chance(0.5)
    text = scene.prose.foreign(f"zh-{script}", scene.random.randint(2, 4))
    if not scene.wanted:
        text = (
            scene.prose.foreign(f"zh-{other}", 3)
            if scene.chance(0.6) or not only
            else f"{text} {scene.prose.word()}"
        )
    elif not only and scene.chance(0.5):
        text = f"{scene.prose.sentence()} {text}"
    return Drawn({"script": script, "only": only}, text)


def _words(scene: Scene) -> Drawn:
    return Drawn({"bounds": _bounds(scene, count_words(scene.text), least=1), **_WHOLE}, scene.text)


def _sentences(scene: Scene) -> Drawn:
    count = len(re.findall(r"[.!?]", scene.text))
    return Drawn({"bounds": _bounds(scene, count, least=1), **_WHOLE}, scene.text)


def _paragraphs(scene: Scene) -> Drawn:
    text = "\n\n".join(paragraphs_of(scene, scene.random.randint(1, 4)))
    return Drawn({"bounds": _bounds(scene, len(paragraphs(text)), least=1), **_WHOLE}, text)


def _all(scene: Scene) -> Drawn:
    second, place = scene.random.choice(
        (
            ("muldimif:keywords", _keywords),
            ("muldimif:words", _words),
            ("muldimif:no_marks", _no_marks),
        )
    )
    last = place(scene)
    first = _identifiers(Scene(scene.prose, last.response, scene.wanted or scene.chance(0.5)))
    parts = [
        {"id": "muldimif:identifiers", "kwargs": dict(first.kwargs)},
        {"id": second, "kwargs": dict(last.kwargs)},
    ]
    return Drawn({"parts": parts}, first.response)


DRAWERS: Mapping[str, Drawer] = {
    "muldimif:keywords": _keywords, "muldimif:identifiers": _identifiers,
    "muldimif:no_lists": _no_lists, "muldimif:punctuation": _ending,
    "muldimif:no_marks": _no_marks, "muldimif:markdown": _markdown,
    "muldimif:marked_lines": _marked_lines, "muldimif:table": _table, "muldimif:json": _json,
    "muldimif:xml": _xml, "muldimif:english": _english, "muldimif:chinese": _chinese,
    "muldimif:words": _words, "muldimif:sentences": _sentences,
    "muldimif:paragraphs": _paragraphs, "muldimif:all": _all,
}  # fmt: skip
