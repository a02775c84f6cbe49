"""Finding the witnesses: the messages of a trace in which the right answer was said.

With evidence ids, the messages so named (turns, or whole sessions); without, the messages behind
the answer that hold the gold answer and share words with the question.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from memtrace.attribution.facts import CriticalFact, Witness
from memtrace.attribution.matching import content_words, normal_words
from memtrace.attribution.naming import speaker_of, spoken_words
from memtrace.attribution.reader import TraceReader
from memtrace.execution.replies import place_of
from memtrace.types import Slice, Variable

__all__ = ["find_witnesses", "likely_witnesses", "named_witnesses", "restatements"]

_GUESSES = 3
_LIVE = 1
_SAME = 0.8
"""Share of the witness's content words in a turn of the same speaker that says it once more."""


def named_witnesses(
    reader: TraceReader, evidence: Sequence[str], back: Slice, gold: str | None,
    until_seq: int,
) -> tuple[list[Witness], list[str]]:  # fmt: skip
    """The messages that evidence ids name, and the ids that name nothing.

    A message the answer depends on wins over one of the same name elsewhere in the trace, which
    must be older than the answer (made at `until_seq`). Of a session, the turns that hold the gold
    answer are taken, else those most like it.
    """
    upstream = frozenset(back.variables)
    found: dict[str, Witness] = {}
    missing: list[str] = []
    for name in dict.fromkeys(evidence):
        turns = _preferred(reader.messages(name), upstream, until_seq)
        if not turns:
            session = _preferred(reader.messages_of_session(name), upstream, until_seq)
            turns = _likeliest(reader, session, content_words(gold or ""))
        if not turns:
            missing.append(name)
        found |= {turn.id: _witness(reader, turn) for turn in turns}
    return list(found.values()), missing


def find_witnesses(
    reader: TraceReader, gold: str, question: str, back: Slice, until_seq: int
) -> list[Witness]:
    """Guess the witnesses without evidence: who says the gold answer about the question's words.

    Those behind the answer come first; where the facts of a message never got that far, all that
    was put into the memory which was asked; of these the only one that says the gold answer counts
    also without the question's words.
    """
    found = _saying(reader, gold, question, back.variables, until_seq)
    if found:
        return found
    put_in = list(_put_in(reader, back))
    found = _saying(reader, gold, question, put_in, until_seq)
    if found:
        return found
    said = _saying(reader, gold, None, put_in, until_seq)
    return said if len(said) == 1 else []


def _saying(
    reader: TraceReader, gold: str, question: str | None, messages: Iterable[str], until_seq: int
) -> list[Witness]:
    """Messages that say the gold answer; with a question those that share most words with it."""
    phrase = " ".join(normal_words(gold))
    subject = frozenset[str]() if question is None else content_words(question)
    scored: list[tuple[int, int, Witness]] = []
    for identifier in messages:
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
    found = [witness for shared, _, witness in scored if shared == best]
    return found if question is None else found[:_GUESSES] if best < 0 else []


def _put_in(reader: TraceReader, back: Slice) -> Iterator[str]:
    """The messages that were added to the memories an answer comes from."""
    behind = (place_of(reader.operation(one)) for one in back.operations)
    scopes = {place.scope for place in behind if place is not None}
    for operation in reader.trace.operations(kind="ingest"):
        place = place_of(operation)
        if place is not None and place.scope in scopes:
            yield from operation.inputs.get("messages", ())


def likely_witnesses(
    reader: TraceReader, question: str, back: Slice, until_seq: int
) -> list[Witness]:
    """What the history says about a question of which nobody knows the answer, the likest first.

    Messages that share most words with the question, of the person that it names if it names one;
    of equals the latest, which may have replaced the others.
    """
    asked = content_words(question)
    people = {name for name in reader.speakers if set(name.split()) <= asked}
    topic = asked - {word for name in people for word in name.split()}
    ids = [v for v in back.variables if reader.variable(v).kind == "message"]
    ids = ids or [v.id for v in reader.all_messages()]
    scored: list[tuple[int, int, str]] = []
    for identifier in ids:
        variable = reader.variable(identifier)
        text = reader.text(identifier)
        words = content_words(text)
        is_theirs = not people or speaker_of(text) in people or any(
            set(name.split()) <= words for name in people
        )  # fmt: skip
        shared = len(topic & words)
        if variable.seq < until_seq and is_theirs and shared:
            scored.append((shared, variable.seq, identifier))
    best = max((shared for shared, _, _ in scored), default=0)
    found = sorted((row for row in scored if row[0] == best), key=lambda row: -row[1])[:_LIVE]
    return [_witness(reader, reader.variable(identifier)) for _, _, identifier in found]


def restatements(
    reader: TraceReader, fact: CriticalFact, back: Slice, until_seq: int
) -> list[tuple[str, str, bool]]:
    """Other messages behind the answer in which the same speaker says a fact once more.

    Returns:
        Variable id, the message's own words in normal form, and whether they are the witness's.
    """
    known = {witness.variable for witness in fact.witnesses}
    speakers = {speaker_of(witness.text) for witness in fact.witnesses}
    meant = [content_words(said.split()) - set(fact.phrase.split()) for said in fact.sentences]
    found = []
    phrases = [*([fact.phrase] if fact.phrase else []), *fact.sentences]
    told = {v.id: v for phrase in phrases for v in reader.messages_with(_words(phrase))}
    for identifier, variable in told.items():
        if variable.seq > until_seq or identifier in known or identifier not in back:
            continue
        passage = reader.passage(identifier)
        has_value = bool(fact.phrase) and passage.find(fact.phrase) is not None
        is_like = has_value and any(passage.covers(words)[0] >= _SAME for words in meant)
        if not is_like and not any(passage.find(said) for said in fact.sentences):
            continue
        text = reader.text(identifier)
        words = spoken_words(text)
        is_verbatim = words in fact.sentences
        if (is_like or is_verbatim) and speaker_of(text) in speakers:
            found.append((identifier, words, is_verbatim))
    return found


def _words(phrase: str) -> frozenset[str]:
    return frozenset(phrase.split())


def _preferred(
    variables: Sequence[Variable], upstream: frozenset[str], until_seq: int
) -> list[Variable]:
    """Those behind the answer; else the last of the name that was recorded before it."""
    inside = [variable for variable in variables if variable.id in upstream]
    return inside or [variable for variable in variables if variable.seq < until_seq][-1:]


def _likeliest(
    reader: TraceReader, turns: Iterable[Variable], wanted: frozenset[str]
) -> list[Variable]:
    shared = {turn.id: len(wanted & content_words(reader.text(turn.id))) for turn in turns}
    most = max(shared.values(), default=0)
    best = [identifier for identifier, count in shared.items() if count == most > 0]
    return [reader.variable(identifier) for identifier in best[:_GUESSES]]


def _witness(reader: TraceReader, variable: Variable) -> Witness:
    return Witness(variable.id, variable.name or variable.id, reader.text(variable.id))
