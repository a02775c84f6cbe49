"""Repairs: what one operation should have passed on, as an intervention.

In: a case and an operation that is suspected. Out: a `Repair` at one of its points, made from the
evidence alone, or none where the operation passes on nothing that can be changed. An operation
whose reply another one reads (a decision that is applied, facts that are parsed) is repaired in its
reply, or where that is read; who is blamed, the decider or the one that carried it out, is told
apart by whether the reply itself had to be changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memtrace.attribution.case import Case
from memtrace.attribution.causal.located import operation_at
from memtrace.attribution.causal.shapes import Mender
from memtrace.attribution.causal.wording import Wording, wordings
from memtrace.execution.interventions import AtPoint, Oracle, Replace
from memtrace.execution.places import Place
from memtrace.execution.replies import place_of
from memtrace.types import Operation, Variable

__all__ = ["ABSTENTION", "Repair", "answer_repair", "decider_of", "is_grounded", "repair_of"]

ABSTENTION = "I do not know."
"""The right answer where there is none."""
_NOT_READ = ("prompt", "store", "question", "query")
_QUESTION_ROLES = ("query", "queries")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """One operation put right at one point.

    Example: `Repair(operation="op-20", place=Place("mem0/c1", "add s1/D1:3/parse#0"),
    role="facts", intervention=Oracle(...), mender=Mender(...))`
    """

    operation: str
    """Who is blamed, by its id in the trace of the case the repair was made for."""
    blamed: Place
    """The same by place: it holds in every replay."""
    executor: Operation
    """Whose output is changed."""
    place: Place
    role: str
    intervention: AtPoint
    mender: Mender | None = None
    is_oracle_answer: bool = False
    """Whether it just says the right answer, which always helps and so proves little."""

    @property
    def told(self) -> str:
        """What it does, in words; empty before it was replayed."""
        if self.mender is None:
            return str(getattr(self.intervention, "value", ""))
        return "; ".join(dict.fromkeys(self.mender.told))

    @property
    def key(self) -> tuple[str, str, str, bool, frozenset[str]]:
        """What tells two repairs apart."""
        strict = self.mender is not None and self.mender.strict
        unwanted = frozenset[str]() if self.mender is None else self.mender.unwanted
        return self.place.scope, self.place.path, self.role, strict, unwanted


def repair_of(
    case: Case, operation: Operation, facts: Sequence[Wording], *, strict: bool = False,
    unwanted: frozenset[str] = frozenset(), where_read: bool = False,
) -> Repair | None:  # fmt: skip
    """The repair of a suspect.

    Args:
        case: The case, whose trace the operation is of.
        operation: The suspect.
        facts: What is to be restored; what the operation did not read is none of its business.
        strict: Put the facts back word for word, also where they seem to be there.
        unwanted: Lines in normal form to be left out.
        where_read: Change a reply not as it was given, but where it was read: where its form is
            known.
    """
    if operation.id == case.maker.id:
        return answer_repair(case)
    found = _point(case, operation, where_read=where_read)
    if found is None:
        return None
    executor, role = found
    place, blamed = place_of(executor), place_of(operation)
    if place is None or blamed is None:
        return None
    if role in _QUESTION_ROLES:
        words = " ".join(dict.fromkeys(w for fact in facts for w in fact.text.split()))
        said = f"{case.question} {words}"
        asking = Replace(at=place, role=role, value=said if role == "query" else [said])
        return Repair(operation=operation.id, blamed=blamed, executor=executor, place=place,
                      role=role, intervention=asking)  # fmt: skip
    sources = _sources(case, operation)
    items = _items(case, executor, facts)
    mine = _own(facts, role, sources, items, strict=strict)
    if not mine and not unwanted:
        return None
    sample = str(_sample(case, operation)) if role == "reply" else ""
    mender = Mender(
        mine, items, unwanted, sources, _messages(case, operation), strict, role, sample
    )
    change = Oracle(at=place, role=role, function=mender.restore)
    return Repair(operation=operation.id, blamed=blamed, executor=executor, place=place, role=role,
                  intervention=change, mender=mender)  # fmt: skip


def is_grounded(case: Case, repair: Repair, needed: Sequence[Wording]) -> bool:
    """Whether a repair put back no more than its operation read, in the run that it was made in.

    Args:
        case: The case of the replay.
        repair: One of its repairs.
        needed: What the answering model must have been given for its answer to be its own.
    """
    executor = operation_at(case.reader, repair.place)
    if executor is None:
        return False
    facts = wordings(case.facts, case.reader.speakers)
    if repair.is_oracle_answer:
        given = [case.reader.passage(identifier) for identifier in executor.input_ids]
        return case.gold is None or all(any(w.holds(text) for text in given) for w in needed)
    if repair.mender is None:
        return True
    restored = {wording.turn for wording in repair.mender.wordings}
    wanted = [wording for wording in facts if wording.turn in restored]
    blamed = operation_at(case.reader, repair.blamed) or executor
    sources = _sources(case, blamed)
    items = _items(case, executor, wanted)
    own = _own(wanted, repair.role, sources, items, strict=repair.mender.strict)
    return len(own) == len(wanted)


def _own(
    wordings: Sequence[Wording], role: str, sources: Sequence[str],
    items: Sequence[tuple[str, str]], *, strict: bool,
) -> list[Wording]:  # fmt: skip
    """The facts that an operation read: in its inputs, or in the memory it searched or wrote to."""
    texts = [text for _, text in items] if role == "hits" else [*sources]
    if role == "writes":
        texts += [text for _, text in items]
    if not texts and role != "hits":
        return list(wordings)  # it does not say what it read
    return [
        wording
        for wording in wordings
        if any(wording.holds(text) or (strict and wording.is_variant(text)) for text in texts)
    ]


def answer_repair(case: Case) -> Repair | None:
    """The answer operation says the right answer."""
    place = place_of(case.maker)
    if place is None:
        return None
    value = ABSTENTION if case.gold is None else case.gold
    change = Replace(at=place, role="reply", value=value)
    return Repair(operation=case.maker.id, blamed=place, executor=case.maker, place=place,
                  role="reply", intervention=change, is_oracle_answer=True)  # fmt: skip


def decider_of(case: Case, operation: Operation, facts: Sequence[Wording]) -> Operation:
    """Who decided what an operation carried out: the maker of the reply it read, if that reply
    itself loses the facts; else the operation.
    """
    for variable in _variables(case, operation.input_ids):
        if variable.producer is None or variable.role != "reply" or variable.source is not None:
            continue
        maker = case.reader.operation(variable.producer)
        sources = _sources(case, maker)
        given = [w for w in facts if any(w.holds(text) for text in sources)]
        mender = Mender(given, _items(case, operation, facts), sources=sources)
        value = case.reader.trace.value(variable.id)
        if given and mender.restore(value) != value:
            return maker
    return operation


def _point(
    case: Case, operation: Operation, *, where_read: bool = False
) -> tuple[Operation, str] | None:
    """Where to repair: the last point of the operation, or of the first that reads its outputs."""
    points = [str(role) for role in operation.metadata.get("points", ())]
    if points and not (where_read and points == ["reply"]):
        return operation, points[-1]
    for output in operation.output_ids:
        for reader in case.reader.graph.consumers(output):
            follower = case.reader.operation(reader)
            roles = [str(role) for role in follower.metadata.get("points", ()) if role != "reply"]
            if roles and follower.id != case.maker.id:
                return follower, roles[-1]
    return (operation, points[-1]) if points else None


def _sample(case: Case, operation: Operation) -> object:
    """What another operation of the same name replied: the form of a row, where a reply has none.

    The longest reply, for it shows most.
    """
    replies = [
        str(case.reader.trace.value(output))
        for other in case.reader.trace.operations(name=operation.name)
        for output in other.outputs.get("reply", ())
    ]
    return max(replies, key=len, default="")


def _variables(case: Case, identifiers: Sequence[str]) -> list[Variable]:
    return [case.reader.variable(identifier) for identifier in identifiers]


def _sources(case: Case, operation: Operation) -> tuple[str, ...]:
    """The texts an operation read."""
    return tuple(
        case.reader.text(variable.id)
        for variable in _variables(case, operation.input_ids)
        if variable.kind not in _NOT_READ
    )


def _messages(case: Case, operation: Operation) -> tuple[tuple[str, str], ...]:
    """The messages an operation read, by name, in order."""
    return tuple(
        (variable.name, case.reader.text(variable.id))
        for variable in _variables(case, operation.input_ids)
        if variable.kind == "message" and variable.name
    )


def _items(
    case: Case, operation: Operation, facts: Sequence[Wording]
) -> tuple[tuple[str, str], ...]:
    """The memory items that hold a fact when an operation starts, those closest to it first."""
    live = case.reader.trace.state_at(operation.seq)
    found = []
    for item, variable in live.items():
        text = case.reader.passage(variable.id)
        if any(wording.holds(text) for wording in facts):
            is_exact = any(wording.holds(text, strict=True) for wording in facts)
            found.append((not is_exact, -variable.seq, item, variable.id))
    return tuple((item, case.reader.text(identifier)) for _, _, item, identifier in sorted(found))
