"""How the simulated model traces: it works through the prompts of tracing and of the baselines.

In: the text of a turn, and nothing else. Out: one JSON action. It takes the words that the right
answer stands on from the messages it is shown, has them followed one message after the other,
keeps what came of each in its notes, and blames the place where the earliest of them ended. It
reads only what the prompt itself says at the beginning of a line; quoted text is where it looks for
words, never what it does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lmcommon.llm.types import ChatRequest
from memtrace.testing.rules import Rule, content_words

__all__ = ["exploring_rules"]

_TASK = "You find out which operation of a memory system is to blame"
_QUOTED = r'"(?P<{}>(?:[^"\\]|\\.)*)"'
_FIELD = re.compile(r"^(question|right answer|answer given by (o\d+)): " + _QUOTED.format("text"))
_START = re.compile(r"^  (?P<handle>v\d+) " + _QUOTED.format("name") + " " + _QUOTED.format("text"))
_TEXT = re.compile(r"^  " + _QUOTED.format("text"))
_STEP = re.compile(r"^  (carried by|not passed on by) (o\d+) " + _QUOTED.format("kind"))
_READ = re.compile(r" read (v\d+)$")
_PATH_OP = re.compile(r"(o\d+) " + _QUOTED.format("kind") + " " + _QUOTED.format("name"))
_NOTE = re.compile(r"^- [a-z]+ .*; note " + _QUOTED.format("note"))
_BLOCK = re.compile(r"^(o\d+) " + _QUOTED.format("kind") + " " + _QUOTED.format("name"))
_VALUE = re.compile(r"^  (in|out)(?: [^:]*)?: .*?" + _QUOTED.format("text") + r"[^\"]*$")
_GREPPED = re.compile(
    r"^(o\d+) " + _QUOTED.format("kind") + " " + _QUOTED.format("name") + r".*? (in|out): \""
)
_TIME = re.compile(r"^\[[^\]]*\]\s*")
_SPEAKER = re.compile(r"^[^\s:]+(?: [^\s:]+)?:\s+")
_TYPES = {
    "message": "extraction", "extraction": "extraction", "segmentation": "extraction",
    "chunking": "extraction", "ingest": "extraction", "deletion": "deletion",
    "retrieval": "retrieval", "rewrite": "retrieval", "rerank": "retrieval",
    "context": "retrieval", "answer": "response",
}  # fmt: skip


def exploring_rules() -> tuple[Rule, ...]:
    """Rules for the prompts of tracing, of flat-log search and of the whole-trace baseline.

    They come before the rule of the answer prompt, whose mark may stand in a quoted text.
    """
    return (
        Rule("tracing", lambda r: _asks(r, '{"action": "follow"'), _explore),
        Rule("flat_log", lambda r: _asks(r, '{"action": "grep"'), _grep),
        Rule("whole_trace", lambda r: _asks(r, "Below is the record of its run"), _at_once),
    )


def _asks(request: ChatRequest, mark: str) -> bool:
    system = request.messages[0].content
    return system.startswith(_TASK) and mark in system


@dataclass(frozen=True, slots=True)
class _Turn:
    """What a turn shows."""

    lines: tuple[str, ...]

    @classmethod
    def of(cls, request: ChatRequest) -> _Turn:
        return cls(tuple(request.messages[-1].content.split("\n")))

    def field(self, name: str) -> str | None:
        """The quoted text of a line `name: "..."`; None if it is not told."""
        for line in self.lines:
            found = _FIELD.match(line)
            if found is not None and found[1].startswith(name):
                return _plain(found["text"])
        return None

    @property
    def maker(self) -> str:
        """Handle of the operation that answered."""
        found = (_FIELD.match(line) for line in self.lines)
        return next((match[2] for match in found if match is not None and match[2]), "o1")

    @property
    def path(self) -> list[tuple[str, str]]:
        """Handle and kind of the operations that served the question."""
        line = next((one for one in self.lines if one.startswith("served the question: ")), "")
        return [(match[1], match["kind"]) for match in _PATH_OP.finditer(line)]

    @property
    def notes(self) -> list[str]:
        """The model's own notes, in order."""
        found = (_NOTE.match(line) for line in self.lines)
        return [_plain(match["note"]) for match in found if match is not None]

    @property
    def result(self) -> Sequence[str]:
        """The lines of the last result."""
        mark = "result of the last action:"
        return self.lines[self.lines.index(mark) + 1 :] if mark in self.lines else ()


def _plain(quoted: str) -> str:
    text: str = json.loads(f'"{quoted}"')
    return text


def _explore(request: ChatRequest) -> str:
    """One turn of tracing."""
    turn = _Turn.of(request)
    if turn.field("right answer") is None and any(
        line.startswith("right answer: none") for line in turn.lines
    ):
        return _verdict(turn.maker, "response", "it answered what the messages do not tell")
    wanted = list(_wanted(turn))
    found = [note.removeprefix("came of it: ") for note in turn.notes]
    if turn.result and turn.result[0].startswith("course of "):
        found.append(_outcome(turn, wanted[len(found)][0]) if len(found) < len(wanted) else "")
    if len(found) < len(wanted) and "this is your last turn" not in turn.lines[-1]:
        handle, pattern = wanted[len(found)]
        action = {"action": "follow", "targets": [handle], "pattern": pattern}
        if found:
            action["note"] = f"came of it: {found[-1]}"
        return json.dumps(action)
    return _blamed(turn, found)


def _outcome(turn: _Turn, start: str) -> str:
    """What came of the words that were followed: an operation and an error type, or `reached`."""
    carried: list[tuple[str, str]] = []
    lost: list[tuple[str, str, str]] = []
    passing: set[str] = set()  # what was merely shown to later writes: they need not keep it
    path = dict(turn.path)
    rests = False
    for line in turn.result:
        if line.startswith("  reaches "):
            return "reached"
        rests = rests or line.startswith("  rests in ")
        if (step := _STEP.match(line)) is None:
            continue
        if step[1] == "carried by":
            carried.append((step[2], step["kind"]))
            if step["kind"] == "retrieval" and step[2] not in path:
                passing.add(line.split()[-1])
        else:
            read = _READ.search(line)
            lost.append((step[2], step["kind"], "" if read is None else read[1]))
    lost = [one for one in lost if one[2] not in passing] or lost
    for handle, kind, _ in reversed(lost):
        if handle in path:
            return f"{handle} {_TYPES.get(kind, 'retrieval')}"
    if rests:
        handle = next((one for one, kind in turn.path if kind == "retrieval"), turn.maker)
        return f"{handle} retrieval"
    was_written = any(kind != "retrieval" for _, kind in carried)
    mine = [one for one in lost if one[2] == start]
    chosen = lost[-1:] if was_written else (mine or lost)[:1]
    if not chosen:
        return "unread"
    handle, kind, _ = chosen[0]
    is_gone = any(line.startswith("  out ") and line.endswith(" DELETED") for line in turn.result)
    return f"{handle} {'deletion' if is_gone else _TYPES.get(kind, 'update')}"


def _blamed(turn: _Turn, found: Sequence[str]) -> str:
    """The verdict: the earliest place where something ended."""
    ends = [one.split() for one in found if one.startswith("o") and " " in one]
    if ends:
        handle, error_type = min(ends, key=lambda end: int(end[0][1:]))
        return _verdict(handle, error_type, "the words that the answer stands on end there")
    if "unread" in found:
        return _verdict(None, "extraction", "nothing read the message that says it")
    return _verdict(turn.maker, "response", "it was given the words and did not say them")


def _verdict(handle: str | None, error_type: str, reason: str) -> str:
    return json.dumps({
        "action": "finish", "operation": handle, "error_type": error_type, "confidence": 0.6,
        "reason": reason,
    })  # fmt: skip


def _wanted(turn: _Turn) -> Iterator[tuple[str, str]]:
    """Messages to follow, each with a pattern of the words in it that matter."""
    starts = [match for line in turn.lines if (match := _START.match(line)) is not None]
    gold, question = turn.field("right answer"), turn.field("question") or ""
    is_told = "messages said to hold the right answer:" in turn.lines
    texts = {match["handle"]: _plain(match["text"]) for match in starts}
    with_gold = [handle for handle, text in texts.items() if gold and _has(text, gold)]
    if is_told:
        chosen = list(texts)
    elif with_gold:
        asked = content_words(question)
        chosen = sorted(with_gold, key=lambda h: -len(asked & content_words(texts[h])))[:1]
    else:
        chosen = list(texts)[:1]
    for handle in chosen:
        yield handle, _pattern(texts[handle], gold if handle in with_gold else None, question)


def _pattern(text: str, gold: str | None, question: str) -> str:
    """Who said it, and the words that matter: the right answer, or the most telling ones."""
    speaker = _SPEAKER.match(_TIME.sub("", text))
    about = "" if speaker is None else rf"\b{re.escape(speaker.group().rstrip(': '))}\b.*"
    return (about + (re.escape(gold) if gold else _phrase(text, question)))[:160]


def _has(text: str, words: str) -> bool:
    return re.search(rf"\b{re.escape(words)}\b", text, re.IGNORECASE) is not None


def _phrase(text: str, question: str) -> str:
    """The most telling words of a message: the end of the sentence most like the question."""
    said = _SPEAKER.sub("", _TIME.sub("", text), count=1)
    sentences = [one for one in re.split(r"(?<=[.!?])\s+|\n+", said) if one.split()]
    asked = content_words(question)
    like = max(sentences, key=lambda one: len(asked & content_words(one)), default=said)
    return re.escape(" ".join(like.rstrip(".!?").split()[-6:]))[:150] or "."


def _grep(request: ChatRequest) -> str:
    """One turn of the flat log: grep the words of one text after the other."""
    turn = _Turn.of(request)
    patterns = _patterns(turn)
    notes = turn.notes
    if not notes:  # the overview: remember the search that served the question
        blocks = [match for line in turn.result if (match := _BLOCK.match(line)) is not None]
        search = next((b[1] for b in reversed(blocks) if b["kind"] == "retrieval"), turn.maker)
        found: list[str] = [f"search {search}"]
    else:
        sides: dict[str, dict[str, str]] = {}
        for line in turn.result:
            if (match := _GREPPED.match(line)) is not None:
                sides.setdefault(match[1], {})[match[4]] = match["kind"]
        search = notes[0].removeprefix("search ")
        found = [*notes, _where(sides, turn.maker, search)]
    place = len(found) - 1
    if place < len(patterns) and "this is your last turn" not in turn.lines[-1]:
        return json.dumps({"action": "grep", "pattern": patterns[place], "note": found[-1]})
    return _blamed(turn, found[1:])


def _at_once(request: ChatRequest) -> str:
    """The whole trace: the same for all texts in one go."""
    turn = _Turn.of(request)
    question = turn.field("question") or ""
    patterns = [re.compile(pattern, re.IGNORECASE) for pattern in _patterns(turn)]
    sides: list[dict[str, dict[str, str]]] = [{} for _ in patterns]
    handle = kind = search = ""
    for line in turn.lines:
        if (block := _BLOCK.match(line)) is not None:
            handle, kind = block[1], block["kind"]
        value = _VALUE.match(line)
        if value is None or not handle:
            continue
        text = _plain(value["text"])
        if kind == "retrieval" and question in text:
            search = search or handle
        for number, pattern in enumerate(patterns):
            if pattern.search(text) is not None:
                sides[number].setdefault(handle, {})[value[1]] = kind
    ends = [_where(one, turn.maker, search or turn.maker) for one in sides]
    reply = json.loads(_blamed(turn, ends))
    del reply["action"]
    return json.dumps(reply)


def _patterns(turn: _Turn) -> list[str]:
    """What to look for, from the texts that may matter."""
    gold, question = turn.field("right answer"), turn.field("question") or ""
    texts = [_plain(m["text"]) for line in turn.lines if (m := _TEXT.match(line)) is not None]
    holding = [text for text in texts if gold and _has(text, gold)]
    chosen = texts[:2] if len(texts) <= 2 else holding[:1] or texts[:1]
    return [_pattern(text, gold if text in holding else None, question) for text in chosen]


def _where(sides: dict[str, dict[str, str]], maker: str, search: str) -> str:
    """What came of words: the last operation that read them and did not pass them on."""
    if "in" in sides.get(maker, {}):
        return "reached"
    ends = [(handle, found["in"]) for handle, found in sides.items() if set(found) == {"in"}]
    if ends:
        return f"{ends[-1][0]} {_TYPES.get(ends[-1][1], 'update')}"
    return f"{search} retrieval" if sides else "unread"
