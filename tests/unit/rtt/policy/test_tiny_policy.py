from itertools import islice

import pytest
import torch

from lmcommon.errors import UserError
from lmcommon.testing.tiny_lm import tiny_tokenizer
from rtt.engine import Sampler, text_with_offsets
from rtt.policy import Policy, TinyPolicy, response_logprobs
from rtt.policy.logprobs import token_logprobs
from rtt.relevance import UniformRelevance
from rtt.tasks import WordsTask
from rtt.train.advantage import Credit
from rtt.train.scoring import Scorer, score_tensors
from rtt.train.update import train_batch

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


def test_sampled_logprobs_are_those_of_the_trainer(policy: Policy) -> None:
    """Left padding, shared cache and right padding must not shift a position."""
    groups = Scorer(relevance=UniformRelevance()).score(
        Sampler(policy, 8).sample(prompts(5), samples=3, seed=1)
    )
    advantage, _ = Credit(scheme="none").advantages(score_tensors(groups), 3)
    batch = train_batch(policy, groups, advantage)
    logprob, entropy = response_logprobs(
        policy.model, batch.prompt_BL, batch.prompt_mask_BL, batch.response_BT, batch.mask_BT
    )
    torch.testing.assert_close(logprob, batch.old_logprob_BT, atol=2e-5, rtol=1e-5)
    assert (entropy[batch.mask_BT > 0] > 0).all()


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
