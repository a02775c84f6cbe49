"""What a rewritten prompt must keep."""

from __future__ import annotations

import pytest

from lmcommon.prompt import Prompt
from memtrace.optimizing.template_rules import TemplateRules

TEXT = """### system
Reply with JSON: {"facts": ["..."]}.
### user
{messages}"""
RULES = TemplateRules(Prompt("extraction", TEXT, frozenset({"messages"})), frozenset({"Lisbon"}))


def test_a_better_wording_breaks_nothing() -> None:
    assert RULES.broken_by(TEXT.replace("Reply", "Keep every name. Reply")) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        (TEXT.replace("{messages}", "the messages"), "placeholder"),
        (TEXT.replace("{messages}", "{messages} {names}"), "unknown"),
        (TEXT.replace("### user\n", ""), "messages that start with"),
        (TEXT.replace("facts", "notes"), "lost the JSON keys facts"),
        (TEXT.replace("JSON", "a list"), "does not ask for JSON"),
        (TEXT.replace("Reply", "Ana lives in Lisbon. Reply"), "copies from the cases: Lisbon"),
        (TEXT.replace("Reply", "word " * 2000 + "Reply"), "more than"),
        ("@secrets.txt", "stands for a file"),
    ],
)
def test_a_broken_rule_is_named(text: str, told: str) -> None:
    broken = RULES.broken_by(text)
    assert any(told in one for one in broken), broken


def test_an_answer_that_the_prompt_held_before_is_no_copy() -> None:
    text = TEXT.replace("Reply", "Places such as Lisbon count. Reply")
    rules = TemplateRules(
        Prompt("extraction", text, frozenset({"messages"})), frozenset({"Lisbon"})
    )
    assert rules.broken_by(text.replace("count", "matter")) == []


def test_the_rules_are_told_before_they_are_checked() -> None:
    told = "\n".join(RULES.described())
    for word in ("{messages}", "###", "facts", "characters"):
        assert word in told
