"""What the simulated model takes down, and what new facts do to older memories."""

from __future__ import annotations

import pytest

from memtrace.faultbench.simulated.remembering import Change, changes_for, facts_in
from memtrace.faultbench.simulated.searching import further_queries, helpfulness, query_for

VESPA = "Ana: I get around with my Vespa, even when it rains."
DATED = "Ana: I bought a Vespa on 3 May 2024, it takes me everywhere."
SOLD = "Ana: I sold it, so there is no Vespa in front of the house any more."
MOPED = "Ana: I replaced it on 9 May 2024: my ride is a moped now."
NOT_VESPA = "Ana: You heard me wrong. What I drive is a tandem, not a Vespa."
DISH = "Ana: I have a new favourite dish: ramen."


def test_facts_are_the_sentences_that_state_something() -> None:
    context = "[3 May 2024]\nAna: Hey Ben!\nBen: Guess what? I moved to Oslo.\nAna: Good to know!"
    assert facts_in(context, dated=False) == ["Ben: I moved to Oslo."]
    assert facts_in(context, dated=True) == ["[3 May 2024] Ben: I moved to Oslo."]


@pytest.mark.parametrize(
    ("fact", "memories", "changes"),
    [
        (VESPA, {}, [("ADD", "", VESPA)]),
        (VESPA, {"1": DISH}, [("ADD", "", VESPA)]),
        (VESPA, {"1": VESPA.replace("Ana", "Ben")}, [("ADD", "", VESPA)]),
        (VESPA, {"1": DISH, "2": VESPA}, [("NONE", "2", VESPA)]),
        (MOPED, {"1": DISH, "2": VESPA}, [("UPDATE", "2", f"{VESPA} {MOPED}")]),
        (NOT_VESPA, {"2": VESPA}, [("UPDATE", "2", NOT_VESPA)]),
        (SOLD, {"2": VESPA}, [("DELETE", "2", VESPA), ("ADD", "", SOLD)]),
        (SOLD, {"2": DATED}, [("UPDATE", "2", f"{DATED} {SOLD}")]),
    ],
)
def test_what_a_new_fact_does(
    fact: str, memories: dict[str, str], changes: list[tuple[str, str, str]]
) -> None:
    assert [(one.event, one.id, one.text) for one in changes_for(fact, memories)] == changes


def test_of_two_memories_of_a_topic_the_one_with_the_value_is_changed() -> None:
    memories = {"1": MOPED, "2": DATED}
    assert changes_for(SOLD, memories) == [Change("UPDATE", "2", f"{DATED} {SOLD}")]


def ordered(question: str, passages: list[str]) -> list[str]:
    scores = dict(zip(passages, helpfulness(question, passages), strict=True))
    return sorted(passages, key=lambda passage: -scores[passage])


def test_a_passage_about_the_person_and_the_topic_helps_most() -> None:
    question = "What does Ana use to get around now?"
    passages = ["Ana: How are things?", VESPA.replace("Ana", "Ben"), VESPA, "Ana: I moved to Cork."]
    assert ordered(question, passages)[0] == VESPA


def test_passages_tell_each_other_who_is_meant() -> None:
    question = "What does the person who plays the oboe use to get around now?"
    oboe = "Ana: I play the oboe in a little trio."
    passages = [VESPA.replace("Ana", "Ben"), VESPA, oboe]
    assert ordered(question, passages)[:2] == [VESPA, oboe]


def test_a_passage_that_says_the_same_again_comes_behind() -> None:
    question = "What does Ana use to get around now?"
    passages = [VESPA, f"Ana: Hi!\n{VESPA}", SOLD]
    assert ordered(question, passages) == [VESPA, SOLD, passages[1]]


def test_a_query_keeps_the_question_and_adds_words_of_notes() -> None:
    query = query_for("What is Ana's usual order at the cafe?")
    assert query.startswith("What is Ana's usual order at the cafe?")
    assert "walk" in query.split()


def test_a_known_name_is_asked_for_and_an_unknown_one_is_asked_about() -> None:
    question = "In which city does Ana's flatmate live now?"
    known = further_queries(question, "Ana: You should meet Vera, my flatmate.")
    assert known[0].startswith("Vera: "), known
    assert further_queries(question, "") == ["Ana: My flatmate is called"]
