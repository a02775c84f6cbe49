from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcommon.errors import UserError
from rtt.discriminator import LabelledResponse
from rtt.labelling import RuleMade, Split, is_held_out_kind

TRAINED, HELD = "punctuation:no_comma", "startend:end_checker"


def row(**given_fields: Any) -> LabelledResponse:
    fields = {"criterion": "c", "response": "r", "spans": (), "prompt_id": "p", "kind": TRAINED}
    return LabelledResponse(**{**fields, **given_fields})


rows = st.lists(
    st.builds(
        lambda prompt, response, kind: row(prompt_id=prompt, response=response, kind=kind),
        st.sampled_from([f"p{n}" for n in range(30)]),
        st.sampled_from([f"r{n}" for n in range(60)]),
        st.sampled_from([TRAINED, HELD]),
    ),
    max_size=40,
)


def test_held_out_kinds_are_those_of_the_rule() -> None:
    assert is_held_out_kind(HELD)
    assert not is_held_out_kind(TRAINED)


@settings(deadline=None)
@given(rows=rows)
def test_no_prompt_and_no_response_is_in_two_parts(rows: list[LabelledResponse]) -> None:
    parts = Split(validation=0.3, test=0.3).divide(rows).parts
    learned = [*parts["train"], *parts["validation"]]
    for field in ("prompt_id", "response"):
        train, validation, tested, held, known = (
            {getattr(one, field) for one in part}
            for part in (
                parts["train"], parts["validation"], parts["test"], parts["held_out"], learned
            )
        )  # fmt: skip
        assert not train & validation
        assert not known & tested
        assert not known & held


@settings(deadline=None)
@given(rows=rows, random=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_moves_none(rows: list[LabelledResponse], random: Any) -> None:
    divided = Split().divide(rows)
    shuffled = random.sample(rows, len(rows))
    again = Split().divide(shuffled)
    for name, part in divided.parts.items():
        assert sorted(map(repr, part)) == sorted(map(repr, again.parts[name]))
    assert sum(map(len, divided.parts.values())) + divided.dropped == len(rows)


def test_held_out_kinds_are_in_no_other_part_unless_wanted() -> None:
    made = list(islice(RuleMade().examples(seed=0), 424))
    divided = Split().divide(made)
    for name in ("train", "validation", "test"):
        assert not [one.kind for one in divided.parts[name] if is_held_out_kind(one.kind)]
    assert {one.kind for one in divided.parts["held_out"]} == {
        one.kind for one in made if is_held_out_kind(one.kind)
    }
    assert not Split(hold_out_kinds=False).divide(made).parts["held_out"]


def test_parts_are_about_as_large_as_asked_for() -> None:
    made = [row(prompt_id=f"p{n}", response=f"r{n}") for n in range(4000)]
    parts = Split(validation=0.1, test=0.2).divide(made).parts
    assert len(parts["test"]) == pytest.approx(800, abs=100)
    assert len(parts["validation"]) == pytest.approx(400, abs=80)


def test_a_held_out_kind_beside_trained_rows_of_its_prompt_is_dropped() -> None:
    split = Split(validation=0.0, test=0.0)
    divided = split.divide([row(), row(kind=HELD), row(kind=HELD, prompt_id="q", response="s")])
    assert divided.dropped == 1
    assert [one.prompt_id for one in divided.parts["held_out"]] == ["q"]


def test_shares_above_one_are_refused() -> None:
    with pytest.raises(UserError, match="sum is below 1"):
        Split(validation=0.5, test=0.6)


def test_kinds_that_no_program_checks_are_never_held_out() -> None:
    assert is_held_out_kind("people:redundant"), "its hash alone would say so"
    parts = Split(validation=0.0, test=0.0).divide([row(kind="people:redundant")]).parts
    assert len(parts["train"]) == 1


def test_one_prompt_under_two_names_is_in_one_part() -> None:
    made = [
        row(prompt=f"Say {n}.", prompt_id=f"{source}{n}", response=f"{source} said {n}")
        for n in range(60)
        for source in ("ifeval:", "p-")
    ]
    parts = Split(validation=0.0, test=0.4).divide(made).parts
    both = {one.prompt for one in parts["train"]} & {one.prompt for one in parts["test"]}
    assert not both
    assert parts["train"]
    assert parts["test"]


def test_half_a_surrogate_pair_in_an_id_has_its_part() -> None:
    parts = Split(validation=0.0, test=0.0).divide([row(prompt_id="\ud83d")]).parts
    assert len(parts["train"]) == 1
