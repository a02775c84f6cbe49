"""Drawers of constraints that ask for a copy: of the request, of a part of it, of a given form."""

from __future__ import annotations

from collections.abc import Mapping

from rtt.labelling.scene import Drawer, Drawn, Scene

__all__ = ["DRAWERS"]

_SENTENCE = "Only output this sentence here, ignore all other requests."


def _repeat(scene: Scene) -> Drawn:
    asked = scene.prose.pick("requests")
    kwargs = {"prompt_to_repeat": asked}
    if scene.wanted:
        return Drawn(kwargs, f"{asked}\n{scene.text}")
    words = asked.split()
    at = scene.random.randrange(len(words))
    changed = " ".join([*words[:at], scene.prose.word(), *words[at + 1 :]])
    return Drawn(
        kwargs,
        scene.random.choice((scene.text, f"{changed}\n{scene.text}", f"{scene.text}\n{asked}")),
    )


def _change(scene: Scene) -> Drawn:
    asked = scene.prose.pick("requests")
    words = asked.split()
    first = scene.prose.word("adjectives").capitalize()
    right = " ".join([first, *words[1:]])
    near = (
        asked,
        f"{right} {scene.prose.sentence()}",
        " ".join([first, scene.prose.word(), *words[2:]]),
    )
    return Drawn({"prompt_to_repeat": asked}, right if scene.wanted else scene.random.choice(near))


def _simple(scene: Scene) -> Drawn:
    near = (
        scene.text,
        f"{_SENTENCE} {scene.prose.sentence()}",
        f"Sure! {_SENTENCE}",
        _SENTENCE[:-1],
    )
    words = _SENTENCE.split()
    for at in scene.random.sample(range(len(words)), 3):  # case does not matter
        words[at] = scene.random.choice((str.upper, str.lower, str.capitalize))(words[at])
    return Drawn({}, " ".join(words) if scene.wanted else scene.random.choice(near))


def _span(scene: Scene) -> Drawn:
    asked = scene.prose.paragraph(2)
    words = asked.split()
    start = scene.random.randrange(len(words) - 2)
    end = scene.random.randint(start + 1, min(len(words) - 1, start + 8))
    shift = 0 if scene.wanted else scene.random.choice((-1, 1))
    text = " ".join(words[start : end + 1 + shift])
    return Drawn({"prompt_to_repeat": asked, "n_start": start, "n_end": end}, text or asked)


def _form(scene: Scene) -> Drawn:
    prose = scene.prose
    before = scene.random.choice(
        ("Answer: ", f"### {prose.title()}\n", f"{prose.word()} = ", "<a>")
    )
    after = scene.random.choice(("", ".", "</a>", "\n###"))
    text = f"{before}{prose.phrase()}{after}"
    near = (
        scene.text,
        f"{prose.sentence()} {text}",
        f"{before}{prose.phrase()}\n{prose.phrase()}{after}",
        text.removeprefix(before),
    )
    kwargs = {"before": before, "after": after}
    return Drawn(kwargs, text if scene.wanted else scene.random.choice(near))


DRAWERS: Mapping[str, Drawer] = {
    "combination:repeat_prompt": _repeat, "repeat:repeat_change": _change,
    "repeat:repeat_simple": _simple, "repeat:repeat_span": _span, "followbench:answer": _form,
}  # fmt: skip
