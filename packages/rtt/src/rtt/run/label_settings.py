"""Settings of rtt-label."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lmcommon.errors import UserError
from rtt.labelling.rules import RuleMade
from rtt.labelling.split import Split

__all__ = ["SOURCES", "LabelConfig"]

SOURCES = ("rules", "checked", "edits", "omissions", "annotator", "people", "files")
_ANNOTATED = ("judged", "checked", "all")


@dataclass(kw_only=True)
class LabelConfig:
    """Configuration of rtt-label."""

    sources: list[str] = field(default_factory=lambda: ["rules"])
    """rules: constraints drawn for made (or given) texts, labelled by the checker; checked: given
    responses, labelled by the checker; edits: compliant responses, one criterion broken with the
    smallest change; omissions: answers with one criterion withheld; annotator: responses marked by
    language models; people: QA-Feedback; files: rows that are labelled already."""
    seed: int = 0
    rows: int = 20_000
    """Of rules."""
    rules: RuleMade = field(default_factory=RuleMade)
    texts: str | None = None
    """For rules: a file of responses of any model (rows with response and perhaps prompt)."""
    data: Any = None
    """Prompts with rubrics: data=ifeval data.path=FILE. Without: made ones."""
    responses: str | None = None
    """Responses to them: a file of rows with response, and prompt or id; or stored: those that
    come with the prompts."""
    edits: int = 1000
    """Responses that are edited, at most."""
    omissions: int = 200
    """Prompts of which one criterion is withheld, at most."""
    annotations: int = 500
    """Responses and criteria that are put to the annotators, at most."""
    annotate: str = "judged"
    """Criteria for the annotators: judged (no program checks them), checked, all. Of made
    responses all are checked."""
    people: str = ""
    """QA-Feedback's file."""
    people_absent: bool = False
    """Whether an answer without a kind of error gives a row too."""
    people_passages: bool = False
    """Whether the passages stand in the prompt beside the question."""
    files: list[str] = field(default_factory=list)
    """Files of labelled responses."""
    verdicts: Any = None
    judge_llm: Any = None
    """What judges where verdicts=hybrid finds no program."""
    annotator_llm: Any = None
    second_llm: Any = None
    """A second annotator: only what both agree on is labelled."""
    writer_llm: Any = None
    """What writes edits that no rule finds, and omissions."""
    max_tokens: int = 1024
    """Of a reply of annotators and of the writer."""
    split: Split = field(default_factory=Split)
    batch: int = 64
    """Items at once: what a kill loses at most."""

    def __post_init__(self) -> None:
        self.sources, self.files = list(self.sources), list(self.files)
        known = ", ".join(SOURCES)
        if not self.sources or set(self.sources) - set(SOURCES):
            raise UserError(f"sources: expected one or more of {known}; got {self.sources}")
        if len(set(self.sources)) < len(self.sources):
            raise UserError(f"sources: expected each once; got {self.sources}")
        if self.annotate not in _ANNOTATED:
            raise UserError(
                f"annotate: expected one of {', '.join(_ANNOTATED)}; got {self.annotate!r}"
            )
        for key in ("rows", "edits", "omissions", "annotations", "batch", "max_tokens"):
            if getattr(self, key) < 1:
                raise UserError(f"{key}: expected at least 1; got {getattr(self, key)!r}")
        self._check_needs()

    def _check_needs(self) -> None:
        """Refuse a source without what it is made of."""
        needs = {
            "people": (self.people, "people=FILE (QA-Feedback's dev_feedback.json)"),
            "files": (self.files, "files=[FILE,...]"),
            "checked": (self.data is not None and self.responses, "data=... and responses=FILE"),
            "annotator": (self.annotator_llm is not None, "llm@annotator_llm=openai and its keys"),
            "omissions": (self.writer_llm is not None, "llm@writer_llm=openai and its keys"),
        }
        for name, (given, wanted) in needs.items():
            if name in self.sources and not given:
                raise UserError(f"sources={name}: expected {wanted}; got nothing")
        if self.responses is not None and self.data is None:
            raise UserError(
                "responses: expected the prompts they answer; give data= and data.path="
            )
        if self.second_llm is not None and self.annotator_llm is None:
            raise UserError("second_llm: expected a first annotator, annotator_llm; got none")
