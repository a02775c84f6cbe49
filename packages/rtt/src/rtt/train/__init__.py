"""Training: GRPO with token-level rubric credit."""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from rtt.train.advantage import Credit
    from rtt.train.evaluation import Evaluation, evaluate
    from rtt.train.local.engine import LocalEngine
    from rtt.train.local.settings import TrainSettings, UpdateSettings
    from rtt.train.local.trainer import LocalTrainer
    from rtt.train.warm import WarmStart

__all__ = [
    "Credit", "Evaluation", "LocalEngine", "LocalTrainer", "TrainSettings", "UpdateSettings",
    "WarmStart", "evaluate",
]  # fmt: skip

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Credit": "rtt.train.advantage",
        "Evaluation": "rtt.train.evaluation",
        "evaluate": "rtt.train.evaluation",
        "LocalEngine": "rtt.train.local.engine",
        "LocalTrainer": "rtt.train.local.trainer",
        "TrainSettings": "rtt.train.local.settings",
        "UpdateSettings": "rtt.train.local.settings",
        "WarmStart": "rtt.train.warm",
    },
)
