"""The simulated model answers from the text that it is shown, and from nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lmcommon.data.generated import SIZES, generate_conversation
from lmcommon.data.types import Conversation, Question
from lmcommon.judge import AnswerItem, NormalizedAnswerJudge
from memtrace.faultbench.simulated.answering import UNKNOWN, answered
from memtrace.memory.rendering import lines_of, page

HOME = "In which city does Ana live now?"
DAYS = "How many days passed between the day Ana moved to Oslo and the day Ana took up archery?"


def conversation_of(seed: int, size: str = "tiny") -> Conversation:
    one = SIZES[size]
    return generate_conversation(
        seed, num_sessions=one.num_sessions, turns_per_session=one.turns_per_session,
        num_people=one.num_people, num_questions=one.num_questions,
    )  # fmt: skip


def context_of(conversation: Conversation, without: tuple[str, ...] = ()) -> str:
    lines = [line for session in conversation.sessions for line in lines_of(session)]
    return page([line for line in lines if line.turn not in without])


def is_right(question: Question, answer: str) -> bool | None:
    item = AnswerItem(question=question.text, gold=question.answer, prediction=answer)
    return NormalizedAnswerJudge().judge([item])[0].satisfied


@pytest.mark.parametrize("seed", range(900, 912))
@pytest.mark.parametrize("size", ["tiny", "small"])
def test_with_the_whole_history_every_question_is_answered_right(seed: int, size: str) -> None:
    conversation = conversation_of(seed, size)
    context = context_of(conversation)
    wrong = [
        (question.text, question.answer, answer)
        for question in conversation.questions
        if not is_right(question, answer := answered(context, question.text))
    ]
    assert wrong == []


@pytest.mark.parametrize("seed", range(900, 912))
def test_without_the_evidence_no_question_is_answered_right(seed: int) -> None:
    conversation = conversation_of(seed, "small")
    right = [
        (question.text, answer)
        for question in conversation.questions
        if question.evidence
        and is_right(
            question, answer := answered(context_of(conversation, question.evidence), question.text)
        )
    ]
    assert right == []


def test_the_same_question_has_another_answer_in_another_context() -> None:
    found = [
        answered(f"[9 March 2024]\nAna: I moved to {city}.", HOME) for city in ("Oslo", "Cork")
    ]
    assert found == ["Oslo", "Cork"]


@pytest.mark.parametrize("question", [question.text for question in conversation_of(3).questions])
def test_an_empty_context_answers_nothing(question: str) -> None:
    assert answered("", question) == UNKNOWN


@pytest.mark.parametrize(
    ("context", "question", "answer"),
    [
        # What was said later counts, wherever it stands.
        ("[9 May 2024] Ana: I moved to Oslo.\n[1 May 2024] Ana: I moved to Cork.", HOME, "Oslo"),
        ("Ana: I moved to Cork.\nAna: I moved to Oslo.", HOME, "Oslo"),
        # What has no day is older than what has one.
        ("[9 May 2024] Ana: I moved to Oslo.\n[notes]\nAna: I moved to Cork.", HOME, "Oslo"),
        # A lost update leaves the older value; a lost correction the wrong one.
        ("[1 May 2024] Ana: I live in Cork, in a small flat above a bakery.", HOME, "Cork"),
        # Nobody else's value is taken for hers.
        ("[1 May 2024]\nBen: I moved to Cork.\nAna: How nice!", HOME, UNKNOWN),
        ("[1 May 2024]\nAna: My cousin Teo lives in Cork and loves it there.", HOME, UNKNOWN),
        # A corrected value never held.
        (
            "Ana: I live in Cork, in a small flat above a bakery.\n"
            "Ana: I keep saying Cork, but that was wrong: my address is in Quito.\n"
            "Ana: I moved again on 3 May 2024, so my home is in Oslo now.",
            "In which city did Ana live before Oslo?", "Quito",
        ),
        ("Ana: I moved to Oslo.", "In which city did Ana live before Oslo?", UNKNOWN),
        # Both must be known to be compared.
        ("Ana: I moved to Oslo.", "In which city did Ana live first, Cork or Oslo?", UNKNOWN),
        ("Ana: I moved to Oslo on 3 May 2024.", "On which date did Ana move to Oslo?",
         "3 May 2024"),
        ("Ana: I live in Oslo.", "On which date did Ana move to Oslo?", UNKNOWN),
        ("Ana: I moved to Oslo on 3 May 2024 and there are still boxes everywhere.\n"
         "Ana: I took up archery on 4 June 2024 and I am hooked.", DAYS, "32 days"),
        ("Ana: I moved to Oslo on 3 May 2024 and there are still boxes everywhere.", DAYS, UNKNOWN),
        # An end that was lost leaves the thing in place.
        ("Ana: I get around with my Vespa, even when it rains.",
         "Does Ana still have the Vespa?", "yes"),
        ("Ana: Somebody stole it. No more Vespa for me.", "Does Ana still have the Vespa?", "no"),
        ("Ana: Somebody stole it. No more Vespa for me.", "What happened to Ana's Vespa?",
         "stole it"),
        # A bridge needs both ends; a name alone is nobody's flatmate.
        ("Ana: You should meet Vera, my flatmate.\nAna: Vera is learning Welsh.",
         "Which language is Ana's flatmate learning now?", "Welsh"),
        ("Ana: Vera is learning Welsh.", "Which language is Ana's flatmate learning now?", UNKNOWN),
        ("Ben: You should meet Vera, my flatmate.\nAna: Vera is learning Welsh.",
         "Which language is Ana's flatmate learning now?", UNKNOWN),
        ("Ana: I play the oboe in a little trio.\nAna: I started learning Welsh on 3 May 2024.",
         "Which language is the person who plays the oboe learning now?", "Welsh"),
        ("Ana: I started learning Welsh on 3 May 2024.",
         "Which language is the person who plays the oboe learning now?", UNKNOWN),
        # Two remarks of one wording in one breath, and dates in other forms.
        ("Ana: It is done, I moved to Cork. It is done, I moved to Oslo.", HOME, "Oslo"),
        ("Ana: It is done, I moved to Oslo on May 3, 2024.",
         "On which date did Ana move to Oslo?", "3 May 2024"),
        # Forms of contexts.
        ("[2024-05-01] Ana said: I moved to Cork. Ben said: I moved to Oslo.", HOME, "Cork"),
        ("home: [1 May 2024] Ana: I moved to Cork.", HOME, "Cork"),
        ("- [1 May 2024] Ana: I moved to Cork. [9 May 2024] Ana: I moved to Oslo.", HOME, "Oslo"),
    ],
)  # fmt: skip
def test_an_answer_follows_from_its_context(context: str, question: str, answer: str) -> None:
    assert answered(context, question) == answer


def test_the_order_of_dated_lines_does_not_matter() -> None:
    conversation = conversation_of(905, "small")
    lines = [line.dated for session in conversation.sessions for line in lines_of(session)]
    for question in conversation.questions:
        found = {
            answered("\n".join(some), question.text) for some in (lines, lines[::-1], sorted(lines))
        }
        assert len(found) == 1, f"{question.text}: {found}"


def test_ids_of_questions_and_the_ledger_play_no_part() -> None:
    conversation = conversation_of(905)
    bare = replace(conversation, id="another", metadata={}, questions=())
    for question in conversation.questions:
        assert answered(context_of(bare), question.text) == answered(
            context_of(conversation), question.text
        )
