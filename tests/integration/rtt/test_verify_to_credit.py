"""From a text to the credit of its tokens: verify, spans, offsets, relevance, credit."""

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Rubric
from rtt.engine import text_with_offsets
from rtt.policy import TinyPolicy
from rtt.tasks import WordsTask
from rtt.train import Credit
from rtt.train.scoring import Scorer, score_tensors
from rtt.types import Group, Rollout

CRITERIA = (
    Criterion(id="a", text="", constraint_id="words:start", kwargs={"word": "amber"}),
    Criterion(id="b", text="", constraint_id="words:exclude", kwargs={"words": ["coral", "iris"]}),
    Criterion(id="c", text="", constraint_id="words:include", kwargs={"word": "jade"}),
    Criterion(id="d", text="", constraint_id="words:count", kwargs={"word": "dune", "count": 2}),
)


def test_satisfied_spans_rise_offences_fall_and_the_rest_balances() -> None:
    task = WordsTask()
    tokenizer = TinyPolicy(hidden=32).build(task.tokens, seed=0).tokenizer
    ids = tokenizer("amber coral dune dune", add_special_tokens=False)["input_ids"]
    text, offsets = text_with_offsets(tokenizer, ids)
    rollout = Rollout(
        prompt_id="p", tokens=tuple(ids), logprobs=(-1.0,) * 4, text=text, offsets=offsets
    )
    prompt = RubricPrompt(id="p", prompt="x", rubric=Rubric(CRITERIA))
    scored = Scorer().score([Group(prompt=prompt, rollouts=(rollout,))])
    sample = scored[0].samples[0]
    assert sample.satisfied == (True, False, False, True)
    assert sample.relevance == (
        (1.0, 0.0, 0.0, 0.0),  # the required first word
        (0.0, 1.0, 0.0, 0.0),  # the forbidden word
        (0.0, 0.0, 0.0, 0.0),  # a required word that is missing
        (1.0, 1.0, 1.0, 1.0),  # a count: the whole response
    )
    advantage, metrics = Credit(scheme="intra", weight=1.0).advantages(score_tensors(scored), 1)
    amber, coral, dune, second = advantage[0].tolist()
    # One relevant token of four is worth sqrt(3), the others -1/sqrt(3); the mean is over four.
    expected = (3**0.5 + 3**-0.5) / 4
    assert abs(amber - expected) < 1e-5
    assert abs(coral + expected) < 1e-5
    assert abs(dune) < 1e-6
    assert abs(second) < 1e-6
    assert metrics["all_satisfied"] == 0.0
    assert metrics["satisfied_rate"] == 0.5
