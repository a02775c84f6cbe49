"""The sources of a labelling run, opened: models, files, and the items of each.

In: settings and the run's folder. Out: source objects by name, in the order asked for. Models are
kept open by the stack that is given, and keep replies and costs in the folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from lmcommon.data.files import read_rows
from lmcommon.data.qa_feedback import load_marked
from lmcommon.data.types import RubricPrompt
from lmcommon.errors import UserError
from lmcommon.judge.types import Criterion, Rubric
from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import Sampling
from lmcommon.verify.registry import is_known
from rtt.discriminator.examples import LabelledResponse, read_examples
from rtt.engine.given import cut_words, read_given
from rtt.labelling.annotator import Annotator
from rtt.labelling.compliant import Compliant, compliant_responses
from rtt.labelling.people import people_examples
from rtt.labelling.rewriting import Rewriter
from rtt.labelling.rules import GivenText, prompt_id
from rtt.labelling.sources import (
    AnnotatedResponses,
    CheckedResponses,
    GivenRows,
    LabelSourceOf,
    MinimalEdits,
    Omissions,
    RuleRows,
)
from rtt.run.judging import open_model
from rtt.run.label_settings import LabelConfig
from rtt.verdicts.sources import JudgedVerdicts, VerdictSource

__all__ = ["ROLES", "STORED", "OpenSources"]

ROLES = ("judge", "annotator", "second", "writer")
STORED = "stored"


class OpenSources:
    """Opens what the sources of a run need, each thing once.

    Args:
        config: Settings.
        folder: Of the run.
        opened: Closes the models.
    """

    def __init__(self, config: LabelConfig, folder: Path, opened: ExitStack) -> None:
        self._config, self._folder, self._opened = config, folder, opened

    def open(self) -> dict[str, LabelSourceOf]:
        """The sources, in the order asked for.

        Raises:
            UserError: A file or a model cannot be used.
            DataError: A row is malformed.
        """
        return {name: getattr(self, f"_{name}")() for name in self._config.sources}

    def _rules(self) -> LabelSourceOf:
        config = self._config
        texts = [] if config.texts is None else _texts(config.texts)
        most = config.rules.longest_given
        is_usable = any(one.response.strip() and len(one.response) <= most for one in texts)
        if config.texts is not None and not is_usable:
            raise UserError(
                f"texts: expected responses of 1 to {most} characters; got {len(texts)}, none of "
                "that length; raise rules.longest_given"
            )
        return RuleRows(made=config.rules, seed=config.seed, total=config.rows, texts=texts)

    def _checked(self) -> LabelSourceOf:
        return CheckedResponses(answers=self._answers, source=self._verdicts)

    def _edits(self) -> LabelSourceOf:
        answers = [one for one in self._answers if one.prompt.rubric.criteria]
        return MinimalEdits(
            answers=answers[: self._config.edits], source=self._verdicts, seed=self._config.seed,
            rewriter=self._rewriter, annotators=self._annotators,
        )  # fmt: skip

    def _omissions(self) -> LabelSourceOf:
        assert self._rewriter is not None
        prompts = [one for one in self._prompts if one.rubric.criteria]
        return Omissions(
            prompts=prompts[: self._config.omissions], rewriter=self._rewriter,
            seed=self._config.seed, annotators=self._annotators,
        )  # fmt: skip

    def _annotator(self) -> LabelSourceOf:
        config = self._config
        answers = self._made_cases if config.data is None else self._answers
        wanted = "all" if config.data is None else config.annotate
        items = [
            (one.prompt, one.response, criterion)
            for one in answers
            for criterion in one.prompt.rubric.criteria
            if wanted in ("all", "checked" if _is_checked(criterion) else "judged")
        ]
        return AnnotatedResponses(
            items=items[: config.annotations], annotators=self._annotators, source=self._verdicts
        )

    def _people(self) -> LabelSourceOf:
        config = self._config
        rows = people_examples(
            load_marked(config.people), with_absent=config.people_absent,
            with_passages=config.people_passages,
        )  # fmt: skip
        return GivenRows(rows=list(rows))

    def _files(self) -> LabelSourceOf:
        rows = [row for path in self._config.files for row in read_examples(path)]
        return GivenRows(rows=[_named(row) for row in rows])

    @cached_property
    def _prompts(self) -> list[RubricPrompt]:
        """Of the data set, or made ones."""
        if self._config.data is not None:
            rows: list[RubricPrompt] = self._config.data.build()
            return rows
        made = compliant_responses(self._config.rules, self._config.seed)
        return [one.prompt for one in islice(made, self._config.omissions)]

    @cached_property
    def _answers(self) -> list[Compliant]:
        """Prompts with given responses, or with made ones that meet their rubrics."""
        config = self._config
        if config.data is None:
            return list(islice(compliant_responses(config.rules, config.seed), config.edits))
        if config.responses is None:
            raise UserError(
                "responses: expected responses to the prompts of data=; got none; give a file of "
                "them, or responses=stored for those that come with the prompts"
            )
        if config.responses == STORED:
            return _stored(self._prompts)
        given = read_given(config.responses, self._prompts, cut_words)
        return [
            Compliant(group.prompt, rollout.text)
            for group in given.groups
            for rollout in group.rollouts
        ]

    @cached_property
    def _made_cases(self) -> list[Compliant]:
        """Made responses with one criterion each, met or broken."""
        config = self._config
        cases = islice(config.rules.cases(config.seed), config.annotations)
        return [
            Compliant(
                RubricPrompt(
                    id=prompt_id(one.prompt), prompt=one.prompt, rubric=Rubric((one.criterion,)),
                    source="generated",
                ),
                one.response,
            )
            for one in cases
        ]  # fmt: skip

    @cached_property
    def _verdicts(self) -> VerdictSource:
        if self._config.verdicts is None:
            return JudgedVerdicts()
        judge = self._model("judge", self._config.judge_llm)
        source: VerdictSource = self._opened.enter_context(
            closing(self._config.verdicts.build(judge))
        )
        return source

    @cached_property
    def _annotators(self) -> Sequence[Annotator]:
        settings = {"annotator": self._config.annotator_llm, "second": self._config.second_llm}
        models = [self._model(role, one) for role, one in settings.items() if one is not None]
        return [Annotator(model=one, sampling=self._sampling) for one in models if one is not None]

    @cached_property
    def _rewriter(self) -> Rewriter | None:
        model = self._model("writer", self._config.writer_llm)
        if model is None:
            return None
        return Rewriter(model=model, source=self._verdicts, sampling=self._sampling)

    @property
    def _sampling(self) -> Sampling:
        return Sampling(max_tokens=self._config.max_tokens)

    def _model(self, role: str, settings: Any) -> ChatModel | None:
        return self._opened.enter_context(open_model(settings, self._folder, role=role))


def _is_checked(criterion: Criterion) -> bool:
    return criterion.constraint_id is not None and is_known(criterion.constraint_id)


def _stored(prompts: Sequence[RubricPrompt]) -> list[Compliant]:
    """The responses that come with the prompts of a set."""
    found = [
        Compliant(one, str(one.metadata["output"]))
        for one in prompts
        if one.metadata.get("output") is not None
    ]
    if not found:
        raise UserError(
            f"responses=stored: expected prompts that come with a response; none of {len(prompts)} "
            "does; give responses=FILE"
        )
    return found


def _texts(path: str) -> list[GivenText]:
    """Responses of any model, without rubrics."""
    origin = Path(path).name.split(".", 1)[0]
    return [
        GivenText(row.text_or("prompt"), row.text("response"), origin) for row in read_rows(path)
    ]


def _named(row: LabelledResponse) -> LabelledResponse:
    """A row of a file that says nothing of where it comes from."""
    return row if row.origin else replace(row, origin="file")
