"""Drawers of IFEval's formats: bullets, highlights, sections, titles, ends, quotes, commas."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from rtt.labelling.scene import Drawer, Drawn, Scene, sentence_texts

__all__ = ["DRAWERS"]

_ANSWERS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_FALSE_ANSWERS = ("My answer is perhaps.", "The answer is yes.", "I would say no.", "Maybe.")


def _bullets(scene: Scene) -> Drawn:
    number, mark = scene.random.randint(2, 6), scene.random.choice("*-")
    lines = [f"{mark} {scene.prose.phrase()}" for _ in range(number)]
    plain = [line for line in scene.text.split("\n") if not re.match(r"\s*[*-]", line)]
    if plain and scene.chance(0.6):
        lines.insert(0, plain[0])
    text = "\n".join(lines)
    return Drawn({"num_bullets": scene.near(number)}, text)


def _highlights(scene: Scene) -> Drawn:
    lines = re.sub(r"\*", "", scene.text).split(" ")
    number = scene.random.randint(0 if not scene.wanted else 1, 3)
    for at in scene.random.sample(range(len(lines)), min(number, len(lines))):
        if lines[at].strip() and "\n" not in lines[at]:
            lines[at] = f"*{lines[at]}*"
    text = " ".join(lines)
    found = len(re.findall(r"\*[^\n*]+\*", text))
    return Drawn({"num_highlights": scene.at_least(found)}, text)


def _sections(scene: Scene) -> Drawn:
    name = scene.random.choice(("Section", "SECTION", "Part", "Day", "Chapter"))
    number = scene.random.randint(1, 4)
    text = "\n".join(f"{name} {at}\n{scene.prose.sentence()}" for at in range(1, number + 1))
    if scene.chance(0.15):
        text, number = scene.text, len(re.findall(rf"{name}\s?\d+", scene.text))
    return Drawn({"section_spliter": name, "num_sections": scene.at_least(number)}, text)


def _json(scene: Scene) -> Drawn:
    lines = [line for line in scene.text.split("\n") if line.strip()][:3]
    value = {scene.prose.word("nouns"): line for line in lines}
    text = json.dumps(value, indent=scene.random.choice((None, 1, 2)), ensure_ascii=False)
    if scene.chance(0.3):
        text = f"```json\n{text}\n```"
    if scene.wanted:
        return Drawn({}, text)
    broken = (
        scene.text, text.replace('"', "'", 2), text.replace(":", "", 1), text.replace("}", ""),
        f"Here it is:\n{text}", f"{text}\n{scene.prose.sentence()}",
    )  # fmt: skip
    return Drawn({}, scene.random.choice(broken))


def _title(scene: Scene) -> Drawn:
    text, title = re.sub(r"<<|>>", "", scene.text), scene.prose.title()
    if scene.wanted:
        title = f"<<{title}>>"
        return Drawn({}, f"{title}\n\n{text}" if scene.chance(0.8) else f"{text}\n{title}")
    near = (
        text,
        f"<{title}>\n{text}",
        f"# {title}\n{text}",
        f"<<>>\n{text}",
        f"**{title}**\n{text}",
    )
    return Drawn({}, scene.random.choice(near))


def _choice(scene: Scene) -> Drawn:
    answer = scene.random.choice(_ANSWERS if scene.wanted else _FALSE_ANSWERS)
    if scene.chance(0.3):
        return Drawn({}, answer)
    return Drawn({}, scene.with_line(answer))


def _placeholders(scene: Scene) -> Drawn:
    number = scene.random.randint(0 if not scene.wanted else 1, 4)
    text = scene.text
    for _ in range(number):
        text = Scene(scene.prose, text, True).with_word(f"[{scene.prose.word('nouns')}]")
    found = len(re.findall(r"\[.*?\]", text))
    return Drawn({"num_placeholders": scene.at_least(found)}, text)


def _postscript(scene: Scene) -> Drawn:
    marker = scene.random.choice(("P.S.", "P.P.S"))
    line = scene.prose.sentence()
    text = re.sub(r"(?i)p\.\s?(?:p\.\s?)?s\.?", "", scene.text)
    if scene.wanted:
        return Drawn({"postscript_marker": marker}, f"{text}\n\n{marker} {line}")
    near = (text, f"{text}\n\n{line}", f"{text}\n\nNote: {line}", f"{text}\n\nPS {line}")
    return Drawn({"postscript_marker": marker}, scene.random.choice(near))


def _two(scene: Scene) -> Drawn:
    first, second = scene.text.replace("******", ""), scene.prose.paragraph(2)
    if scene.wanted:
        return Drawn({}, f"{first}\n******\n{second}")
    near = (
        first, f"{first}\n***\n{second}", f"{first}\n******\n{first}", f"{first}\n******\n",
        f"{first}\n******\n{second}\n******\n{scene.prose.sentence()}",
    )  # fmt: skip
    return Drawn({}, scene.random.choice(near))


def _ending(scene: Scene) -> Drawn:
    last = (sentence_texts(scene.text) or [scene.text])[-1].split()[-scene.random.randint(2, 8) :]
    asked = " ".join(last) if scene.chance(0.3) else scene.prose.pick("closings")
    text = scene.text
    if scene.wanted and not text.rstrip().endswith(asked):
        text = f"{text} {asked}"
    elif not scene.wanted and scene.chance(0.4):
        text = f"{asked} {text}"
    if not scene.wanted and text.rstrip().endswith(asked):
        text = f"{text} {scene.prose.sentence()}"
    return Drawn({"end_phrase": asked}, text)


def _quotation(scene: Scene) -> Drawn:
    text = scene.text.strip().strip('"')
    if scene.wanted:
        return Drawn({}, f'"{text}"')
    near = (text, f'"{text}', f'{text}"', f"'{text}'", f'"{scene.prose.phrase()}" {text}')
    return Drawn({}, scene.random.choice(near))


def _no_comma(scene: Scene) -> Drawn:
    text = scene.text.replace(",", "")
    if not scene.wanted:
        text = scene.text if "," in scene.text and scene.chance(0.7) else text.replace(" ", ", ", 1)
    return Drawn({}, text)


DRAWERS: Mapping[str, Drawer] = {
    "detectable_format:number_bullet_lists": _bullets,
    "detectable_format:number_highlighted_sections": _highlights,
    "detectable_format:multiple_sections": _sections,
    "detectable_format:json_format": _json,
    "detectable_format:title": _title,
    "detectable_format:constrained_response": _choice,
    "detectable_content:number_placeholders": _placeholders,
    "detectable_content:postscript": _postscript,
    "combination:two_responses": _two,
    "startend:end_checker": _ending,
    "startend:quotation": _quotation,
    "punctuation:no_comma": _no_comma,
}
