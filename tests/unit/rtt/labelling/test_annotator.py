import json
from typing import Any

import pytest

from lmcommon.judge.types import Criterion
from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ModelFailure
from rtt.labelling import Annotator, Unlabelled, merge_annotations

RESPONSE = "She said \u201cno\u201d, then\n left the pier."
POLITE = Criterion(id="c", text="It is polite.")
NO_COMMA = Criterion(id="c", text="No commas.", constraint_id="punctuation:no_comma")
SHORT = Criterion(
    id="c", text="Short.", constraint_id="length_constraints:number_words",
    kwargs={"relation": "less than", "num_words": 20},
)  # fmt: skip


def item(criterion: Criterion = POLITE, satisfied: bool | None = None) -> Unlabelled:
    return Unlabelled(
        criterion=criterion, response=RESPONSE, prompt="Tell.", prompt_id="p", satisfied=satisfied,
        origin="ifeval",
    )  # fmt: skip


def said(kind: str, *segments: str) -> str:
    return json.dumps({"type": kind, "segments": list(segments)})


def annotate(reply: Any, one: Unlabelled | None = None) -> Any:
    # A reply that does not fit the schema is asked for once more: the script says it again.
    return Annotator(model=ScriptedModel([reply, reply])).annotate([one or item()])[0]


def test_segments_become_spans_and_the_row_says_who_marked_it() -> None:
    row = annotate(said("partial_relevant", "left the pier")).row
    start = RESPONSE.index("left")
    assert row.spans == ((start, start + 13),)
    assert (row.source, row.origin, row.kind, row.prompt_id) == (
        "annotator", "ifeval", "judged", "p",
    )  # fmt: skip


def test_all_and_nothing_need_no_segments() -> None:
    assert annotate(said("all_relevant")).row.spans is None
    assert annotate(said("all_irrelevant")).row.spans == ()


def test_a_segment_is_found_in_spite_of_quotes_case_and_white_space() -> None:
    found = annotate(said("partial_relevant", 'she said "no"', "then left"))
    assert found.rejection is None
    assert found.approximate == ('she said "no"', "then left")
    assert [RESPONSE[slice(*span)] for span in found.spans] == [
        "She said \u201cno\u201d", "then\n left",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "rejection", "why"),
    [
        (ModelFailure(kind="timeout", message="slow"), "model failure", "timeout"),
        ("I think all of it.", "unreadable", "invalid_output"),
        (said("some_relevant"), "unreadable", "some_relevant"),
        (said("partial_relevant"), "unreadable", "at least one expected"),
        (said("all_relevant", "pier"), "unreadable", "none expected"),
        (said("partial_relevant", "left", "the whale"), "segments missing", "the whale"),
        (said("partial_relevant", " "), "segments missing", "' '"),
    ],
)
def test_what_cannot_be_used_is_rejected_with_the_reason(
    reply: Any, rejection: str, why: str
) -> None:
    found = annotate(reply)
    assert found.rejection == rejection, found
    assert why in found.why


@pytest.mark.parametrize(
    ("criterion", "satisfied", "reply", "contradicts"),
    [
        (NO_COMMA, False, said("partial_relevant", ","), False),
        (NO_COMMA, False, said("all_irrelevant"), True),
        (NO_COMMA, True, said("all_irrelevant"), False),
        (NO_COMMA, True, said("partial_relevant", "pier"), True),
        (NO_COMMA, None, said("partial_relevant", "pier"), False),
        (SHORT, True, said("all_relevant"), False),
        (SHORT, None, said("all_irrelevant"), True),
        (POLITE, True, said("all_irrelevant"), False),
    ],
)
def test_a_reply_against_the_taxonomy_is_rejected(
    criterion: Criterion, satisfied: bool | None, reply: str, contradicts: bool
) -> None:
    found = annotate(reply, item(criterion, satisfied))
    assert (found.rejection == "contradiction") is contradicts, found


def test_the_model_is_told_the_verdict_only_where_there_is_one() -> None:
    model = ScriptedModel({"": said("all_relevant")})
    Annotator(model=model).annotate([item(satisfied=True), item(satisfied=False), item()])
    asked = [one.messages[-1].content for one in model.requests]
    assert "The response meets the criterion." in asked[0]
    assert "The response does not meet the criterion." in asked[1]
    assert "is for you to see" in asked[2]
    assert all(POLITE.text in text and RESPONSE in text for text in asked)


def test_characters_on_which_two_annotators_differ_are_unlabelled() -> None:
    items = [item(), item(satisfied=True), item(satisfied=False)]
    one = Annotator(
        model=ScriptedModel(
            [said("partial_relevant", "the pier"), said("all_relevant"), "x", said("all_relevant")]
        )
    ).annotate(items)
    other = Annotator(
        model=ScriptedModel([said("partial_relevant", "left the"), "x", "x", "x", "x"])
    ).annotate(items)
    rows, agreement = merge_annotations(one, other)
    assert (len(rows), agreement.rows, agreement.alone) == (1, 1, 2)
    start = RESPONSE.index("left")
    assert rows[0].spans == ((start + 5, start + 8),)
    assert rows[0].unlabelled == ((start, start + 5), (start + 8, start + 13))
    assert (agreement.both, agreement.first_only, agreement.second_only) == (3, 5, 5)
    assert agreement.iou == pytest.approx(3 / 13)
    n = len(RESPONSE)
    chance = (8 * 8 + (n - 8) * (n - 8)) / n**2
    assert agreement.kappa == pytest.approx(((n - 10) / n - chance) / (1 - chance))


def test_agreement_without_anything_to_compare_is_undefined_not_zero() -> None:
    bad = Annotator(model=ScriptedModel({"": "x"})).annotate([item()])
    rows, agreement = merge_annotations(bad, bad)
    assert (rows, agreement.agreement, agreement.kappa, agreement.iou) == ([], None, None, None)


def test_annotators_of_different_lists_cannot_be_compared() -> None:
    bad = Annotator(model=ScriptedModel({"": "x"})).annotate([item()])
    with pytest.raises(ValueError, match="on one list"):
        merge_annotations(bad, [])
