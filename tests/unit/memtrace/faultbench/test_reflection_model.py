"""The reflection model: every form of request, and what evidence makes of a prompt."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from reflecting_support import SUMMARY, asked, gepa, proposed, said, tagged

from memtrace.faultbench.prompting import reflection_model
from memtrace.faultbench.prompting.reflecting.rewriting import asked_of
from memtrace.faultbench.prompting.types import Job

FAULTY = SUMMARY.format("Leave out dates, codes and other numbers.")
LINES = "[3 May 2024]\nAna: Keep it to yourself, but my door code is 4821.\nBen: Good to know!"
LOST = {
    "Inputs": LINES,
    "Generated Outputs": "Ana said something of a door.",
    "Feedback": "What is Ana's door code? The answer was wrong. The right answer is 4821.",
}
BLIND = {**LOST, "Inputs": "What is Ana's door code?", "Generated Outputs": "I do not know."}
RULES = "- Keep every placeholder.\n- Do not copy names or values from the examples."
TRIES = 40


def varied(current: str, one: dict[str, str], job: Job, *, form: str = "gepa") -> Counter[str]:
    """What becomes of a prompt over requests that differ by one meaningless number."""
    found: Counter[str] = Counter()
    for number in range(TRIES):
        shown = [{**one, "Feedback": f"{one['Feedback']} (case {number})"}]
        text = gepa(current, shown) if form == "gepa" else tagged(current, shown, RULES)
        new = proposed(said(("user", text)))
        found.update(f"{topic}={way}" for topic, way in asked_of(new, job).items())
        found["copied"] += "For example" in new
        found["broken"] += any(one not in new for one in ("{summary}", "{dropped}"))
        found["same"] += new == current
    return found


@pytest.mark.parametrize("form", ["gepa", "tagged"])
def test_what_came_in_and_did_not_go_out_is_asked_for(form: str) -> None:
    found = varied(FAULTY, LOST, "notes", form=form)
    assert found["codes=keep"] >= 0.75 * TRIES, found
    assert found["dates=drop"] >= 0.75 * TRIES, found  # nothing spoke against the rest of it
    assert found["codes=keep"] < TRIES or found["broken"], found  # it errs now and then


def test_both_forms_with_the_same_evidence_come_to_the_same_edit() -> None:
    ways = [varied(FAULTY, LOST, "notes", form=form) for form in ("gepa", "tagged")]
    assert abs(ways[0]["codes=keep"] - ways[1]["codes=keep"]) <= 0.2 * TRIES, ways


def test_without_evidence_it_acts_on_a_hunch() -> None:
    vague = SUMMARY.format("Sum up.")
    seen, blind = varied(vague, LOST, "notes"), varied(vague, BLIND, "notes")
    assert seen["codes=keep"] > blind["codes=keep"] > 0, (seen, blind)
    assert sum(blind[one] for one in ("select=important", "limit=5", "dates=keep")) > 0, blind


def test_copying_is_left_out_where_it_is_forbidden() -> None:
    assert varied(FAULTY, LOST, "notes")["copied"] > 0
    assert varied(FAULTY, LOST, "notes", form="tagged")["copied"] == 0


def test_misleading_feedback_misleads() -> None:
    told = "The answer was wrong. A correction was lost here. The right answer is 4821."
    one = {**LOST, "Inputs": "Ana: Good to know!", "Feedback": told}
    found = varied(SUMMARY.format("Sum up."), one, "notes")
    assert found["corrections=keep"] >= 0.75 * TRIES, found
    assert found["codes=keep"] == 0, found


def test_what_is_fine_stays_as_it_is() -> None:
    fine = {**LOST, "Feedback": "This is right."}
    assert varied(FAULTY, fine, "notes")["same"] >= 0.9 * TRIES
    kept = {"Kept": "This answer is right today.", **LOST, "Feedback": ""}
    assert varied(FAULTY, kept, "notes")["same"] >= 0.9 * TRIES


@pytest.mark.parametrize(
    ("heading", "text"),
    [
        ("Had to survive", "Ana: Keep it to yourself, but my door code is 4821."),
        ("Repair", "Ana: Keep it to yourself, but my door code is 4821."),
        ("Feedback", 'Lost here: "my door code is 4821".'),
        ("Right answer", "4821"),
        ("Feedback", "The expected answer was '4821'."),
    ],
)
def test_the_same_evidence_counts_under_any_heading(heading: str, text: str) -> None:
    one = {"Inputs": LINES, "Generated Outputs": "A door.", "Feedback": "Wrong.", heading: text}
    found = varied(FAULTY, one, "notes")
    assert found["codes=keep"] >= 0.75 * TRIES, found


CONTEXT = """[3 May 2024]
Ana: I live in Oslo, in a small flat above a bakery.
[9 May 2024]
Ana: I moved again on 9 May 2024, so my home is in Cork now."""
QA = "### system\n{}\n### user\n{{context}}\n\nQuestion: {{question}}"


@pytest.mark.parametrize(
    ("instructions", "question", "answer", "right", "expected"),
    [
        ("Answer from the notes. Give the first value.", "In which city does Ana live now?",
         "Oslo", "The right answer is Cork.", "value=latest"),
        ("Answer from the notes. When in doubt, say you do not know.",
         "In which city does Ana live now?", "I do not know.", "The right answer is Cork.",
         "unknown=say"),
        ("Answer the question.", "What is Ana's shoe size?", "39",
         "It has no answer: it should say that it does not know.", "unknown=say"),
        ("Explain your answer. Answer from the notes.", "In which city does Ana live now?",
         "To answer this I went through everything that the notes say and weighed it",
         "The right answer is Cork.", "form=short"),
    ],
)  # fmt: skip
def test_answers_are_compared_with_what_they_were_given(
    instructions: str, question: str, answer: str, right: str, expected: str
) -> None:
    one = {
        "Inputs": f"{CONTEXT}\n\nQuestion: {question}", "Generated Outputs": answer,
        "Feedback": f"The answer was wrong. {right}",
    }  # fmt: skip
    found = varied(QA.format(instructions), one, "qa")
    assert found[expected] >= 0.75 * TRIES, found


def test_an_answer_that_its_notes_do_not_hold_proves_nothing() -> None:
    one = {
        "Inputs": f"{CONTEXT}\n\nQuestion: What is Ana's door code?",
        "Generated Outputs": "I do not know.",
        "Feedback": "The answer was wrong. The right answer is 4821.",
    }
    found = varied(QA.format("Answer from the notes. Give only the answer."), one, "qa")
    assert found["unknown=guess"] > 0, found


def test_a_query_without_the_name_is_seen() -> None:
    current = "### system\nUse only one keyword.\n### user\nQuestion to rewrite: {question}"
    one = {
        "Inputs": "Question: In which city does Ana live now?", "Generated Outputs": "city",
        "Feedback": "The answer was wrong.",
    }  # fmt: skip
    found = varied(current, one, "rewrite")
    assert found["names=keep"] >= 0.75 * TRIES, found


def test_an_order_that_puts_the_answer_last_is_seen() -> None:
    current = (
        "### system\nPut the oldest passages first. Reply with their numbers only.\n### user\n"
    )
    one = {
        "Inputs": "[1]\nAna: I live in Oslo.\n[2]\nBen: Good to know!\n[3]\nBen: Noted.",
        "Generated Outputs": "3, 2, 1",
        "Feedback": "The answer was wrong. The right answer is Oslo.",
    }
    found = varied(current + "Passages:\n{candidates}\n\nQuestion: {question}", one, "rerank")
    assert found["order=helpful"] >= 0.75 * TRIES, found


def test_a_decision_that_keeps_nothing_new_is_seen() -> None:
    current = "You look after a memory: add, update or delete. Never change a memory that exists."
    new = "Ana: I moved again on 9 May 2024, so my home is in Cork now."
    one = {
        "Inputs": f"facts: {new}\nmemories: Ana: I live in Oslo, in a small flat above a bakery.",
        "Generated Outputs": '{"memory": [{"id": "0", "text": "Ana: I live in Oslo.", '
        '"event": "NONE"}]}',
        "Feedback": "The answer was wrong. The right answer is Cork.",
    }
    found = varied(current, one, "update")
    assert found["existing=change"] >= 0.75 * TRIES, found


def case(number: int) -> str:
    return (
        f"Case {number}\n\nQuestion: What is Ana's door code?\nRight answer: 4821\n"
        f"Prediction: I do not know.\n\nInputs:\n{LINES}\n\nOutputs:\nAna said something.\n\n"
        f"<prompt>\n{FAULTY}\n</prompt>"
    )


def test_the_loop_of_three_prompts_comes_to_the_same_edit() -> None:
    told = [said(("system", "Give feedback on one prompt."), ("user", case(n))) for n in range(4)]
    assert all("Keep every code" in one for one in told), told
    parts = "\n".join(f"--- feedback {n}\n{one}" for n, one in enumerate(told))
    merged = said(("system", "Merge feedback."), ("user", f"So far: none.\n{parts}"))
    assert merged.count("Keep every code") == 1
    good = 0
    for number in range(TRIES):
        user = f"Round {number}\n<prompt>\n{FAULTY}\n</prompt>\n<feedback>\n{merged}\n</feedback>"
        new = proposed(said(("system", "Rewrite the prompt."), ("user", user)))
        good += asked_of(new, "notes").get("codes") == "keep"
    assert 0.7 * TRIES <= good < TRIES


def test_feedback_on_a_right_answer_asks_for_nothing() -> None:
    right = case(0).replace("Prediction: I do not know.", "Prediction: 4821")
    told = said(("system", "Give feedback on one prompt."), ("user", right))
    assert told == "The prompt did its part here."


def test_a_loop_without_advice_has_a_whim() -> None:
    user = f"<prompt>\n{FAULTY}\n</prompt>\n<feedback>\nIt could be better.\n</feedback>"
    assert proposed(said(("system", "Rewrite the prompt."), ("user", user))) != FAULTY


def test_the_same_request_gets_the_same_reply_and_nothing_else_counts() -> None:
    request = asked(("user", gepa(FAULTY, [LOST])))
    first, second = reflection_model(), reflection_model(name="another")
    second.generate([asked(("user", gepa(FAULTY, [BLIND])))])
    assert first.generate([request])[0].text == second.generate([request])[0].text


def test_a_request_of_another_form_is_a_failed_call() -> None:
    response = reflection_model().generate([asked(("user", "Write a poem."))])[0]
    assert response.failure is not None


def test_a_prompt_without_messages_is_rewritten_too() -> None:
    found = varied("", LOST, "notes")
    assert found["codes=keep"] >= 0.75 * TRIES, found
    one = gepa("Note what was said. Reply with JSON. Today is {date}.", [LOST])
    assert proposed(said(("user", one))).startswith("Note what was said.")
