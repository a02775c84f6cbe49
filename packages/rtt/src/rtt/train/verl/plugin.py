"""What verl imports: `VERL_USE_EXTERNAL_MODULES=rtt.train.verl.plugin`.

Importing it registers, in every process of verl, the estimator `rtt` (`algorithm.adv_estimator`),
the reward manager `rtt` (`reward.reward_manager.name`) and the trainers `rtt_sync`,
`rtt_colocate_async` and `rtt_separate_async` (`trainer.v1.trainer_mode`).
"""

from rtt.train.verl.estimator import rtt_estimator
from rtt.train.verl.installed import verl_module
from rtt.train.verl.reward import RubricRewardManager
from rtt.train.verl.trainer import register_trainers

__all__ = ["NAME"]

NAME = "rtt"
"""Of the estimator and of the reward manager."""

verl_module("verl.trainer.ppo.core_algos").register_adv_est(NAME)(rtt_estimator)
verl_module("verl.experimental.reward_loop.reward_manager").register(NAME)(RubricRewardManager)
register_trainers()
