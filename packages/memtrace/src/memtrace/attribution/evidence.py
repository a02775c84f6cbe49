"""Finding the witnesses: the messages of a trace in which the right answer was said.

With evidence ids, the messages so named (turns, or whole sessions); without, the messages behind
the answer that hold the gold answer and share words with the question.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from memtrace.attribution.facts import Witness
from memtrace.attribution.matching import content_words, normal_words
from memtrace.attribution.reader import TraceReader
from memtrace.types import Slice, Variable

__all__ = ["find_witnesses", "named_witnesses"]

_GUESSES = 3


def named_witnesses(
    reader: TraceReader, evidence: Sequence[str], back: Slice, gold: str | None
) -> tuple[list[Witness], list[str]]:
    """The messages that evidence ids name, and the ids that name nothing.

    A message the answer depends on wins over one of the same name elsewhere in the trace. Of a
    session, the turns that hold the gold answer are taken, else those most like it.
    """
    upstream = frozenset(back.variables)
    found: dict[str, Witness] = {}
    missing: list[str] = []
    for name in dict.fromkeys(evidence):
        turns = _preferred(reader.messages(name), upstream)
        if not turns:
            session = _preferred(reader.messages_of_session(name), upstream)
            turns = _likeliest(reader, session, content_words(gold or ""))
        if not turns:
            missing.append(name)
        found |= {turn.id: _witness(reader, turn) for turn in turns}
    return list(found.values()), missing


def find_witnesses(
    reader: TraceReader, gold: str, question: str, back: Slice, until_seq: int
) -> list[Witness]:
    """Guess the witnesses without evidence: who says the gold answer about the question's words."""
    phrase, subject = " ".join(normal_words(gold)), content_words(question)
    scored: list[tuple[int, int, Witness]] = []
    for identifier in back.variables:
        variable = reader.variable(identifier)
        if variable.kind != "message" or variable.seq > until_seq:
            continue
        if reader.passage(identifier).find(phrase) is None:
            continue
        witness = _witness(reader, variable)
        shared = len(subject & content_words(witness.text))
        scored.append((-shared, -variable.seq, witness))
    scored.sort(key=lambda entry: entry[:2])
    best = scored[0][0] if scored else 0
    return [witness for shared, _, witness in scored[:_GUESSES] if shared == best and shared < 0]


def _preferred(variables: Sequence[Variable], upstream: frozenset[str]) -> list[Variable]:
    """Those behind the answer; else the last of the name that was recorded."""
    inside = [variable for variable in variables if variable.id in upstream]
    return inside or list(variables)[-1:]


def _likeliest(
    reader: TraceReader, turns: Iterable[Variable], wanted: frozenset[str]
) -> list[Variable]:
    shared = {turn.id: len(wanted & content_words(reader.text(turn.id))) for turn in turns}
    most = max(shared.values(), default=0)
    best = [identifier for identifier, count in shared.items() if count == most > 0]
    return [reader.variable(identifier) for identifier in best[:_GUESSES]]


def _witness(reader: TraceReader, variable: Variable) -> Witness:
    return Witness(variable.id, variable.name or variable.id, reader.text(variable.id))
