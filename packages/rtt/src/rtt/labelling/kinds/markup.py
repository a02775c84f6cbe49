"""Drawers of IFBench's formats: indents, lists, brackets, quotes, emoji, capitals."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping

from rtt.labelling.prose import bank
from rtt.labelling.scene import Drawer, Drawn, Scene, sentence_texts

__all__ = ["DRAWERS"]

_PARTS = ("My Answer:", "My Conclusion:", "Future Outlook:")
_MARKS = ("...", "!?!?", "SEPARATOR", "-", "~", "#", ">>", "1.", "***", "+")
_PAIRS = (("(", ")"), ("[", "]"), ("{", "}"))


def _indent(scene: Scene) -> Drawn:
    number = scene.random.randint(2, 5)
    depth, lines = 0, []
    for _ in range(number):
        lines.append(" " * depth + scene.prose.phrase())
        depth += scene.random.randint(1, 3)
    if not scene.wanted:
        at = scene.random.randrange(1, number)
        lines[at] = lines[at].lstrip()
    return Drawn({}, "\n".join(lines))


def _list(scene: Scene) -> Drawn:
    mark = scene.random.choice(_MARKS)
    if scene.wanted:
        return Drawn(
            {"sep": mark},
            "\n".join(f"{mark} {scene.prose.phrase()}" for _ in range(scene.random.randint(2, 5))),
        )
    other = scene.random.choice([one for one in _MARKS if mark not in one and one not in mark])
    text = "\n".join(f"{other} {scene.prose.phrase()}" for _ in range(3))
    return Drawn({"sep": mark}, scene.random.choice((text, f"{mark} {text}")))


def _newline(scene: Scene) -> Drawn:
    words = re.sub(r"[^\w\s]", "", scene.prose.paragraph(1)).split()
    gaps = ["\n"] * len(words)
    if not scene.wanted:
        if scene.chance(0.3):
            return Drawn({}, scene.text)
        for at in scene.random.sample(
            range(len(words)), min(len(words) - 1, scene.random.randint(1, 3))
        ):
            gaps[at] = " "
    return Drawn({}, "".join(word + gap for word, gap in zip(words, gaps, strict=True)).strip())


def _prose_then_bullets(scene: Scene) -> Drawn:
    lines = [scene.prose.pick("statements") for _ in range(2)]
    bullets = [f"* {scene.prose.phrase()}" for _ in range(scene.random.randint(2, 4))]
    if scene.wanted:
        return Drawn({}, "\n".join([" ".join(lines), *bullets]))
    near = (
        bullets,
        [lines[0], *bullets],
        [*bullets, *lines],
        [*lines, bullets[0]],
        [*lines, *bullets, lines[0]],
    )
    return Drawn({}, "\n".join(scene.random.choice(near)))


def _sub_bullets(scene: Scene) -> Drawn:
    lines = []
    number = scene.random.randint(2, 4)
    bad = (
        set()
        if scene.wanted
        else set(scene.random.sample(range(number), scene.random.randint(1, number)))
    )
    for at in range(number):
        lines.append(f"* {scene.prose.phrase()}")
        if at not in bad:
            lines += [f"  - {scene.prose.phrase()}" for _ in range(scene.random.randint(1, 2))]
    return Drawn({}, "\n".join(lines))


def _thesis(scene: Scene) -> Drawn:
    line, tag = scene.prose.pick("statements"), scene.random.choice(("i", "em"))
    text = scene.text.replace("<i>", "").replace("<em>", "")
    if scene.wanted:
        return Drawn(
            {},
            f"<{tag}>{line}</{tag}> {text}"
            if scene.chance(0.7)
            else f"{scene.prose.sentence()} <{tag}>{line}</{tag}>\n{text}",
        )
    near = (
        f"{line} {text}",
        f"*{line}* {text}",
        f"<b>{line}</b> {text}",
        f"<{tag}>{line} {text}",
        f"<i>{text}</i>",
    )
    return Drawn({}, scene.random.choice(near))


def _options(scene: Scene) -> Drawn:
    options = scene.absent(scene.random.randint(2, 4))
    if any("or" in option for option in options):
        options = [option.replace("or", "er") for option in options]
    answer = scene.random.choice(options)
    if scene.chance(0.4):
        answer = f"{answer.capitalize()}."
    if not scene.wanted:
        answer = scene.random.choice(
            (f"I would choose {answer}", scene.prose.any_word(), scene.text)
        )
    return Drawn({"options": "/".join(options)}, answer)


def _template(scene: Scene) -> Drawn:
    labels = list(_PARTS)
    if not scene.wanted:
        at = scene.random.randrange(3)
        labels[at] = scene.random.choice(("Answer:", labels[at].lower(), "Conclusion:", ""))
    return Drawn({}, "\n".join(f"{label} {scene.prose.sentence()}".strip() for label in labels))


def _brackets(scene: Scene) -> Drawn:
    depth = scene.random.randint(5, 6) if scene.wanted else scene.random.randint(1, 4)
    inner = scene.prose.word()
    for _ in range(depth):
        left, right = scene.random.choice(_PAIRS)
        inner = f"{left}{scene.prose.word()} {inner}{right}"
    return Drawn({}, scene.with_word(inner))


def _nested_quotes(scene: Scene) -> Drawn:
    prose = scene.prose
    text = re.sub(r"[\"']", "", scene.text)
    inner = f'"{prose.phrase()}"'
    if scene.wanted:
        inside = f"\"{prose.phrase()} '{prose.phrase()} {inner} {prose.word()}' {prose.word()}\""
    else:
        near = (inner, f"\"{prose.word()} '{prose.phrase()}'\"", prose.phrase())
        inside = scene.random.choice(near)
    return Drawn({}, Scene(prose, text, True).with_word(inside))


def _quote_unquote(scene: Scene) -> Drawn:
    prose, text = scene.prose, scene.text.replace('"', "")
    phrase = f'"{prose.phrase()}"'
    if scene.wanted:
        return Drawn({}, f"{text} {phrase} means {prose.phrase()}.")
    return Drawn(
        {}, scene.random.choice((f"{text} {phrase}", f'{phrase} "{prose.phrase()}" {text}'))
    )


def _no_whitespace(scene: Scene) -> Drawn:
    words = (sentence_texts(scene.text) or [scene.text])[0].split()[:12]
    gaps = [""] * len(words)
    if not scene.wanted:
        if scene.chance(0.3):
            return Drawn({}, scene.text)
        for at in scene.random.sample(
            range(len(words)), min(len(words), scene.random.randint(1, 3))
        ):
            gaps[at] = " "
    text = "".join(gap + word.capitalize() for word, gap in zip(words, gaps, strict=True))
    return Drawn({}, text.strip() if scene.wanted else f"The {text}")


def _title_case(scene: Scene) -> Drawn:
    text = re.sub(r"(?<![\w'])[a-z]|(?<=\W')[a-z]", lambda match: match.group().upper(), scene.text)
    if scene.wanted:
        return Drawn({}, string.capwords(scene.prose.phrase()) + ". " + text)
    words = text.split(" ")
    for at in scene.random.sample(range(len(words)), min(len(words), scene.random.randint(1, 4))):
        words[at] = words[at].lower()
    return Drawn({}, scene.text if scene.chance(0.3) else " ".join(words))


def _emoji(scene: Scene) -> Drawn:
    lines = [line.rstrip(".!?") for line in scene.prose.sentences(scene.random.randint(1, 4))]
    marks = [f" {scene.random.choice(bank()['emoji'])}." for _ in lines]
    if not scene.wanted:
        for at in scene.random.sample(range(len(lines)), scene.random.randint(1, len(lines))):
            marks[at] = "."
    return Drawn({}, " ".join(line + mark for line, mark in zip(lines, marks, strict=True)))


DRAWERS: Mapping[str, Drawer] = {
    "format:line_indent": _indent, "format:list": _list, "format:newline": _newline,
    "format:no_bullets_bullets": _prose_then_bullets, "format:sub-bullets": _sub_bullets,
    "format:thesis": _thesis, "format:options": _options, "format:output_template": _template,
    "format:parentheses": _brackets, "format:quotes": _nested_quotes,
    "format:quote_unquote": _quote_unquote, "format:no_whitespace": _no_whitespace,
    "format:title_case": _title_case, "format:emoji": _emoji,
}  # fmt: skip
