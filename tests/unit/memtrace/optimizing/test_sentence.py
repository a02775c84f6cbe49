"""A sentence that is added to a prompt: where it goes, and what is no sentence."""

from __future__ import annotations

import pytest

from memtrace.memory.answering import default_prompt
from memtrace.memory.templates import ChatTemplate
from memtrace.optimizing.proposing import with_sentence
from memtrace.optimizing.template_rules import TemplateRules

SENTENCE = "If the notes do not say, reply that you do not know."


def test_it_ends_the_first_message() -> None:
    prompt = default_prompt()
    made = with_sentence(prompt.text, SENTENCE)
    assert made is not None
    assert TemplateRules(prompt).broken_by(made) == []
    first = ChatTemplate(type(prompt)("qa", made, prompt.fields)).fill(context="c", question="q")[0]
    assert first.role == "system"
    assert first.content.endswith(SENTENCE)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Keep facts.", f"Keep facts. {SENTENCE}"),
        ("Keep facts.\n\nToday is {date}.", f"Keep facts. {SENTENCE}\n\nToday is {{date}}."),
        ("Today is {date}.\n\nKeep facts.", f"{SENTENCE}\n\nToday is {{date}}.\n\nKeep facts."),
    ],
)
def test_it_stands_before_what_is_filled_in(text: str, wanted: str) -> None:
    assert with_sentence(text, SENTENCE) == wanted


@pytest.mark.parametrize(
    "reply", [f'"{SENTENCE}"', f"Sure, here it is:\n\n- {SENTENCE}", SENTENCE.rstrip(".")]
)
def test_wrappings_are_taken_off(reply: str) -> None:
    assert with_sentence("Keep facts.", reply) == f"Keep facts. {SENTENCE}"


@pytest.mark.parametrize("reply", ["", "  \n", "No.", "### user", "```"])
def test_what_is_no_sentence_is_none(reply: str) -> None:
    assert with_sentence("Keep facts.", reply) is None


def test_a_placeholder_in_it_is_dropped() -> None:
    assert with_sentence("Keep facts.", "Mind the {date} of each fact.") == (
        "Keep facts. Mind the  of each fact."
    )
