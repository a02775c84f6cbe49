"""Verdicts are read strictly, never by substring."""

import pytest

from lmcommon.errors import ParseError
from lmcommon.judge.parse import parse_json_verdict, parse_json_verdicts, parse_tag_verdict


@pytest.mark.parametrize(
    ("reply", "satisfied"),
    [
        ("It is incorrect, not correct; yes, wrong.\nVERDICT: NO", False),
        ("No commas are there, no errors.\n\n**Verdict: YES**\n", True),
        ("VERDICT: yes.", True),
    ],
)
def test_a_last_tag_line_decides(reply: str, satisfied: bool) -> None:
    assert parse_tag_verdict(reply)[0] is satisfied


@pytest.mark.parametrize(
    "reply",
    [
        "", "YES", "The answer is correct.", "VERDICT: YES and no", "VERDICT: YES\nor not",
        "VERDICT: NO\nVERDICT: YES", "I would say VERDICT: NO, or\nVERDICT: YES", "VERDICT:",
        "VERDICT: YES|NO", "NOT VERDICT: YES",
    ],
)  # fmt: skip
def test_anything_else_is_an_error_that_keeps_the_reply(reply: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_tag_verdict(reply)
    assert caught.value.reply == reply


def test_json_verdict_is_read() -> None:
    reply = 'Sure:\n```json\n{"reason": "incorrect", "satisfied": false}\n```'
    assert parse_json_verdict(reply) == (False, "incorrect")


@pytest.mark.parametrize(
    "reply",
    [
        '{"satisfied": true}', '{"reason": "", "satisfied": "true"}',
        '{"reason": "", "satisfied": 1}', '{"reason": "", "satisfied": null}', "true",
        '{"reason": "", "satisfied": true} {"reason": "", "satisfied": false}',
        '{"reason": "", "satisfied": true, "satisfied": false}',
    ],
)  # fmt: skip
def test_json_of_another_form_is_an_error(reply: str) -> None:
    with pytest.raises(ParseError):
        parse_json_verdict(reply)


def verdicts(*numbers: int) -> str:
    rows = (f'{{"number": {n}, "reason": "r{n}", "satisfied": {str(n == 1).lower()}}}'
            for n in numbers)  # fmt: skip
    return f'{{"verdicts": [{", ".join(rows)}]}}'


def test_rubric_verdicts_come_in_order_of_number() -> None:
    assert parse_json_verdicts(verdicts(2, 1), 2) == [(True, "r1"), (False, "r2")]


@pytest.mark.parametrize("numbers", [(1,), (1, 2, 3), (1, 1), (0, 1), (2, 3)])
def test_rubric_verdicts_must_be_complete(numbers: tuple[int, ...]) -> None:
    with pytest.raises(ParseError):
        parse_json_verdicts(verdicts(*numbers), 2)
