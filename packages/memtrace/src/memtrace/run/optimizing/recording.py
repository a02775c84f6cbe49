"""Recording what is to be improved, where there is no trace yet.

In: conversations, a system, a model, a judge. Out: `recording/trace.db` in the run folder. A
recording that was killed is made again from the start, so that every history lies in one memory;
replies that were paid for are kept beside it, and asked for once.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from lmcommon.data.types import Conversation
from lmcommon.judge.base import AnswerJudge
from lmcommon.llm.base import ChatModel
from lmcommon.llm.cache import CachedModel
from lmcommon.runlog import Run, write_atomic
from memtrace.evaluate.opening import opened
from memtrace.memory.config import MemoryConfig
from memtrace.run.optimizing.standing import Standing
from memtrace.run.pipeline import Work, record_work

__all__ = ["REPLIES", "record_once"]

REPLIES = "loop/replies"
"""Where new replies of the system's model are kept, for recording and replays alike."""


def record_once(
    run: Run, conversations: Sequence[Conversation], memory: MemoryConfig, model: ChatModel,
    judge: AnswerJudge, *, llm: object = None, batch_size: int = 32,
) -> Path:  # fmt: skip
    """Let a system answer every question, recorded; what is finished is not done again.

    Args:
        run: In whose folder.
        conversations: Histories and questions.
        memory: The system.
        model: Answers.
        judge: Compares answers.
        llm: The configuration of the model, for later replays.
        batch_size: Questions answered together.

    Returns:
        The trace.
    """
    folder = run.folder / "recording"
    path, mark = folder / "trace.db", folder / "finished"
    if mark.is_file():
        return path
    shutil.rmtree(folder, ignore_errors=True)
    replies = run.folder / REPLIES
    replies.parent.mkdir(parents=True, exist_ok=True)
    kept = CachedModel(Standing(model), replies)
    try:
        make = memory.build(kept)
        if memory.prompts:  # a wrong name is told before anything is recorded
            with opened(make, ""):
                pass
        work = [Work(memory.label, make, one, "") for one in conversations]
        total = sum(len(one.questions) for one in conversations)
        part = Run(folder, seed=run.seed)
        done = record_work(part, work, judge, batch_size=batch_size, llm=llm)
        failed = sum(
            episode.failure_kind is not None
            for episode in run.progress(done, "recording", total=total)
        )
    finally:
        kept.close()
    if failed:
        run.console.print(
            f"{failed} of {total} questions were not answered (see {folder}/episodes.jsonl); they "
            "are asked again when the loop comes to them", highlight=False,
        )  # fmt: skip
    write_atomic(mark, "")
    return path
