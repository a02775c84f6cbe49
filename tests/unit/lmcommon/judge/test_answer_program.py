"""`NormalizedAnswerJudge` and `token_f1`: which predictions give the gold answer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.judge import AnswerItem, AnswerJudge, NormalizedAnswerJudge, Verdict, token_f1


def judge(gold: str | None, prediction: str) -> Verdict:
    item = AnswerItem(question="?", gold=gold, prediction=prediction)
    return NormalizedAnswerJudge().judge([item])[0]


RIGHT = [
    ("Lisbon", "She moved to Lisbon."),
    ("Lisbon", "I am not sure, but I think Lisbon"),
    ("Porto", "not Lisbon but Porto"),
    ("Lisbon", "She does not like Oslo. She lives in Lisbon."),
    ("the blue car", "A BLUE car!"),
    ("in Oslo", "Oslo"),
    ("Café Rosé", "cafe rose"),
    ("Ana's sister", "Ana’s sister"),
    ("7 May 2023", "May 7th, 2023"),
    ("7 May 2023", "on 2023-05-07"),
    ("Sunday, 7 May 2023", "7th of May, 2023"),
    ("7 May 2023", "7 May"),
    ("05/07/2023", "7 May 2023"),
    ("May 2023", "7 May 2023"),
    ("2022", "on 3 June 2022"),
    ("May", "in May 2023"),
    ("two weeks before 3 June 2023", "two weeks before June 3, 2023"),
    ("twenty-one", "She is 21 years old"),
    ("3", "three"),
    ("the third", "her 3rd"),
    ("1,000.0", "one thousand"),
    ("50%", "fifty percent"),
    ("3:30 pm", "at 3:30pm"),
    ("apples, pears and plums", "plums, pears, and apples"),
    ("Warrior II, Dancer (Natarajasana), Tree", "tree, dancer and warrior II"),
    ("reading, or playing the violin", "reading, or playing the violin"),
    ("Yes", "Yes, she does."),
    ("No", "No, not at all"),
    ("Yes, in Oslo", "The answer is yes"),
    ("never", "She never smoked"),
    ("not to go", "she decided not to go"),
    ("北京", "我住在北京"),
    ("6 days. 7 days (with the last day) is also acceptable.", "It took 7 days"),
    ("8 meals", "a total of 8 lunch meals"),
    ("11 days", "Answer: 11"),
    ("You switched to tea", "The user switched to tea"),
    ("5 million", "five million"),
    ("1,500,000", "1.5 million"),
    ("2019-2020", "the 2019-2020 season"),
    ("tea/coffee", "tea/coffee"),
    ("Lisbon", "Lisbon, not Porto"),
]
WRONG = [
    ("Lisbon", "I don't know", "abstains"),
    ("Lisbon", "There is no information about Lisbon.", "abstains"),
    ("Lisbon", "not Lisbon", "denied"),
    ("Lisbon", "She no longer lives in Lisbon", "denied"),
    ("Lisbon", "Porto instead of Lisbon", "denied"),
    ("Lisbon", "Lisbon or Porto", "alternatives"),
    ("Lisbon", "Porto or Lisbon", "alternatives"),
    ("art", "She is a bartender", "does not give"),
    ("7 May 2023", "8 May 2023", "does not give"),
    ("7 May 2023", "7 May 2022", "does not give"),
    ("7 May 2023", "May 2023", "does not give"),
    ("7 May 2023", "the week before 7 May 2023", "before"),
    ("2019", "before 2019", "before"),
    ("3", "3.5", "does not give"),
    ("-5", "5", "does not give"),
    ("1", "the first time", "does not give"),
    ("apples, pears and plums", "pears and apples", "'plums'"),
    ("Yes", "No.", "says no"),
    ("No", "Yes, but rarely", "says yes"),
    ("Lisbon", "", "does not give"),
    ("vitamin A", "vitamin C", "does not give"),
    ("8 meals", "8 or 9 meals", "does not give"),
    ("8 meals", "8 not meals", "does not give"),
    ("8 meals", "8 dogs", "does not give"),
    ("Lisbon", "Lisbon is not where she lives", "denied"),
    ("Lisbon", "Lisbon isn't right", "denied"),
    ("Lisbon", "Lisbon is wrong", "denied"),
    ("Lisbon", "Lisbon? No, Porto.", "denied"),
    ("Lisbon", "Lisbon/Porto", "alternatives"),
    ("6 days", "5-6 days", "alternatives"),
    ("5", "5 million", "does not give"),
    ("5", "more than 5", "than"),
    ("He did not go to the big party on Saturday night with Ann",
     "He did go to the big party on Saturday night with Ann", "negation"),
    ("She walked slowly along the quiet river with very old friends",
     "She did not walk slowly along the quiet river with very old friends", "denied"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "prediction"), RIGHT)
def test_gives_the_answer(gold: str, prediction: str) -> None:
    verdict = judge(gold, prediction)
    assert verdict.satisfied is True, verdict
    assert verdict.source == "program"
    assert verdict.spans


@pytest.mark.parametrize(("gold", "prediction", "why"), WRONG)
def test_does_not_give_the_answer(gold: str, prediction: str, why: str) -> None:
    verdict = judge(gold, prediction)
    assert verdict.satisfied is False, verdict
    assert why in verdict.rationale


@pytest.mark.parametrize(
    ("gold", "prediction", "why"),
    [
        ("Yes", "She has a dog", "neither yes nor no"),
        ("No", "No one knows", "neither yes nor no"),
        ("Yes", "It is not true that she said yes", "neither yes nor no"),
        ("!?", "Lisbon", "no words"),
        ("Lisbon", "Lisbon and " * 100, "containment"),
    ],
)
def test_what_a_program_cannot_tell_is_unscored(gold: str, prediction: str, why: str) -> None:
    verdict = judge(gold, prediction)
    assert verdict.satisfied is None
    assert why in str(verdict.failure)


@pytest.mark.parametrize(
    "prediction",
    [
        "I don't know.", "I do not know", "This was not mentioned in the conversation.",
        "There is no information about that.", "It cannot be determined from the context.",
        "The conversation doesn't mention a dog.", "Unknown", "I can't recall that.",
        "Not enough information", "She never mentioned it.", "No record of this.",
    ],
)  # fmt: skip
def test_an_unanswerable_question_asks_for_abstention(prediction: str) -> None:
    verdict = judge(None, prediction)
    assert verdict.satisfied is True
    assert verdict.spans


@pytest.mark.parametrize("prediction", ["Lisbon", "She knows him well.", "", "I don't know, but "
                                        "I think Lisbon"])  # fmt: skip
def test_answering_an_unanswerable_question_is_wrong(prediction: str) -> None:
    assert judge(None, prediction).satisfied is False


def test_spans_are_the_answer_in_the_prediction() -> None:
    prediction = "In May she bought two red apples and one Pear."
    verdict = judge("a pear, 2 red apples", prediction)
    assert [prediction[a:b] for a, b in verdict.spans or ()] == ["two red apples", "Pear"]


def test_a_long_answer_is_compared_by_recall_and_says_how_much() -> None:
    gold = "walking slowly along the quiet river with 2 very old friends"
    verdict = judge(gold, "walking along the quiet river with two old friends")
    assert verdict.satisfied
    assert verdict.confidence is not None
    assert verdict.confidence < 1
    missing = judge(gold, "walking slowly along the quiet river with very old friends")
    assert missing.rationale == "misses '2'"


def test_order_is_kept_and_the_protocol_met() -> None:
    items = [AnswerItem(question="", gold=g, prediction="b") for g in ("a", "b", "c")]
    judge = NormalizedAnswerJudge()
    assert [v.satisfied for v in judge.judge(items)] == [False, True, False]
    assert isinstance(judge, AnswerJudge)


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="recall"):
        NormalizedAnswerJudge(recall=0)


@settings(deadline=None)
@given(gold=st.none() | st.text(max_size=30), prediction=st.text(max_size=60))
def test_any_texts_get_a_verdict(gold: str | None, prediction: str) -> None:
    verdict = judge(gold, prediction)
    for start, end in verdict.spans or ():
        assert 0 <= start < end <= len(prediction)


@pytest.mark.parametrize(
    ("prediction", "gold", "f1"),
    [
        ("7 May 2023", "May 7, 2023", 1.0),
        ("b c", "c d", 0.5),
        ("the cat", "a cat sat", 2 / 3),
        ("", "", 1.0),
        ("x", "", 0.0),
        ("twenty one", "21", 1.0),
    ],
)
def test_token_f1(prediction: str, gold: str, f1: float) -> None:
    assert token_f1(prediction, gold) == pytest.approx(f1)


@settings(deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_token_f1_is_symmetric_and_in_range(left: str, right: str) -> None:
    assert 0 <= token_f1(left, right) == token_f1(right, left) <= 1
