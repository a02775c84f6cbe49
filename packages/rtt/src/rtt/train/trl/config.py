"""`RTTConfig`: TRL's `GRPOConfig` and the few settings that it has not."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from lmcommon.errors import UserError
from rtt.train.advantage import Credit
from rtt.train.trl.installed import GRPOConfig

__all__ = ["RTTConfig"]

_OPTIONS = {"token_kernel": ("chunked", "trl"), "response_advantage": ("rtt", "trl")}
_OWN_RESPONSE = ("gdpo", "two_channel", "cort")
"""Schemes whose response part is their own, or that multiply it."""


@dataclass
class RTTConfig(GRPOConfig):  # type: ignore[misc]
    """Settings of `RTTTrainer`: everything of `trl.GRPOConfig`, and below.

    The paper's loss is TRL's default (`loss_type="dapo"`: clipped, mean over tokens, no KL), but
    for the upper clip, which is 0.27 here. Sampling temperature and the like are TRL's.

    Example:
        `RTTConfig(output_dir="out", num_generations=8, credit={"scheme": "intra",
        "reward": "aon", "weight": 0.5})` is RTT-AON as in the paper.

    Raises:
        UserError: A setting that has no meaning together with token credit.
    """

    _VALID_DICT_FIELDS = [*GRPOConfig._VALID_DICT_FIELDS, "credit"]  # noqa: RUF012

    epsilon_high: float | None = field(
        default=0.27, metadata={"help": "Upper clip of the ratio; the paper: 0.27 (Qwen)."}
    )
    credit: dict | str | None = field(  # type: ignore[type-arg]
        default=None,
        metadata={
            "help": "Fields of `rtt.train.advantage.Credit` (or one): scheme, reward, combine, "
            "weight, eps. None: the paper's RTT-AON."
        },
    )
    response_advantage: str = field(
        default="rtt",
        metadata={
            "help": "Whose group normalisation of the reward: 'rtt' (paper's code: eps 1e-6) or "
            "'trl' (eps 1e-4, `scale_rewards`, further reward functions)."
        },
    )
    token_kernel: str = field(
        default="chunked",
        metadata={
            "help": "Log-probabilities by 'chunked' (ours) or 'trl'. A model whose head does more "
            "than a matrix product uses TRL's in any case."
        },
    )
    rollout_file: str | None = field(
        default=None,
        metadata={"help": "Write every training response with its credit to this .jsonl file."},
    )

    def __post_init__(self) -> None:
        for key, options in _OPTIONS.items():
            if getattr(self, key) not in options:
                raise UserError(
                    f"{key}: expected one of {', '.join(options)}; got {getattr(self, key)!r}"
                )
        if self.num_generations < 2:
            raise UserError(
                "num_generations: expected at least 2 samples a prompt, which are compared with "
                f"each other; got {self.num_generations}"
            )
        given: Any = self.credit
        if isinstance(given, Credit):
            self.credit = asdict(given)
        super().__post_init__()
        credit = self.build_credit()
        if self.response_advantage == "trl" and credit.scheme in _OWN_RESPONSE:
            raise UserError(
                f"response_advantage: expected 'rtt' with credit.scheme={credit.scheme!r}, which "
                "is no sum of a response part and a token part; got 'trl'"
            )
        if self.response_advantage == "rtt" and self.scale_rewards != "group":
            raise UserError(
                f"scale_rewards: expected 'group' with response_advantage='rtt'; "
                f"got {self.scale_rewards!r}; set response_advantage='trl' to use it"
            )
        is_per_row = self.vllm_importance_sampling_mode.startswith("sequence")
        is_corrected = self.use_vllm and self.vllm_importance_sampling_correction
        if self.loss_type == "vespo" and is_corrected and is_per_row:
            raise UserError(
                "vllm_importance_sampling_mode: expected token_truncate or token_mask with "
                f"loss_type='vespo'; got {self.vllm_importance_sampling_mode!r}"
            )
        if self.remove_unused_columns:
            raise UserError(
                "remove_unused_columns: expected False, because the rubric is a column of the "
                "data set; got True"
            )

    def build_credit(self) -> Credit:
        """The credit scheme.

        Raises:
            UserError: An unknown field, or a value that it refuses.
        """
        if self.credit is None:
            return Credit()
        if not isinstance(self.credit, dict):
            raise UserError(f"credit: expected a mapping of fields of Credit; got {self.credit!r}")
        if unknown := sorted(set(self.credit) - set(Credit.__dataclass_fields__)):
            raise UserError(
                f"credit: expected some of {', '.join(Credit.__dataclass_fields__)}; got {unknown}"
            )
        return Credit(**self.credit)
