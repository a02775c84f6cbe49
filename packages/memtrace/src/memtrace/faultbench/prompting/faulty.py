"""Pipelines whose prompts are at fault, and those that no prompt can repair.

Each is a pipeline of FaultBench with other prompts (or settings) under the prompted model. A prompt
is at fault in one of two ways: it asks for something wrong, or it does not ask for something that a
careless model then leaves undone. The packaged prompts are a repair of every one of them; others
are as good.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from memtrace.faultbench.pipelines import CONFIGS, pipeline_of
from memtrace.faultbench.prompting.texts import (
    CLASSIC_EXTRACTION,
    QA,
    RERANK,
    REWRITE,
    SUMMARY,
    UPDATE,
)
from memtrace.faultbench.types import Pipeline
from memtrace.memory.config import MemoryConfig

__all__ = ["PROMPT_FAULTS", "PromptFault"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFault:
    """A pipeline to be repaired.

    Example: `PromptFault(name="x", base="rag_hybrid", prompts={"qa": "..."}, at_fault=("qa",),
    in_words="qa gives the first value")`
    """

    name: str
    base: str
    """The pipeline of FaultBench that it is made of."""
    prompts: Mapping[str, str] = field(default_factory=dict)
    """The faulty wordings, by the system's names of its prompts."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings that differ from the pipeline's."""
    at_fault: tuple[str, ...] = ()
    """The prompts that are at fault; none for controls."""
    in_words: str
    """What is wrong with it; never shown to whatever repairs it."""

    def config(self, prompts: Mapping[str, str] | None = None) -> MemoryConfig:
        """The settings of the memory system.

        Args:
            prompts: Wordings in place of the faulty ones; None: the faulty ones. An empty mapping
                gives the packaged prompts, which is the pipeline repaired.
        """
        _, make = CONFIGS[self.base]
        wordings = dict(self.prompts if prompts is None else prompts)
        return replace(make(), prompts=wordings, **self.settings)

    def pipeline(self, prompts: Mapping[str, str] | None = None) -> Pipeline:
        """The pipeline, for any model.

        Args:
            prompts: As in `config`.
        """
        system, _ = CONFIGS[self.base]
        return pipeline_of(self.name, system, lambda: self.config(prompts))


_ROOMY = {"budget_tokens": 850, "summary_tokens": 425}
"""Room for whatever a good summary holds, so that the prompt decides."""

PROMPT_FAULTS: Mapping[str, PromptFault] = {
    one.name: one
    for one in (
        PromptFault(
            name="summary_numbers", base="long_context_summary", settings=_ROOMY,
            at_fault=("summary",),
            prompts={"summary": SUMMARY.format(
                "Keep every name and place. Leave out dates, codes and other numbers, and ignore "
                "changes."
            )},
            in_words="summary asks to leave out what questions ask for",
        ),
        PromptFault(
            name="summary_vague", base="long_context_summary", settings=_ROOMY,
            at_fault=("summary",),
            prompts={"summary": SUMMARY.format("Sum up what was said.")},
            in_words="summary does not ask for dates, codes, corrections and ends",
        ),
        PromptFault(
            name="summary_important_qa_first", base="long_context_summary", settings=_ROOMY,
            at_fault=("summary", "qa"),
            prompts={
                "summary": SUMMARY.format(
                    "Keep every date, code and change. Note only what is important."
                ),
                "qa": QA.format(
                    "Answer the question from the notes. Give the first value that the notes "
                    "mention. Give only the answer, in a few words."
                ),
            },
            in_words="summary drops small topics, qa prefers the oldest value",
        ),
        PromptFault(
            name="qa_guesses", base="long_context_summary", settings=_ROOMY, at_fault=("qa",),
            prompts={"qa": QA.format(
                "Answer the question. If the notes do not say, make your best guess. Give the "
                "first value that is mentioned. Reply in a few words."
            )},
            in_words="qa guesses where the notes tell nothing, and prefers the oldest value",
        ),
        PromptFault(
            name="qa_explains", base="rag_hybrid", at_fault=("qa",),
            prompts={"qa": QA.format("Help with the question.")},
            in_words="qa does not say that the notes count, nor that the answer is to be short",
        ),
        PromptFault(
            name="qa_doubts", base="rag_hybrid", at_fault=("qa",),
            prompts={"qa": QA.format(
                "Answer the question from the notes. When in doubt, say that you do not know. "
                "Give only the answer, in a few words."
            )},
            in_words="qa abstains wherever there are two values or two steps",
        ),
        PromptFault(
            name="rewrite_keyword", base="rag_hybrid", at_fault=("rewrite",),
            prompts={"rewrite": REWRITE.format(
                "Turn the question into a search query. Use only one keyword, and leave names "
                "out. Reply with the query only."
            )},
            in_words="rewrite asks for too short a query",
        ),
        PromptFault(
            name="rerank_oldest_rewrite_vague", base="rag_hybrid", at_fault=("rewrite", "rerank"),
            prompts={
                "rewrite": REWRITE.format("Make a search query. Reply with the query only."),
                "rerank": RERANK.format(
                    "Put the oldest passages first. Reply with their numbers only, separated by "
                    "commas."
                ),
            },
            in_words="rewrite does not ask for names, rerank goes by age",
        ),
        PromptFault(
            name="mem0_instructions_numbers", base="mem0", at_fault=("instructions",),
            prompts={"instructions": (
                "Write plain sentences. Leave out codes and numbers, and skip corrections. "
                "Ignore dates."
            )},
            in_words="instructions ask to leave out what questions ask for",
        ),
        PromptFault(
            name="mem0_own_qa_doubts", base="mem0", at_fault=("instructions", "qa"),
            prompts={
                "instructions": "Only note what users say about themselves. Skip preferences.",
                "qa": QA.format(
                    "Answer the question from the notes. Answer only if you are certain. Give "
                    "only the answer, in a few words."
                ),
            },
            in_words="instructions drop other people, qa abstains too soon",
        ),
        PromptFault(
            name="classic_vague", base="mem0_classic", at_fault=("extraction",),
            prompts={"extraction": CLASSIC_EXTRACTION.format("Note what the messages say.")},
            in_words="extraction does not ask for dates, codes, corrections and ends",
        ),
        PromptFault(
            name="classic_never_changes", base="mem0_classic", at_fault=("update",),
            prompts={"update": UPDATE.format(
                "Add new facts. Never change a memory that exists."
            )},
            in_words="update keeps the first state of everything",
        ),
        PromptFault(
            name="classic_overwrites_qa_guesses", base="mem0_classic", at_fault=("update", "qa"),
            prompts={
                "update": UPDATE.format(
                    "Add new facts. When a value changes, drop the old value. Ignore corrections."
                ),
                "qa": QA.format(
                    "Answer the question. Always give an answer. Give only the answer, in a few "
                    "words."
                ),
            },
            in_words="update loses earlier values and corrections, qa guesses",
        ),
        PromptFault(
            name="control_summary", base="long_context_summary", settings=_ROOMY,
            in_words="nothing is wrong: the packaged prompts",
        ),
        PromptFault(
            name="control_rag", base="rag_hybrid",
            in_words="nothing is wrong: the packaged prompts",
        ),
        PromptFault(
            name="not_prompt_top_k", base="rag_hybrid", settings={"top_k": 1},
            in_words="top_k is too small: no prompt repairs that",
        ),
    )
}  # fmt: skip
"""By name."""
