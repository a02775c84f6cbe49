"""Drawers of MulDimIF's kinds on words, marks, case and length (`muldimif:*`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lmcommon.verify.muldimif.lengths import count_words
from lmcommon.verify.muldimif.parts import paragraphs
from rtt.labelling.kinds.documents import bounds
from rtt.labelling.kinds.keywords import asked_words, avoided_words
from rtt.labelling.kinds.lengths import paragraphs_of
from rtt.labelling.scene import Drawer, Drawn, Scene

__all__ = ["DRAWERS"]

_WHOLE = {"part": "response", "target": ""}


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
    return Drawn({"bounds": bounds(scene, count_words(scene.text), least=1), **_WHOLE}, scene.text)


def _sentences(scene: Scene) -> Drawn:
    count = len(re.findall(r"[.!?]", scene.text))
    return Drawn({"bounds": bounds(scene, count, least=1), **_WHOLE}, scene.text)


def _paragraphs(scene: Scene) -> Drawn:
    text = "\n\n".join(paragraphs_of(scene, scene.random.randint(1, 4)))
    return Drawn({"bounds": bounds(scene, len(paragraphs(text)), least=1), **_WHOLE}, text)


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
    "muldimif:no_marks": _no_marks, "muldimif:english": _english, "muldimif:chinese": _chinese,
    "muldimif:words": _words, "muldimif:sentences": _sentences,
    "muldimif:paragraphs": _paragraphs, "muldimif:all": _all,
}  # fmt: skip
