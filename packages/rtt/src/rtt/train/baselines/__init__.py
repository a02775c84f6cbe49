"""Baselines beside reinforcement learning: supervised fine-tuning and DPO, by TRL's own trainers.

In: recorded responses with their verdicts (`rollouts.jsonl`). Out: examples or pairs chosen by the
verdicts, as the token ids that TRL's trainers train on. Choosing is pure; the trainers need
`rtt-llm[trl]`.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.train.baselines.choosing import Chosen, Example, Pair, choose_examples, choose_pairs
    from rtt.train.baselines.settings import DpoBaseline, SftBaseline
    from rtt.train.baselines.trainers import dpo_trainer, sft_trainer

__all__ = [
    "Chosen", "DpoBaseline", "Example", "Pair", "SftBaseline", "choose_examples", "choose_pairs",
    "dpo_trainer", "sft_trainer",
]  # fmt: skip

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Chosen": "rtt.train.baselines.choosing",
        "DpoBaseline": "rtt.train.baselines.settings",
        "Example": "rtt.train.baselines.choosing",
        "Pair": "rtt.train.baselines.choosing",
        "SftBaseline": "rtt.train.baselines.settings",
        "choose_examples": "rtt.train.baselines.choosing",
        "choose_pairs": "rtt.train.baselines.choosing",
        "dpo_trainer": "rtt.train.baselines.trainers",
        "sft_trainer": "rtt.train.baselines.trainers",
    },
)
