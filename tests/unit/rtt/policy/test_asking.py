"""What a policy is asked: plain prompts and conversations, by every template alike."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcommon.data.types import RubricPrompt, transcript
from lmcommon.errors import UserError
from lmcommon.judge.types import Criterion, Rubric
from rtt.policy.asking import Asked, asked, chat_text, fold_system, takes_system
from rtt.policy.tiny import Policy, TinyPolicy
from rtt.train.trl.dataset import chat_messages
from rtt.train.verl.dataset import verl_row

TALK = [
    {"role": "system", "content": "amber"},
    {"role": "user", "content": "dune"},
    {"role": "assistant", "content": "echo"},
    {"role": "user", "content": "fern"},
]
RUBRIC = Rubric((Criterion(id="c", text="Be kind."),))
PROMPT = RubricPrompt(
    id="t", prompt=transcript(TALK), rubric=RUBRIC, metadata={"messages": TALK}
)  # fmt: skip

ALL = "{% for m in messages %}{{ m.role }} {{ m.content }} {% endfor %}"
TAIL = "{% if add_generation_prompt %}assistant{% endif %}"
REFUSING = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    + ALL + TAIL
)  # fmt: skip
DROPPING = "{% for m in messages if m.role != 'system' %}{{ m.role }} {{ m.content }} {% endfor %}"
USERS = "{% for m in messages if m.role != 'user' %}{{ raise_exception('users only') }}{% endfor %}"


def tokenizer(template: str) -> Any:
    words = ["system", "user", "assistant", "amber", "dune", "echo", "fern", "[system]"]
    made = TinyPolicy(hidden=32).build(words, seed=0).tokenizer
    made.chat_template = template
    return made


def words_of(template: str, given: Asked) -> list[str]:
    return chat_text(tokenizer(template), given).split()


def test_a_plain_prompt_is_asked_as_its_text() -> None:
    plain = RubricPrompt(id="p", prompt="Name a river.", rubric=RUBRIC)
    assert asked(plain) == "Name a river."
    assert asked(PROMPT) == TALK


def test_a_conversation_goes_through_the_template_as_it_is() -> None:
    assert words_of(ALL + TAIL, TALK) == [
        "system", "amber", "user", "dune", "assistant", "echo", "user", "fern", "assistant",
    ]  # fmt: skip


@pytest.mark.parametrize("template", [REFUSING, DROPPING + TAIL])
def test_a_template_without_system_role_gets_it_in_the_users_message(template: str) -> None:
    assert words_of(template, TALK) == [
        "user", "amber", "dune", "assistant", "echo", "user", "fern", "assistant",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("template", "takes"), [(ALL + TAIL, True), (REFUSING, False), (DROPPING, False)]
)
def test_what_a_template_does_with_a_system_message_is_known(template: str, takes: bool) -> None:
    assert takes_system(tokenizer(template)) is takes


def test_a_conversation_that_a_template_refuses_is_explained() -> None:
    with pytest.raises(UserError, match=r"messages of user, assistant, user; it says: users only"):
        chat_text(tokenizer(USERS), TALK)


def test_a_policy_without_template_gets_the_transcript() -> None:
    policy = TinyPolicy(hidden=32).build(["[user]", "fern"], seed=0)
    assert policy.ask(TALK[1:]) == policy.ask(transcript(TALK[1:]))


def test_a_chat_policy_asks_with_the_whole_conversation() -> None:
    made = tokenizer(ALL + TAIL)
    policy = Policy(TinyPolicy(hidden=32).build([], seed=0).model, made, is_chat=True)
    assert made.convert_ids_to_tokens(policy.ask(asked(PROMPT)))[:4] == [
        "system", "amber", "user", "dune",
    ]  # fmt: skip


@pytest.mark.parametrize("template", [ALL + TAIL, REFUSING, DROPPING + TAIL])
def test_the_data_sets_of_trl_and_verl_hold_what_the_policy_asks(template: str) -> None:
    made = tokenizer(template)
    system = takes_system(made)
    policy = Policy(TinyPolicy(hidden=32).build([], seed=0).model, made, is_chat=True)
    for row in (chat_messages(PROMPT, system=system), verl_row(PROMPT, 0, system=system)["prompt"]):
        text = made.apply_chat_template(row, tokenize=False, add_generation_prompt=True)
        assert made(text, add_special_tokens=False)["input_ids"] == policy.ask(asked(PROMPT))


messages = st.lists(
    st.fixed_dictionaries({
        "role": st.sampled_from(["system", "user", "assistant"]), "content": st.text(max_size=3),
    }),
    max_size=5,
)  # fmt: skip


@given(messages)
def test_folding_keeps_every_word_and_leaves_no_system_message(talk: list[dict[str, str]]) -> None:
    folded = fold_system(talk)
    assert all(one["role"] != "system" for one in folded)
    everything = "\n\n".join(one["content"] for one in folded)
    for one in talk:
        assert one["content"] in everything
    if all(one["role"] != "system" for one in talk):
        assert folded == talk
