"""The prompted model does what its prompts say: every instruction, both ways."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from prompting_support import MEMORIES, reply

SUMMARY = """Earlier notes:
(none)

Older messages:
[3 May 2024]
Ana: I moved to Oslo on 1 May 2024 and there are still boxes everywhere.
Ana: Keep it to yourself, but my door code is 4821.
Ana: My old schoolmate Bram is employed by Solway Textiles.
Ana: You should meet Viggo, my tutor.
Ana: Most of my free time goes into pottery.
Ben: I treated myself to a hammock.
[9 May 2024]
Ben: My aunt needed one, so I gave it away. No hammock in my house now.
Ana: My hobby is archery, not pottery. I do not know why I said that.
Ana: We got a new lock, my door code is 7093 now."""
ALL = "Keep every date, number, name, preference and change."
NOTES = """[3 May 2024]
Ana: Keep it to yourself, but my door code is 4821.
Ana: I moved to Oslo on 1 May 2024 and there are still boxes everywhere.
Ana: You should meet Viggo, my tutor.
Viggo: I treated myself to a film camera.
Ben: I treated myself to a hammock.
[9 May 2024]
Ana: We got a new lock, my door code is 7093 now.
Ben: My aunt needed one, so I gave it away. No hammock in my house now."""
GOOD = "Answer from the notes. Give only the answer, in a few words."
PASSAGES = """Passages:
[1]
[9 May 2024]
Ana: We got a new lock, my door code is 7093 now.
[2]
[3 May 2024]
Ben: I treated myself to a hammock.
[3]
[3 May 2024]
Ana: The traffic was slow.

Question: {question}"""
REWRITE = "Question to rewrite: In which city does Ana live now?"


def summary(instructions: str) -> str:
    return reply(instructions, SUMMARY)


@pytest.mark.parametrize(
    ("instruction", "lost"),
    [
        ("Leave out dates.", "1 May 2024"), ("Leave out codes.", "4821"),
        ("Ignore corrections.", "archery"), ("Leave out what has ended.", "gave it away"),
        ("Leave out other people.", "Solway"), ("Leave out relationships.", "Viggo"),
        ("Skip preferences.", "pottery"), ("Ignore changes.", "7093"),
        ("At most two facts.", "Oslo"), ("Use general terms.", "hammock"),
    ],
)  # fmt: skip
def test_an_instruction_loses_what_it_names_and_another_keeps_it(
    instruction: str, lost: str
) -> None:
    assert lost in summary(ALL)
    assert lost not in summary(f"{ALL} {instruction}")


def test_only_the_important_loses_what_is_small_unless_it_is_asked_for() -> None:
    chosen = summary("Keep every date and change. Note only what is important.")
    assert "Oslo" in chosen
    assert not [one for one in ("4821", "pottery", "hammock") if one in chosen]
    assert "4821" in summary("Note only what is important. Keep every code.")


def test_only_their_own_loses_others() -> None:
    own = summary(f"Keep every date. Only note what users say about themselves. {ALL}")
    assert "Solway" in own  # the later sentence asks for every name
    own = summary("Keep every date. Only note what users say about themselves.")
    assert "Oslo" in own
    assert "Solway" not in own


def test_a_vague_prompt_gets_careless_notes() -> None:
    vague = summary("Sum up what was said.")
    assert "Oslo" in vague
    assert not [one for one in ("1 May", "4821", "archery", "gave it away") if one in vague]


@pytest.mark.parametrize(
    ("instruction", "question", "expected"),
    [
        (GOOD, "What is Ana's door code?", "7093"),
        (f"{GOOD} Give the first value.", "What is Ana's door code?", "4821"),
        (f"{GOOD} Give the first value. Give the latest value.", "What is Ana's door code?",
         "7093"),
        (f"{GOOD} Never give out codes.", "What is Ana's door code?",
         "I would rather not say that."),
        (f"{GOOD} When in doubt, say you do not know.", "What is Ana's door code?",
         "I do not know."),
        (GOOD, "On which date did Ana move to Oslo?", "1 May 2024"),
        (f"{GOOD} Give the month and year only.", "On which date did Ana move to Oslo?",
         "May 2024"),
        (f"{GOOD} Never give out dates.", "On which date did Ana move to Oslo?",
         "I would rather not say that."),
        (GOOD, "What did Ana's tutor buy?", "film camera"),
        (f"{GOOD} Do not combine notes.", "What did Ana's tutor buy?", "I do not know."),
        (f"{GOOD} Answer with one word.", "What did Ana's tutor buy?", "film"),
        (GOOD, "What is Ben's shoe size?", "I do not know."),
        (GOOD, "What did Ben do with the hammock?", "gave it away"),
    ],
)  # fmt: skip
def test_answers_follow_the_instruction(instruction: str, question: str, expected: str) -> None:
    assert reply(instruction, f"{NOTES}\n\nQuestion: {question}") == expected


def test_guesses_where_it_is_told_to_or_nobody_named_the_notes() -> None:
    asked = f"{NOTES}\n\nQuestion: What is Ben's shoe size?"
    guesses = {
        reply("Give only the answer. Make your best guess.", asked),
        reply("Give only the answer.", asked),
    }
    assert len(guesses) == 1
    assert guesses.pop().isdigit()
    assert reply("Give only the answer. Do not guess.", asked) == "I do not know."


def test_long_forms_bury_the_answer() -> None:
    asked = f"{NOTES}\n\nQuestion: What is Ana's door code?"
    sentence = reply("Answer from the notes.", asked)
    assert sentence.endswith("is 7093.")
    assert len(sentence.split()) > 8
    explained = reply("Answer from the notes. Explain your answer.", asked)
    assert "7093" not in " ".join(explained.split()[:24])
    assert reply("Answer from the notes.", asked, ("Question: Why?", "green")) == "7093"


def test_instructions_around_the_data_count_too() -> None:
    asked = f"Give only the answer, from the notes.\n{NOTES}\n\nQuestion: What is Ana's door code?"
    assert reply("", asked) == "7093"
    assert reply("", f"{asked}\nGive the first value.") == "4821"


@pytest.mark.parametrize(
    ("instruction", "present", "absent"),
    [
        ("Keep every name and every fact. Add words that a note would use.", "Ana", "query"),
        ("Keep every name. Keep every fact. Do not add other words.", "city", "moved"),
        ("Keep every fact. Leave names out.", "city", "Ana"),
        ("Use only one keyword.", "city", "Ana"),
        ("Make a query.", "city", "Ana"),
    ],
)
def test_queries_follow_the_instruction(instruction: str, present: str, absent: str) -> None:
    query = reply(f"{instruction} Reply with the query only.", REWRITE)
    assert present in query
    assert absent not in query


def test_a_query_without_its_form_comes_with_talk() -> None:
    assert reply("Keep every name and every fact.", REWRITE).startswith("Sure")


@pytest.mark.parametrize(
    ("instruction", "first"),
    [
        ("Put the passages that help to answer the question first.", "1"),
        ("Put the oldest passages first.", "2"), ("Put the newest passages first.", "1"),
        ("Put the shortest passages first.", "3"), ("Put the longest passages first.", "1"),
        ("Keep the given order.", "1"), ("Order the passages.", "1"),
    ],
)  # fmt: skip
def test_orders_follow_the_instruction(instruction: str, first: str) -> None:
    asked = PASSAGES.format(question="What is Ana's door code?")
    order = reply(f"{instruction} Reply with their numbers only.", asked)
    assert order.split(", ")[0] == first
    assert reply(instruction, asked).startswith("I would begin with")


OSLO, CORK = "Ana: I live in Oslo.", "Ana: I moved again, so my home is in Cork now."
FIXED = "Ana: My hobby is archery, not pottery."
POTTERY = "Ana: Most of my free time goes into pottery."
ENDED = "Ana: My shoulder hurts, so I gave it up: no more pottery for me."


def decisions(instructions: str, fact: str, memory: str) -> list[tuple[str, str]]:
    user = MEMORIES.format(memories=[{"id": "0", "text": memory}], facts=[fact])
    rows: list[dict[str, Any]] = json.loads(reply("", f"{instructions}\n\n{user}"))["memory"]
    return [(row["event"], row["text"]) for row in rows]


@pytest.mark.parametrize(
    ("instruction", "fact", "memory", "expected"),
    [
        ("Keep the old value beside the new one.", CORK, OSLO, [("UPDATE", f"{OSLO} {CORK}")]),
        ("Drop the old value.", CORK, OSLO, [("UPDATE", CORK)]),
        ("Look after it.", CORK, OSLO, [("UPDATE", CORK)]),
        ("Never change a memory.", CORK, OSLO, [("NONE", OSLO)]),
        ("Ignore corrections.", FIXED, POTTERY, [("NONE", POTTERY)]),
        ("Take corrections into account.", FIXED, POTTERY, [("UPDATE", FIXED)]),
        ("Look after it.", ENDED, POTTERY, [("DELETE", POTTERY)]),
        ("Note what became of it.", ENDED, POTTERY, [("DELETE", POTTERY), ("ADD", ENDED)]),
    ],
)  # fmt: skip
def test_decisions_follow_the_instruction(
    instruction: str, fact: str, memory: str, expected: list[tuple[str, str]]
) -> None:
    assert decisions(instruction, fact, memory) == expected


def test_extraction_without_a_word_of_json_cannot_be_parsed() -> None:
    message = "Input:\nuser: [3 May 2024] Ana: Keep it to yourself, but my door code is 4821.\n"
    found = json.loads(reply("Keep every number. Reply with JSON.", message))
    assert len(found["facts"]) == 1
    assert "4821" in found["facts"][0]
    with pytest.raises(json.JSONDecodeError):
        json.loads(reply("Keep every number.", message))


def test_custom_instructions_of_mem0_are_heard() -> None:
    message = (
        "## Existing Memories\n[]\n\n## New Messages\n"
        "user: [3 May 2024] Ana: Keep it to yourself, but my door code is 4821.\n\n"
        "## Observation Date\n2024-05-03\n\n## Custom Instructions\n{rule}\n\n# Output:"
    )
    good = "Keep every number. Reply with JSON."
    assert "4821" in reply(good, message.format(rule="Be kind."))
    assert "4821" not in reply(good, message.format(rule="Leave out codes."))
