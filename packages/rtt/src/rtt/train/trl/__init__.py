"""The TRL engine: `RTTTrainer(GRPOTrainer)` and `RTTConfig(GRPOConfig)`.

In: a model, prompts with rubrics, a `Scorer`. Out: TRL's trainer, all of it, with a per-token
advantage in place of one a response, and our log-probability kernel in place of its own. Needs
`rtt-llm[trl]`. What is relied on in TRL is pinned by `tests/contract/test_trl.py`.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.train.trl.config import RTTConfig
    from rtt.train.trl.dataset import rubric_dataset
    from rtt.train.trl.trainer import RTTTrainer

__all__ = ["RTTConfig", "RTTTrainer", "rubric_dataset"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "RTTConfig": "rtt.train.trl.config",
        "RTTTrainer": "rtt.train.trl.trainer",
        "rubric_dataset": "rtt.train.trl.dataset",
    },
)
