"""GEPA as it comes, as a baseline: no attribution, no gate.

Round robin over the prompts, epoch-shuffled minibatches of three, a strict improvement on the
minibatch, then the whole validation set; parents come from the Pareto front. The reflection prompt
and the reading of its reply are GEPA's own. A record shows one random use of the prompt, as
DSPy's adapter does, with the metric as text. One thing is added: templates have placeholders that
GEPA does not know of, so a rewrite that could not be loaded is sent back once with what it broke,
as every method here does, and is refused if it breaks a rule again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lmcommon.llm.types import Message
from memtrace.optimizing.blaming import Blamer
from memtrace.optimizing.evaluator import Evaluator
from memtrace.optimizing.gepa.adapter import Adapter
from memtrace.optimizing.gepa.search import Search, gepa_module
from memtrace.optimizing.proposing import Proposer, ReplyForm
from memtrace.optimizing.records import blind_record
from memtrace.optimizing.settings import BlindSettings
from memtrace.optimizing.types import Decision, Optimization, Scored, Splits, Version
from memtrace.optimizing.versions import VersionLog

__all__ = ["blind_gepa"]


def blind_gepa(
    evaluator: Evaluator, splits: Splits, proposer: Proposer, *,
    settings: BlindSettings | None = None, on_version: Callable[[Version], None] | None = None,
) -> Optimization:  # fmt: skip
    """Improve the prompts of a system with stock GEPA.

    Args:
        evaluator: Scores candidates, within a limit.
        splits: What to learn from and to decide by.
        proposer: Asks the reflection model.
        settings: Of the loop.
        on_version: Called with each version as it is decided.

    Returns:
        The version that GEPA holds for the best.

    Raises:
        MissingExtraError: GEPA is not installed.
    """
    settings = settings or BlindSettings()
    search = Search(
        evaluator, splits, VersionLog(evaluator, on_version), idle=settings.idle,
        patience=settings.patience,
    )  # fmt: skip
    return search.run(
        "gepa_blind", _BlindAdapter(search, proposer, settings.seed), seed=settings.seed,
        reflection_minibatch_size=settings.minibatch, acceptance_criterion=_Improvement(search),
    )  # fmt: skip


class _BlindAdapter(Adapter):
    """Records and rewrites as GEPA makes them without help."""

    def __init__(self, search: Search, proposer: Proposer, seed: int) -> None:
        super().__init__(search)
        self._proposer, self._seed = proposer, seed
        self._blamer = Blamer(search.evaluator)  # to open traces; it attributes nothing
        self._signature = gepa_module(
            "gepa.strategies.instruction_proposal"
        ).InstructionProposalSignature
        self._form = ReplyForm(read=self._read, told="within ``` blocks")

    def rows(self, component: str, trajectories: Sequence[Scored]) -> list[dict[str, Any]]:
        """One random use in each run that came to a score."""
        records = [
            blind_record(one, self._blamer.reader(one), component, self._seed)
            for one in trajectories
            if one.score is not None and one.answer is not None and one.trace is not None
        ]
        return [one.to_dict() for one in records if one is not None]

    def texts(
        self, candidate: dict[str, str], rows: Mapping[str, Sequence[Mapping[str, Any]]]
    ) -> dict[str, str]:
        """One request a component, in GEPA's words."""
        texts, refused = {}, {}
        for name, shown in rows.items():
            if not shown:
                refused[name] = "no question shows a use of it"
                continue
            request = self._signature.prompt_renderer({
                "current_instruction_doc": candidate[name], "dataset_with_feedback": shown,
                "prompt_template": None,
            })  # fmt: skip
            proposal = self._proposer.ask(
                name, [Message("user", request)], self._proposer.rules(name),
                draw=self.search.number, present=candidate[name], form=self._form,
            )  # fmt: skip
            if proposal.refused is None:
                texts[name] = proposal.text
            else:
                refused[name] = proposal.refused
        if not texts:
            decision = Decision(accepted=False, reason="no usable rewrite")
            self.search.decided(candidate, candidate, decision, refused=refused)
        return texts

    def _read(self, reply: str) -> str | None:
        text: str = self._signature.output_extractor(reply.strip())["new_instruction"]
        return text or None


class _Improvement:
    """GEPA's strict improvement on the minibatch, over questions with both scores."""

    def __init__(self, search: Search) -> None:
        self._search = search

    def should_accept(self, proposal: Any, state: Any) -> bool:
        """Whether the child has more right answers than its parent.

        Args:
            proposal: GEPA's proposal.
            state: GEPA's state.
        """
        pairs = [
            (old.score, new.score)
            for old, new in zip(
                proposal.eval_before.outputs, proposal.eval_after.outputs, strict=True
            )
            if old.score is not None and new.score is not None
        ]
        before, after = sum(old for old, _ in pairs), sum(new for _, new in pairs)
        parent = state.program_candidates[proposal.parent_program_ids[0]]
        return self._search.decided(parent, proposal.candidate, Decision(
            accepted=after > before, wins=sum(new > old for old, new in pairs),
            losses=sum(new < old for old, new in pairs),
            reason=f"{after:g} of the minibatch are right, {before:g} were",
        ))  # fmt: skip
