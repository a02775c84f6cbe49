"""Responses of many shapes: prose, lists, sections, tables, JSON, letters, dialogues.

In: a writer (`Prose`). Out: a response as a policy might give one, with openings and closings now
and then. What a criterion asks for is put in later (`rtt.labelling.kinds`); that many responses
carry titles, bullets or quotes that nobody asked for keeps form alone from telling the labels.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from rtt.labelling.prose import Prose

__all__ = ["SHAPES", "respond"]


def respond(prose: Prose, *, longest: int = 6) -> str:
    """A response of a shape drawn at random, plain prose in half of the cases.

    Args:
        prose: The writer.
        longest: Sentences at most, roughly.
    """
    random = prose.random
    shape = random.choice(sorted(SHAPES)) if random.random() < 0.5 else "paragraphs"
    text = SHAPES[shape](prose, random.randint(1, longest))
    if shape not in ("json", "xml", "csv"):
        if random.random() < 0.12:
            text = f"{prose.pick('openings')}\n\n{text}"
        if random.random() < 0.12:
            text = f"{text}\n\n{prose.pick('closings')}"
    return text


def _paragraphs(prose: Prose, sentences: int) -> str:
    lines = prose.sentences(sentences)
    if sentences < 3 or prose.random.random() < 0.5:
        return " ".join(lines)
    cut = prose.random.randint(1, sentences - 1)
    return " ".join(lines[:cut]) + "\n\n" + " ".join(lines[cut:])


def _bullets(prose: Prose, sentences: int) -> str:
    mark = prose.random.choice("*-")
    items = [_item(prose) for _ in range(max(sentences, 2))]
    lines = "\n".join(f"{mark} {item}" for item in items)
    return f"{prose.sentence()}\n{lines}" if prose.random.random() < 0.5 else lines


def _numbered(prose: Prose, sentences: int) -> str:
    return "\n".join(f"{at}. {_item(prose)}" for at in range(1, max(sentences, 2) + 1))


def _item(prose: Prose) -> str:
    return prose.random.choice((prose.sentence, prose.phrase))()


def _headed(prose: Prose, sentences: int) -> str:
    level = prose.random.randint(1, 3)
    parts = [
        f"{'#' * level} {prose.title()}\n{prose.paragraph(1)}" for _ in range(1 + sentences // 3)
    ]
    return "\n\n".join(parts)


def _sections(prose: Prose, sentences: int) -> str:
    name = prose.random.choice(("Section", "SECTION", "Part", "Day"))
    return "\n".join(
        f"{name} {at}\n{prose.paragraph(1)}" for at in range(1, 2 + max(sentences // 2, 1))
    )


def _titled(prose: Prose, sentences: int) -> str:
    return f"<<{prose.title()}>>\n\n{prose.paragraph(sentences)}"


def _letter(prose: Prose, sentences: int) -> str:
    name, friend = prose.fill("{name}"), prose.fill("{name}")
    end = f"\n\nP.S. {prose.sentence()}" if prose.random.random() < 0.5 else ""
    return f"Dear {friend},\n\n{prose.paragraph(sentences)}\n\nYours, {name}{end}"


def _quoted(prose: Prose, sentences: int) -> str:
    return f'"{prose.paragraph(sentences)}"'


def _dialogue(prose: Prose, sentences: int) -> str:
    names = [prose.fill("{name}"), prose.fill("{name}")]
    lines = [
        f'{names[at % 2]}: "{one}"' for at, one in enumerate(prose.sentences(max(sentences, 2)))
    ]
    return "\n".join(lines)


def _marked(prose: Prose, sentences: int) -> str:
    lines = prose.sentences(sentences)
    at = prose.random.randrange(len(lines))
    mark = prose.random.choice(("*", "**"))
    lines[at] = f"{mark}{lines[at]}{mark}"
    return " ".join(lines)


def _table(prose: Prose, sentences: int) -> str:
    columns = prose.random.randint(2, 4)
    head = [prose.word("nouns").capitalize() for _ in range(columns)]
    rows = [[prose.any_word() for _ in range(columns)] for _ in range(max(sentences // 2, 2))]
    lines = [head, ["---"] * columns, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _json(prose: Prose, sentences: int) -> str:
    value = {prose.word("nouns"): prose.sentence() for _ in range(max(sentences // 2, 1))}
    text = json.dumps(value, indent=prose.random.choice((None, 2)))
    return f"```json\n{text}\n```" if prose.random.random() < 0.3 else text


def _xml(prose: Prose, sentences: int) -> str:
    lines = [
        f'<{prose.word("nouns", topic="any")} id="{at}">{prose.phrase()}</item>'
        for at in range(1, 2 + sentences // 2)
    ]
    return "\n".join(lines)


def _capitals(prose: Prose, sentences: int) -> str:
    return prose.paragraph(sentences).upper()


def _small(prose: Prose, sentences: int) -> str:
    return prose.paragraph(sentences).lower()


def _divided(prose: Prose, sentences: int) -> str:
    mark = prose.random.choice(("\n***\n", "\n\n******\n\n", "\n\n---\n\n"))
    return mark.join(prose.sentences(max(2, sentences // 2)))


def _placeholders(prose: Prose, sentences: int) -> str:
    return f"Dear [name], {prose.paragraph(sentences)} [{prose.word('nouns')}]"


SHAPES: Mapping[str, Callable[[Prose, int], str]] = {
    "paragraphs": _paragraphs, "bullets": _bullets, "numbered": _numbered, "headed": _headed,
    "sections": _sections, "titled": _titled, "letter": _letter, "quoted": _quoted,
    "dialogue": _dialogue, "marked": _marked, "table": _table, "json": _json, "xml": _xml,
    "capitals": _capitals, "small": _small, "divided": _divided, "placeholders": _placeholders,
}  # fmt: skip
"""A writer and a number of sentences to a text."""
