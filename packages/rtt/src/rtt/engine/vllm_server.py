"""A vLLM server on this machine as a rollout engine: what is drawn there is trained here.

In: prompts as token ids over HTTP. Out: responses as they end. Weights go through a file in shared
memory (or a folder that both see), which the server's workers read on demand. A server that goes
away for a while is waited for; one that comes back with other weights is given ours again before
anything is drawn from it. Start one with `rtt-serve`.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import Tensor

from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.extras import require
from rtt.engine.asking import ask, rollout_of, sample_seeds
from rtt.engine.base import Finished, SamplesByStream
from rtt.engine.drawing import Sampling
from rtt.policy.tiny import Policy

__all__ = ["VllmServerRollouts", "VllmServerRolloutsSettings"]

_PAUSE_S = 0.5


class VllmServerRollouts(SamplesByStream):
    """A `RolloutEngine` on a vLLM server that one trainer has to itself. One call at a time.

    Args:
        policy: Gives tokenizer and chat template; the server must run the same architecture.
        max_tokens: Of a response.
        sampling: How tokens are drawn.
        url: Of the server, without `/v1`.
        concurrency: Requests under way at once; vLLM batches them.
        patience_s: How long a server that does not answer is waited for.
        timeout_s: Of one response.
        folder: Where weights are handed over; server and trainer must both see it.

    Raises:
        UserError: The server does not answer, or lacks our worker extension.
    """

    holds_weights = True
    """What it samples from stands still while the policy trains."""

    def __init__(
        self,
        policy: Policy,
        max_tokens: int,
        sampling: Sampling | None = None,
        *,
        url: str = "http://127.0.0.1:8000",
        concurrency: int = 64,
        patience_s: float = 120.0,
        timeout_s: float = 600.0,
        folder: str | Path | None = None,
    ) -> None:
        self.policy, self.max_tokens = policy, max_tokens
        self.sampling = sampling or Sampling()
        self._url, self._patience_s, self._timeout_s = url.rstrip("/"), patience_s, timeout_s
        if folder is not None:
            Path(folder).mkdir(parents=True, exist_ok=True)
        # Goes with the engine even if nobody closes it: shared memory is memory.
        self._made = TemporaryDirectory(prefix="rtt-weights-", dir=folder or _shared_memory())
        self._folder = Path(self._made.name)
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="rollout")
        self._file: Path | None = None
        self._version = -1
        self._temperature = 1.0
        self._is_open = True
        try:
            self._model = str(self._patiently("GET", "/v1/models")["data"][0]["id"])
            self._server_version()
        except BaseException:
            self.close()
            raise

    def stream(
        self,
        prompts: Sequence[RubricPrompt],
        *,
        samples: int,
        seed: int,
        version: int = 0,
        places: Sequence[int] | None = None,
        sampling: Sampling | None = None,
    ) -> Iterator[Finished]:
        """Draw `samples` responses to each prompt, each yielded when it ends.

        See `RolloutEngine.stream`; for seeds the same holds as for `VllmRollouts`.

        Raises:
            UserError: A prompt leaves no room for a response, or the server stayed away.
        """
        self._check_open()
        sampling = sampling or self.sampling
        asked = [ask(self.policy, prompt, self.max_tokens) for prompt in prompts]
        places = range(len(prompts)) if places is None else places
        self._prepare(sampling.temperature)
        under_way: dict[Future[tuple[list[int], list[float]]], tuple[int, int]] = {
            self._pool.submit(self._draw, ids, own, sampling): (number, sample)
            for number, (ids, place) in enumerate(zip(asked, places, strict=True))
            for sample, own in enumerate(sample_seeds(seed, place, samples))
        }
        try:
            while under_way:
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    prompt, sample = under_way.pop(future)
                    tokens, logprobs = future.result()
                    rollout = rollout_of(self.policy, prompts[prompt].id, tokens, logprobs, version)
                    yield Finished(prompt=prompt, sample=sample, rollout=rollout)
        finally:
            for future in under_way:
                future.cancel()

    def update(self, weights: Iterable[tuple[str, Tensor]], *, version: int) -> None:
        """Hand the policy's weights to the server; cached prefixes of the old ones are dropped.

        Args:
            weights: As `rtt.engine.weights.policy_weights` gives them.
            version: Optimiser steps taken; a version that it has already is not sent again.
        """
        self._check_open()
        if version == self._version and self._server_version() == version:
            return
        if self._file is not None:
            self._file.unlink(missing_ok=True)  # first: shared memory may not hold two
        file = self._folder / f"weights-{version}.safetensors"
        self._save({name: tensor.detach().cpu().contiguous() for name, tensor in weights}, file)
        self._file, self._version = file, version
        self._push()

    def close(self) -> None:
        """Forget the server, which goes on; remove the weights' files. Idempotent."""
        self._is_open = False
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._made.cleanup()

    def _draw(
        self, ids: Sequence[int], seed: int, sampling: Sampling
    ) -> tuple[list[int], list[float]]:
        body = {
            "model": self._model, "prompt": list(ids), "max_tokens": self.max_tokens,
            "temperature": 1.0,  # it is in the logits already
            "top_p": sampling.top_p, "top_k": sampling.top_k or 0, "seed": seed, "logprobs": 0,
            "return_token_ids": True, "ignore_eos": True,
            "stop_token_ids": sorted(self.policy.end_ids), "skip_special_tokens": False,
        }  # fmt: skip
        choice = self._patiently("POST", "/v1/completions", body, again=self._recover)["choices"][0]
        tokens = list(choice["token_ids"])
        logprobs = [float(value) for value in choice["logprobs"]["token_logprobs"]]
        if len(tokens) != len(logprobs) or not tokens:
            raise UserError(
                f"sampler: expected a log-probability for each token from {self._url}; got "
                f"{len(tokens)} tokens and {len(logprobs)} log-probabilities; expected vLLM 0.22 "
                "or newer"
            )
        return tokens, logprobs

    def _save(self, state: Mapping[str, Tensor], file: Path) -> None:
        safetensors = require("safetensors", extra="lmcommon[hf]")
        try:
            require("safetensors.torch", extra="lmcommon[hf]").save_file(state, file)
        except (OSError, safetensors.SafetensorError) as error:
            size = sum(tensor.nbytes for tensor in state.values())
            raise UserError(
                f"sampler.folder: expected room for the policy's weights ({size / 1e9:.1f} GB) in "
                f"{file.parent}; got {error}; give sampler.folder=FOLDER, which the server sees too"
            ) from error

    def _prepare(self, temperature: float) -> None:
        """What the server must know before it draws: our weights, the temperature."""
        if self._server_version() != self._version:
            self._push()
        self._rpc("rtt_set_temperature", repr(temperature))
        self._temperature = temperature

    def _recover(self) -> None:
        """The server was away: it may be a new one, with the weights that it was started with."""
        self._prepare(self._temperature)

    def _push(self) -> None:
        if self._file is None:
            raise UserError(
                f"sampler: the server at {self._url} has weights of another run (version "
                f"{self._server_version()}); start it anew with rtt-serve, or train with it, which "
                "gives it the policy's"
            )
        told = self._rpc("rtt_load_weights", str(self._file), str(self._version))
        if told.get("version") != self._version:
            raise UserError(f"sampler: {self._url} did not take over the weights: {told!r}")
        if not self._patiently("POST", "/reset_prefix_cache").get("success", True):
            raise UserError(
                f"sampler: {self._url} did not drop its cached prefixes: other requests are "
                "under way; expected a server that this trainer has to itself"
            )

    def _server_version(self) -> int:
        return int(self._rpc("rtt_weights_version")["version"])

    def _rpc(self, method: str, *arguments: str) -> Mapping[str, Any]:
        body = {"method": method, "args": list(arguments)}
        results = self._patiently("POST", "/collective_rpc", body)["results"]
        first: Mapping[str, Any] = results[0]
        return first

    def _check_open(self) -> None:
        if not self._is_open:
            raise UserError("sampler: expected an open engine; this one is closed")

    def _patiently(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, again: Any = None
    ) -> Any:
        """One request, repeated while nobody answers; `again` is called once somebody does."""
        deadline = time.monotonic() + self._patience_s
        was_away = False
        while True:
            try:
                if was_away and again is not None:
                    again()
                return self._request(method, path, body)
            except urllib.error.HTTPError as error:
                if error.code < 500:
                    raise self._refused(path, error) from error
                told = f"{error.code} {error.reason}"
            except (OSError, http.client.HTTPException, json.JSONDecodeError) as error:
                told = str(getattr(error, "reason", error)) or type(error).__name__
            if time.monotonic() > deadline:
                raise UserError(
                    f"sampler: no answer from the vLLM server at {self._url} for "
                    f"{self._patience_s:g} s ({told}); start it with rtt-serve, then go on from "
                    "the last checkpoint with resume="
                )
            was_away = True
            time.sleep(_PAUSE_S)

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        request = urllib.request.Request(
            self._url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=self._timeout_s) as answer:
            text = answer.read()
        return json.loads(text) if text else {}

    def _refused(self, path: str, error: urllib.error.HTTPError) -> UserError:
        told = error.read().decode(errors="replace")[:300]
        if path == "/collective_rpc":
            return UserError(
                f"sampler: expected a vLLM server with our worker extension at {self._url}; it "
                f"answers {error.code} to {path}; start it with rtt-serve (VLLM_SERVER_DEV_MODE=1 "
                "and --worker-extension-cls rtt.engine.vllm_extension.WorkerExtension)"
            )
        return UserError(f"sampler: {self._url}{path} refuses the request: {told}")


@dataclass(kw_only=True)
class VllmServerRolloutsSettings:
    """A vLLM server that rtt-serve started, for this run alone."""

    url: str = "http://127.0.0.1:8000"
    concurrency: int = 64
    """Requests under way at once."""
    patience_s: float = 120.0
    """How long a server that does not answer is waited for."""
    timeout_s: float = 600.0
    """Of one response."""
    folder: str | None = None
    """Where weights are handed over; null: this machine's shared memory."""

    def build(
        self, policy: Policy, *, max_tokens: int, sampling: Sampling, row_budget: int, seed: int
    ) -> VllmServerRollouts:
        """Connect to the server; see `RolloutSettings.build`."""
        return VllmServerRollouts(
            policy, max_tokens, sampling, url=self.url,
            concurrency=min(self.concurrency, row_budget), patience_s=self.patience_s,
            timeout_s=self.timeout_s, folder=self.folder,
        )  # fmt: skip


def _shared_memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
