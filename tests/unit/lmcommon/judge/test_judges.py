"""Judges over a scripted model, by program, and mixed."""

import json

import pytest

from lmcommon.errors import UserError
from lmcommon.judge import (
    AnswerItem,
    Criterion,
    CriterionJudge,
    HybridJudge,
    Judge,
    JudgeItem,
    LlmAnswerJudge,
    ProgramJudge,
    RubricJudge,
)
from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ModelFailure
from lmcommon.prompt import Prompt

YES = json.dumps({"reason": "it does", "satisfied": True})
NO = json.dumps({"reason": "it does not", "satisfied": False})
DOWN = ModelFailure(kind="timeout", message="no reply in 5 s")


def item(
    text: str, *, response: str = "a, b", constraint_id: str | None = None, id: str = "secret-id"
) -> JudgeItem:
    criterion = Criterion(id=id, text=text, constraint_id=constraint_id, weight=7.25)
    return JudgeItem(prompt="Do it.", response=response, criterion=criterion)


def test_each_criterion_gets_its_own_verdict_in_order() -> None:
    model = ScriptedModel({"<criterion>\nkind": YES, "<criterion>\nlong": NO})
    verdicts = CriterionJudge(model).judge([item("long"), item("kind"), item("long")])
    assert [verdict.satisfied for verdict in verdicts] == [False, True, False]
    assert verdicts[1].rationale == "it does"
    assert all(verdict.source == "judge" for verdict in verdicts)


def test_the_model_sees_the_text_of_the_criterion_only() -> None:
    model = ScriptedModel({"": YES})
    CriterionJudge(model).judge([item("be kind", constraint_id="words:start")])
    seen = model.requests[0].messages[-1].content
    assert all(part in seen for part in ("Do it.", "a, b", "be kind"))
    assert not any(part in seen for part in ("secret-id", "7.25", "words:start", "Criterion("))


def test_braces_in_a_response_are_ordinary_text() -> None:
    model = ScriptedModel({"": YES})
    CriterionJudge(model).judge([item("x", response="{criterion} {0} {}")])
    assert "{criterion} {0} {}" in model.requests[0].messages[-1].content


def test_an_unreadable_reply_is_unscored() -> None:
    model = ScriptedModel({"": "The response is incorrect, so yes and no."})
    for form in ("json", "tag"):
        verdict = CriterionJudge(model, form=form).judge([item("x")])[0]  # type: ignore[arg-type]
        assert verdict.satisfied is None
        assert verdict.failure


def test_incorrect_in_the_reason_does_not_decide() -> None:
    reply = "Calling it correct would be incorrect.\nVERDICT: NO"
    verdict = CriterionJudge(ScriptedModel({"": reply}), form="tag").judge([item("x")])[0]
    assert verdict.satisfied is False
    assert verdict.rationale == "Calling it correct would be incorrect."


def test_a_failed_call_is_unscored_and_says_why() -> None:
    model = ScriptedModel({"<criterion>\nkind": YES, "<criterion>\nlong": DOWN})
    verdicts = CriterionJudge(model).judge([item("long"), item("kind")])
    assert [verdict.satisfied for verdict in verdicts] == [None, True]
    assert verdicts[0].failure == "model failure (timeout): no reply in 5 s"


def test_a_reply_cut_by_the_limit_is_unscored() -> None:
    model = ScriptedModel({"": "word " * 600 + "\nVERDICT: YES"})
    assert CriterionJudge(model, form="tag").judge([item("x")])[0].satisfied is None


def test_identity_changes_with_the_prompt_and_the_form() -> None:
    model = ScriptedModel({"": YES})
    other = Prompt("mine", "{prompt} {response} {criterion} {format}", CriterionJudge.fields)
    judges = [CriterionJudge(model), CriterionJudge(model, form="tag"),
              CriterionJudge(model, prompt=other)]  # fmt: skip
    identities = [json.dumps(judge.identity, sort_keys=True) for judge in judges]
    assert len(set(identities)) == 3
    assert all(isinstance(judge, Judge) for judge in judges)


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(ValueError, match="'xml'"):
        CriterionJudge(ScriptedModel([]), form="xml")  # type: ignore[arg-type]


def rubric_reply(*satisfied: bool) -> str:
    rows = [{"number": n, "reason": "", "satisfied": s} for n, s in enumerate(satisfied, start=1)]
    return json.dumps({"verdicts": rows})


def test_a_rubric_takes_one_call_per_response() -> None:
    model = ScriptedModel({"first": rubric_reply(True, False), "second": rubric_reply(False)})
    items = [item("a", response="first"), item("b", response="second"),
             item("c", response="first")]  # fmt: skip
    verdicts = RubricJudge(model).judge(items)
    assert [verdict.satisfied for verdict in verdicts] == [True, False, False]
    assert len(model.requests) == 2


def test_a_wrong_count_leaves_that_response_alone_unscored() -> None:
    model = ScriptedModel({"first": rubric_reply(True), "second": rubric_reply(True)})
    items = [item("a", response="first"), item("b", response="first"),
             item("c", response="second")]  # fmt: skip
    verdicts = RubricJudge(model).judge(items)
    assert [verdict.satisfied for verdict in verdicts] == [None, None, True]


def test_the_answer_judge_tells_the_model_when_there_is_no_answer() -> None:
    model = ScriptedModel({"no reference answer: the question cannot": YES, "Oslo": NO})
    items = [AnswerItem(question="q", gold=None, prediction="unknown"),
             AnswerItem(question="q", gold="Oslo", prediction="Bergen")]  # fmt: skip
    assert [v.satisfied for v in LlmAnswerJudge(model).judge(items)] == [True, False]


def test_the_program_judge_gives_spans_and_leaves_the_rest_unscored() -> None:
    items = [item("no commas", constraint_id="punctuation:no_comma"), item("be kind", id="c2")]
    checked, other = ProgramJudge().judge(items)
    assert (checked.satisfied, checked.spans, checked.source) == (False, ((1, 2),), "program")
    assert other.failure == "criterion 'c2' has no program check"


def test_the_hybrid_judge_asks_the_model_only_what_no_program_can() -> None:
    model = ScriptedModel({"": YES})
    items = [item("be kind"), item("no commas", constraint_id="punctuation:no_comma")]
    verdicts = HybridJudge(CriterionJudge(model)).judge(items)
    assert [(v.satisfied, v.source) for v in verdicts] == [(True, "judge"), (False, "program")]
    assert len(model.requests) == 1


def test_an_unknown_check_is_an_error_not_a_pass() -> None:
    broken = [item("x", constraint_id="punctuation:no_comas")]
    for judge in (ProgramJudge(), HybridJudge(CriterionJudge(ScriptedModel({"": YES})))):
        with pytest.raises(UserError, match="punctuation:no_comma"):
            judge.judge(broken)


def test_a_fallback_that_was_asked_for_is_recorded() -> None:
    judge = HybridJudge(CriterionJudge(ScriptedModel({"": YES})), unknown="judge")
    verdict = judge.judge([item("x", constraint_id="other:kind")])[0]
    assert (verdict.satisfied, verdict.source) == (True, "judge")
    assert verdict.rationale == "[fallback: no program check 'other:kind'] it does"


@pytest.mark.parametrize("kind", [CriterionJudge, RubricJudge, LlmAnswerJudge])
def test_no_items_no_calls(kind: type[CriterionJudge]) -> None:
    model = ScriptedModel([])
    assert kind(model).judge([]) == []
    assert model.requests == []
