from itertools import islice

import pytest
import torch

from lmcommon.errors import UserError
from lmcommon.testing.tiny_lm import tiny_tokenizer
from rtt.engine import Sampler, Sampling, text_with_offsets
from rtt.policy import Policy, TinyPolicy, response_logprobs
from rtt.policy.logprobs import token_logprobs
from rtt.tasks import WordsTask

TASK = WordsTask()


@pytest.fixture(scope="module")
def policy() -> Policy:
    return TinyPolicy(hidden=32).build(TASK.tokens, seed=0)


def prompts(count: int) -> list:  # type: ignore[type-arg]
    return list(islice(TASK.prompts("train", 0), count))


def test_weights_depend_on_the_seed_alone() -> None:
    torch.manual_seed(1)
    first = TinyPolicy(hidden=32).build(TASK.tokens, seed=0)
    state = torch.random.get_rng_state()
    second = TinyPolicy(hidden=32).build(TASK.tokens, seed=0)
    pairs = zip(first.model.parameters(), second.model.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert torch.equal(state, torch.random.get_rng_state())


def test_no_word_is_unknown(policy: Policy) -> None:
    ids = policy.tokenizer(" ".join(TASK.tokens), add_special_tokens=False)["input_ids"]
    assert policy.tokenizer.unk_token_id not in ids


def test_a_width_that_heads_do_not_divide_is_refused() -> None:
    with pytest.raises(UserError, match=r"policy.hidden: expected a multiple of .* 8; got 30"):
        TinyPolicy(hidden=30)


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_sampled_logprobs_are_those_of_the_trainer(policy: Policy, temperature: float) -> None:
    """Left padding, shared cache and right padding must not shift a position."""
    sampler = Sampler(policy, 8, Sampling(temperature=temperature, top_k=20))
    groups = sampler.sample(prompts(5), samples=3, seed=1)
    rows = [rollout for group in groups for rollout in group.rollouts]
    width = max(len(row.tokens) for row in rows)
    asked = policy.tokenizer([g.prompt.prompt for g in groups for _ in g.rollouts], padding=True)
    response, told, mask = (
        torch.tensor([[*values, *[0] * (width - len(values))] for values in table])
        for table in (
            [row.tokens for row in rows],
            [row.logprobs for row in rows],
            [[1] * len(row.tokens) for row in rows],
        )
    )
    logprob, entropy = response_logprobs(
        policy.model, torch.tensor(asked["input_ids"]), torch.tensor(asked["attention_mask"]),
        response, mask, temperature=temperature,
    )  # fmt: skip
    torch.testing.assert_close(logprob, told, atol=2e-5, rtol=1e-5)
    assert (entropy[mask > 0] > 0).all()


@pytest.mark.parametrize("row_budget", [1, 4, 7, 100])
def test_draws_depend_on_seed_and_place_alone(policy: Policy, row_budget: int) -> None:
    asked = prompts(5)
    whole = Sampler(policy, 8).sample(asked, samples=3, seed=1)
    part = Sampler(policy, 8, row_budget=row_budget).sample(
        [asked[3], asked[1]], samples=3, seed=1, places=[3, 1]
    )
    expected = [whole[place].rollouts for place in (3, 1)]
    assert [[r.tokens for r in group.rollouts] for group in part] == [
        [r.tokens for r in rollouts] for rollouts in expected
    ]


def test_a_prompt_without_room_for_a_response_is_named() -> None:
    short = TinyPolicy(hidden=32, context=16).build(TASK.tokens, seed=0)
    with pytest.raises(UserError, match=r"prompt 'words-.*expected at most 8 tokens .* got 1\d"):
        Sampler(short, 8).sample(prompts(1), samples=1, seed=0)


def test_a_chat_policy_asks_through_the_template(policy: Policy) -> None:
    tokenizer = TinyPolicy(hidden=32).build(TASK.tokens, seed=0).tokenizer
    tokenizer.chat_template = (
        "{% for m in messages %}start {{ m.content }}{% endfor %}"
        "{% if add_generation_prompt %} end{% endif %}"
    )
    ids = Policy(policy.model, tokenizer, is_chat=True).ask("amber dune")
    assert tokenizer.convert_ids_to_tokens(ids) == ["start", "amber", "dune", "end"]


def test_sampling_depends_on_the_seed_alone(policy: Policy) -> None:
    def texts(seed: int) -> list[str]:
        groups = Sampler(policy, 8).sample(prompts(3), samples=2, seed=seed)
        return [rollout.text for group in groups for rollout in group.rollouts]

    assert texts(1) == texts(1)
    assert texts(1) != texts(2)


def test_groups_come_in_the_order_of_the_prompts(policy: Policy) -> None:
    asked = prompts(4)
    groups = Sampler(policy, 8).sample(asked, samples=2, seed=0)
    assert [group.prompt for group in groups] == asked
    assert all(r.prompt_id == g.prompt.id for g in groups for r in g.rollouts)


def test_a_response_stops_at_the_end_token(policy: Policy) -> None:
    groups = Sampler(policy, 30).sample(prompts(8), samples=8, seed=0)
    rollouts = [rollout for group in groups for rollout in group.rollouts]
    end = policy.tokenizer.eos_token_id
    stopped = [rollout for rollout in rollouts if rollout.finish_reason == "stop"]
    assert stopped
    assert all(rollout.tokens.index(end) == len(rollout.tokens) - 1 for rollout in stopped)
    assert all(end not in r.tokens for r in rollouts if r.finish_reason == "length")


@pytest.mark.parametrize("chunk", [1, 3, 7, 100])
def test_chunked_logprobs_and_gradients_equal_the_naive_ones(chunk: int) -> None:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(7, 6, generator=generator, dtype=torch.float32)
    head, target = torch.nn.Linear(6, 11, bias=False), torch.tensor([0, 3, 10, 5, 5, 1, 2])
    naive_in, chunked_in = hidden.clone().requires_grad_(), hidden.clone().requires_grad_()
    naive = torch.log_softmax(head(naive_in), -1)[torch.arange(7), target]
    chunked, entropy = token_logprobs(chunked_in, head, target, chunk=chunk)
    naive.sin().sum().backward()
    chunked.sin().sum().backward()
    torch.testing.assert_close(chunked, naive)
    torch.testing.assert_close(chunked_in.grad, naive_in.grad)
    probabilities = torch.softmax(head(hidden), -1)
    torch.testing.assert_close(entropy, -(probabilities * probabilities.log()).sum(-1))


def test_offsets_of_words_point_at_the_words(policy: Policy) -> None:
    ids = policy.tokenizer("amber dune", add_special_tokens=False)["input_ids"]
    text, offsets = text_with_offsets(policy.tokenizer, [*ids, policy.tokenizer.eos_token_id])
    assert text == "amber dune"
    assert [text[start:end] for start, end in offsets] == ["amber", " dune", ""]


@pytest.mark.parametrize("text", ["plain words", "naïve café", "an emoji \N{SNOWMAN} here", ""])
def test_offsets_of_a_byte_level_tokenizer_cover_the_text(text: str) -> None:
    tokenizer = tiny_tokenizer()
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    decoded, offsets = text_with_offsets(tokenizer, ids)
    assert decoded == text
    covered = {place for start, end in offsets for place in range(start, end)}
    assert covered == set(range(len(text)))
