"""Which failures a round is made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from memtrace.attribution.taxonomy import ErrorType, LossKind
from memtrace.attribution.types import Attribution, Suspect, Verdict
from memtrace.optimizing.drawing import Draws, secrets_of
from memtrace.optimizing.settings import GreedySettings
from memtrace.optimizing.types import Blame, Candidate, Example, Scored


class Asked:
    """Scores by id, and what was asked."""

    def __init__(self, right: set[str]) -> None:
        self.right, self.asked = right, list[str]()

    def evaluate(
        self, candidate: Candidate, examples: Sequence[Example], *, keeps_trace: bool
    ) -> list[Scored]:
        self.asked += [one.id for one in examples]
        return [
            Scored(example=one, digest="d", score=float(one.id in self.right)) for one in examples
        ]


def example(name: str, category: str = "") -> Example:
    return Example(scope="m", id=name, text=f"{name}?", gold="Lisbon", category=category)


def blame(
    scored: Scored, component: str | None, kind: ErrorType = ErrorType.EXTRACTION,
    *, is_invalid: bool = False,
) -> Blame:  # fmt: skip
    suspect = Suspect(
        operation="op-1", name="extract", kind="extract", error_type=kind,
        loss=LossKind.NOT_LOST, score=0.9, evidence="",
    )  # fmt: skip
    attribution = Attribution(
        answer="v", question=scored.example.text, prediction="", gold=scored.example.gold,
        suspects=(suspect,), paths=(), confidence=0.9, verdict=Verdict.MEMORY, reason="",
    )  # fmt: skip
    shares = {} if component is None else {component: 1.0}
    elsewhere = {"trim": 1.0} if component is None and not is_invalid else {}
    return Blame(
        scored=scored, attribution=attribution, shares=shares, elsewhere=elsewhere,
        is_invalid=is_invalid,
    )  # fmt: skip


def draws(
    examples: list[Example], guilty: dict[str, Any], right: set[str] = frozenset(),  # type: ignore[assignment]
    **settings: Any,
) -> tuple[Draws, Asked]:  # fmt: skip
    asked = Asked(right)
    made: dict[str, Blame] = {}

    def find(scored: Scored) -> Blame:
        options = guilty.get(scored.example.id, {"component": "summary"})
        return made.setdefault(scored.example.id, blame(scored, **options))

    return Draws(
        asked, {"summary": ""}, examples, find, lambda one: made.get(one.example.id),  # type: ignore[arg-type]
        GreedySettings(**settings),
    ), asked  # fmt: skip


def test_what_no_prompt_is_to_blame_for_is_drawn_once() -> None:
    names = ["invalid", "elsewhere", "mine"]
    made, _ = draws([example(name) for name in names], {
        "invalid": {"component": None, "is_invalid": True}, "elsewhere": {"component": None},
    }, minibatch=3)  # fmt: skip
    first = made.draw(1)
    assert first is not None
    assert [one.example.id for one in first.failures] == ["mine"]
    assert first.elsewhere == {"trim": 1.0}
    second = made.draw(2)
    assert second is not None
    assert second.elsewhere == {}, "put aside"
    assert [one.scored.example.id for one in made.aside] == ["elsewhere"], "invalid: no advice"


def test_a_minibatch_of_nothing_but_invalid_failures_does_not_end_the_search() -> None:
    invalid = {f"i{n}": {"component": None, "is_invalid": True} for n in range(6)}
    made, _ = draws(
        [*(example(name) for name in invalid), example("mine")], invalid, minibatch=2, search=2
    )
    drawn = made.draw(1)
    assert drawn is not None
    assert [one.example.id for one in drawn.failures] == ["mine"]


def test_no_failure_is_no_round() -> None:
    made, asked = draws([example("a"), example("b")], {}, {"a", "b"})
    assert made.draw(1) is None
    assert asked.asked == ["a", "b"]


def test_questions_are_asked_only_while_failures_are_lacking() -> None:
    made, asked = draws([example(f"q{n}") for n in range(20)], {}, minibatch=4, search=5)
    made.draw(1)
    made.draw(2)
    assert len(asked.asked) == 5


def test_the_least_shown_come_first() -> None:
    made, _ = draws([example(f"q{n}") for n in range(6)], {}, minibatch=3, search=6)
    rounds = [made.draw(number) for number in (1, 2)]
    shown = [one.example.id for drawn in rounds if drawn for one in drawn.failures]
    assert sorted(shown) == [f"q{n}" for n in range(6)]


def test_strata_take_turns() -> None:
    """Twelve failures of one sort do not crowd out two others, once their sort is known."""
    many = [example(f"many{n}") for n in range(12)]
    few = [example("other-kind"), example("other-prompt"), example("other-type", "date")]
    guilty = {
        "other-kind": {"component": "summary", "kind": ErrorType.RESPONSE},
        "other-prompt": {"component": "qa"},
    }
    made, _ = draws([*many, *few], guilty, minibatch=15, search=15)
    assert made.draw(1) is not None
    made._settings = GreedySettings(minibatch=4)  # type: ignore[misc]
    made._shown.clear()
    drawn = made.draw(2)
    assert drawn is not None
    names = {one.example.id for one in drawn.failures}
    assert {one.id for one in few} < names, names


def test_the_next_version_is_asked_first_what_this_one_got_wrong() -> None:
    made, _ = draws([example(n) for n in "abcd"], {}, {"a", "c"}, minibatch=1, search=3)
    made.draw(1)
    assert [one.id for one in made.order()] == ["b", "d", "a", "c"]


def test_secrets_are_what_would_be_recognised() -> None:
    golds = ["Lisbon", "17", "blue", "a very long answer", None]
    examples = [Example(scope="m", id="q", text="?", gold=gold) for gold in golds]
    assert secrets_of(examples) == ("17", "Lisbon", "a very long answer")
