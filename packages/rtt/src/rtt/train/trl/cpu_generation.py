"""TRL's generation by vLLM on a machine without CUDA.

In: TRL's `VLLMGeneration`. Out: subclasses of it that differ in how vLLM is started and in how
weights get to it. In this process: single precision, no compilation, weights packed anew. From a
server on this machine: weights through a file in shared memory, which our worker extension reads,
because TRL's own way goes from GPU to GPU.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from lmcommon.extras import require
from rtt.engine.vllm_weights import reload_on_cpu

__all__ = ["generation_on_cpu"]

_TRL, _VLLM = "rtt-llm[trl]", "lmcommon[vllm]"
_START = (
    "start one with rtt-serve (VLLM_SERVER_DEV_MODE=1 and --worker-extension-cls "
    "rtt.engine.vllm_extension.WorkerExtension)"
)


def generation_on_cpu(theirs: Any, mode: str) -> Any:
    """A subclass of TRL's class.

    Args:
        theirs: `trl.generation.vllm_generation.VLLMGeneration`.
        mode: TRL's `vllm_mode`.
    """
    return (_served if mode == "server" else _colocated)(theirs)


def _colocated(theirs: Any) -> Any:
    class Colocated(theirs):  # type: ignore[misc]
        """vLLM in this process."""

        def _init_vllm(self) -> None:
            vllm, accelerator = require("vllm", extra=_VLLM), self.accelerator
            if self.tensor_parallel_size != 1:
                raise UserError(
                    "engine.vllm.tensor_parallel: expected 1 on a CPU; got "
                    f"{self.tensor_parallel_size}"
                )
            places = {  # what vLLM reads where a launcher has started the processes
                "RANK": accelerator.process_index, "LOCAL_RANK": accelerator.local_process_index,
                "WORLD_SIZE": accelerator.num_processes,
            }  # fmt: skip
            os.environ.update({key: str(value) for key, value in places.items()})
            require("trl.trainer.utils", extra=_TRL).ensure_master_addr_port()
            self.llm = vllm.LLM(
                model=self.model.name_or_path,
                dtype="float32",  # vLLM's own choice would round to bfloat16
                enforce_eager=True,
                max_model_len=self.max_model_length,
                max_num_seqs=self.max_num_seqs,
                model_impl=self.model_impl,
                trust_remote_code=self.trust_remote_code,
                distributed_executor_backend="external_launcher",
                max_num_batched_tokens=4096,
                seed=accelerator.process_index,
                logprobs_mode="processed_logprobs",  # at the sampling temperature
            )
            self.enable_sleep_mode = False  # there is no GPU to leave
            accelerator.wait_for_everyone()

        def sync_weights(self) -> None:
            driver = self.llm.llm_engine.model_executor.driver_worker
            reload_on_cpu(driver.model_runner, _kept(self))
            self.llm.reset_prefix_cache()

    return Colocated


def _served(theirs: Any) -> Any:
    class Served(theirs):  # type: ignore[misc]
        """vLLM as a server of this machine, which one run has to itself."""

        temperature: float
        accelerator: Any

        def _init_vllm(self) -> None:
            self._pushes = 0
            # The server divides its logits by it, so that its log-probabilities are at it too.
            self._asked, self.temperature = float(self.temperature), 1.0
            if self.accelerator.is_main_process:
                self.vllm_client = _client()(
                    base_url=self.server_base_url, connection_timeout=self.server_timeout
                )
                _ask(self.vllm_client, "rtt_weights_version")
            self.accelerator.wait_for_everyone()

        def sync_weights(self) -> None:
            named = {name: tensor.contiguous() for name, tensor in _kept(self)}
            if self.accelerator.is_main_process:
                self._pushes += 1
                _push(self.vllm_client, named, self._pushes)
                _ask(self.vllm_client, "rtt_set_temperature", repr(self._asked))
                self.vllm_client.reset_prefix_cache()

        def generate(self, *args: Any, **kwargs: Any) -> Any:
            # A server that was started again has the weights that it began with; it may have come
            # up while a request was waiting.
            while True:
                if self._is_another_server():
                    self.sync_weights()
                drawn = super().generate(*args, **kwargs)
                if not self._is_another_server():
                    return drawn

        def _is_another_server(self) -> bool:
            told = [False]
            if self.accelerator.is_main_process:
                told = [_ask(self.vllm_client, "rtt_weights_version")["version"] != self._pushes]
            require("accelerate.utils", extra=_TRL).broadcast_object_list(told)
            return told[0]

    return Served


def _client() -> Any:
    theirs: Any = require("trl.generation.vllm_client", extra=_TRL).VLLMClient

    class Client(theirs):  # type: ignore[misc]
        """TRL's client; TRL asks it whether log-probabilities are at the sampling temperature."""

        def get_server_info(self) -> dict[str, Any]:
            # They are, by our extension, in the modes that vLLM calls raw and processed.
            return {"model_config": {"logprobs_mode": "processed_logprobs"}}

    return Client


def _ask(client: Any, method: str, *arguments: str) -> Any:
    """Call a method of our extension in the server's worker; what the first one returns."""
    answer = client.session.post(
        f"{client.base_url}/collective_rpc", json={"method": method, "args": list(arguments)}
    )
    if answer.status_code != 200:
        raise UserError(
            f"engine.vllm.server_url: expected a vLLM server with our worker extension; "
            f"{client.base_url} answers {answer.status_code} to /collective_rpc; {_START}"
        )
    return answer.json()["results"][0]


def _push(client: Any, named: Mapping[str, Any], version: int) -> None:
    """Hand weights over by a file, which is gone afterwards however that ends."""
    safetensors = require("safetensors.torch", extra="lmcommon[hf]")
    with tempfile.TemporaryDirectory(prefix="rtt-weights-", dir=_shared_memory()) as folder:
        file = Path(folder) / "weights.safetensors"
        safetensors.save_file(named, file)
        _ask(client, "rtt_load_weights", str(file), str(version))


def _kept(generation: Any) -> Iterator[tuple[str, Any]]:
    """The weights under vLLM's names; copies, where adapters are merged only while this is read."""
    is_merged = hasattr(generation.model, "peft_config")
    for name, tensor in generation._iter_named_params():
        yield name, tensor.clone() if is_merged else tensor


def _shared_memory() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
