"""Training: GRPO with token-level rubric credit. Here the local engine: torch only, one process."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.train.advantage import Credit
    from rtt.train.evaluation import Evaluation, evaluate
    from rtt.train.trainer import LocalTrainer, TrainSettings
    from rtt.train.warm import WarmStart

__all__ = ["Credit", "Evaluation", "LocalTrainer", "TrainSettings", "WarmStart", "evaluate"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Credit": "rtt.train.advantage",
        "Evaluation": "rtt.train.evaluation",
        "evaluate": "rtt.train.evaluation",
        "LocalTrainer": "rtt.train.trainer",
        "TrainSettings": "rtt.train.trainer",
        "WarmStart": "rtt.train.warm",
    },
)
