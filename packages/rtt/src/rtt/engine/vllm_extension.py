"""What a vLLM worker learns from us: take weights from a file, sample at a temperature.

Given to vLLM as `worker_extension_cls`; every worker process then has these methods and the trainer
calls them over `collective_rpc`. It imports nothing heavy: vLLM is there already.
"""

from __future__ import annotations

from typing import Any

__all__ = ["WorkerExtension"]


class WorkerExtension:
    """Methods added to vLLM's worker; `self.model_runner` is vLLM's."""

    model_runner: Any
    rtt_version: int = -1
    rtt_scale: float | None = None

    def rtt_weights_version(self) -> dict[str, int]:
        """Which weights it samples from; -1: those it was started with."""
        return {"version": self.rtt_version}

    def rtt_load_weights(self, path: str, version: str) -> dict[str, int]:
        """Take over a safetensors file with names as in the checkpoint."""
        import torch
        from safetensors.torch import load_file

        tensors = load_file(path)
        if torch.cuda.is_available():
            with torch.no_grad():
                self.model_runner.get_model().load_weights(iter(tensors.items()))
        else:
            from rtt.engine.vllm_weights import reload_on_cpu

            reload_on_cpu(self.model_runner, tensors.items())
        self.rtt_version = int(version)
        return {"version": self.rtt_version}

    def rtt_set_temperature(self, temperature: str) -> dict[str, float]:
        """Divide the model's logits by a temperature, so that raw log-probabilities are at it."""
        processor = self.model_runner.get_model().logits_processor
        if self.rtt_scale is None:
            self.rtt_scale = float(processor.scale)
        processor.scale = self.rtt_scale / float(temperature)
        return {"temperature": float(temperature)}
