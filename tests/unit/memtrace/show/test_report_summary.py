"""The summary by a model: only what names known cases stays, and the rest is counted."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcommon.llm.scripted import ScriptedModel
from memtrace.show.reporting.markdown import report_markdown
from memtrace.show.reporting.page import report_html
from memtrace.show.reporting.summarising import checked, summarise
from memtrace.show.reporting.types import Report, Statement

sys.path.insert(0, str(Path(__file__).parent))

from reporting_support import asked, section, wrong

KNOWN = {"rag/c1/q1/var-1", "rag/c1/q2/var-2"}


def statement(text: str, *cases: str) -> dict[str, Any]:
    return {"text": text, "cases": list(cases)}


def test_a_cited_statement_stays() -> None:
    found = checked({"statements": [statement("a  b", *sorted(KNOWN))]}, KNOWN, "m")
    assert found.statements == (Statement("a b", tuple(sorted(KNOWN))),)
    assert (found.uncited, found.unknown, found.failure) == (0, 0, "")


def test_one_without_cases_is_dropped_and_counted() -> None:
    found = checked({"statements": [statement("a"), statement("b", "rag/c1/q1/var-1")]}, KNOWN, "m")
    assert ([one.text for one in found.statements], found.uncited) == (["b"], 1)


def test_one_that_names_an_unknown_case_is_refused_whole() -> None:
    found = checked({"statements": [statement("a", "rag/c1/q1/var-1", "made up")]}, KNOWN, "m")
    assert (found.statements, found.unknown) == ((), 1)
    assert found.failure == "no statement stands on cases that are there"


@pytest.mark.parametrize("reply", [None, [], "x", {}, {"statements": 3}, {"statements": {}}])
def test_a_reply_of_another_form_leaves_a_reason(reply: object) -> None:
    assert checked(reply, KNOWN, "m").failure == "the reply holds no list of statements"


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=4) | st.sampled_from(sorted(KNOWN)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["text", "cases", "statements"]), inner, max_size=3
    ), max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_whatever_comes_only_known_cases_are_cited(reply: object) -> None:
    for one in checked(reply, KNOWN, "m").statements:
        assert one.cases
        assert set(one.cases) <= KNOWN


def test_a_model_is_told_the_cases_and_cites_them() -> None:
    questions = [asked(3), wrong(1, reason="lost at retrieve"), wrong(2)]
    reply = json.dumps({"statements": [
        statement("Retrieval loses updates.", "rag/c1/q1/var-1"), statement("No case."),
        statement("Invented.", "rag/c1/q9/var-9"),
    ]})  # fmt: skip
    model = ScriptedModel({"lost at retrieve": reply})
    made = section(questions)
    summary = summarise(made, model)
    assert (summary.uncited, summary.unknown, len(summary.statements)) == (1, 1, 1)
    whole = Report(title="t", sections=(section(questions, summary=summary),))
    for written in (report_markdown(whole), report_html(whole)):
        assert "Retrieval loses updates." in written
        assert "Invented." not in written
        assert "1 statements dropped since they name no case, 1 refused" in written
        assert "not counted; 1 calls" in written


def test_a_failed_call_leaves_the_reason() -> None:
    summary = summarise(section([wrong(1)]), ScriptedModel({}))
    assert summary.statements == ()
    assert summary.failure
    whole = Report(title="t", sections=(section([wrong(1)], summary=summary),))
    assert "no summary: " in report_markdown(whole)
    assert "no summary: " in report_html(whole)


def test_without_a_wrong_answer_no_model_is_asked() -> None:
    model = ScriptedModel({"": "{}"})
    assert summarise(section([asked(1)]), model).failure == "there is no wrong answer to speak of"
