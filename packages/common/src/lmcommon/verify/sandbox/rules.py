"""Rules from the data, run by a pool of sandbox processes. Making one is the switch."""

from __future__ import annotations

import queue
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from lmcommon.errors import UserError
from lmcommon.judge.types import Verdict
from lmcommon.verify.sandbox.types import SandboxLimits
from lmcommon.verify.sandbox.worker import SandboxWorker

__all__ = ["Rule", "SandboxedRules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule and what it is applied to.

    Example: `Rule(source="def check_following(instruction, response): return True",
    instruction="Say yes.", response="yes")`
    """

    source: str
    """Python source that defines `check_following(instruction, response) -> bool`."""
    instruction: str
    response: str


class SandboxedRules:
    """Runs rules in processes of their own, several at a time.

    Use it as a context manager, or close it. A rule that raises, gives no bool, takes too long,
    uses too much memory or breaks its process is an *unscored* verdict that says so.

    Args:
        limits: Of each rule.
        workers: Processes at a time.
        require_filter: Refuse to run where system calls cannot be filtered; without the filter
            only time, memory and the environment are guarded, not the network or the files.

    Raises:
        UserError: The processes do not start, or have no filter.
    """

    def __init__(
        self, limits: SandboxLimits | None = None, *, workers: int = 2, require_filter: bool = True
    ) -> None:
        if workers < 1:
            raise ValueError(f"workers: expected at least 1, got {workers!r}")
        self.limits = limits or SandboxLimits()
        self._workers = [SandboxWorker(self.limits) for _ in range(workers)]
        self._idle: queue.SimpleQueue[SandboxWorker] = queue.SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="rules")
        try:
            self._workers[0].start()
            if require_filter and not self._workers[0].has_filter:
                raise UserError(
                    "sandboxed rules: expected a system whose calls can be filtered (Linux on "
                    "x86-64 or ARM64, seccomp allowed), got another; run them there, or set "
                    "require_filter=False and trust the rules with network and files"
                )
        except UserError:
            self.close()
            raise

    @property
    def identity(self) -> Mapping[str, Any]:
        """JSON-able facts that decide the verdicts."""
        return {"kind": "rules", "version": 1, "limits": asdict(self.limits)}

    @property
    def has_filter(self) -> bool:
        """Whether network, processes and file changes are shut out too."""
        return self._workers[0].has_filter

    @property
    def starts(self) -> int:
        """Processes started so far; more than `workers`: some broke."""
        return sum(worker.starts for worker in self._workers)

    @property
    def process_ids(self) -> tuple[int, ...]:
        """The processes that run now."""
        ids = (worker.process_id for worker in self._workers)
        return tuple(one for one in ids if one is not None)

    def run(self, rules: Sequence[Rule]) -> list[Verdict]:
        """One verdict a rule, in order; the spans are None: a rule does not say what decides."""
        return list(self._threads.map(self._run_one, rules))

    def _run_one(self, rule: Rule) -> Verdict:
        worker = self._idle.get()
        try:
            answer = worker.ask(rule.source, rule.instruction, rule.response)
        finally:
            self._idle.put(worker)
        if "result" in answer:
            return Verdict(satisfied=bool(answer["result"]), source="program")
        return Verdict.unscored(f"rule: {answer['failure']}", source="program")

    def close(self) -> None:
        """End the processes."""
        self._threads.shutdown(wait=True)
        for worker in self._workers:
            worker.close()

    def __enter__(self) -> SandboxedRules:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
