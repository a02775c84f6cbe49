"""HealthBench: conversations about health with weighted criteria by physicians, for a judge.

Arora et al., 2025, arXiv 2505.08775 (MIT). A criterion has points, from -10 to 10; one of negative
points names something bad and is met when the bad thing happens. The score of a response is the sum
of the points of the criteria it meets over the sum of the positive points; the mean over prompts
takes it clipped to [0, 1]. Its owners ask that the rows are not put on public pages in plain text.
"""

from __future__ import annotations

from typing import Any

from lmcommon.data.messages import as_metadata, read_messages
from lmcommon.data.rows import Row
from lmcommon.data.types import RubricPrompt, transcript
from lmcommon.judge.types import Criterion, Rubric

__all__ = ["parse_healthbench"]


def parse_healthbench(row: Row) -> RubricPrompt:
    """Read one conversation.

    The points become the weights, the sign kept. `metadata`: `themes` (the row's own tags),
    `canary` (keep it with whatever is made of the row), `ideal_completion` where there is one, and
    `messages` if there are several.
    """
    messages = read_messages(row, "prompt")
    metadata: dict[str, Any] = {
        "themes": list(row.texts("example_tags")) if row.has("example_tags") else [],
        "canary": row.text_or("canary"),
        **as_metadata(messages),
    }
    if row.has("ideal_completions_data"):
        ideal = row.row("ideal_completions_data")
        if ideal.has("ideal_completion"):
            metadata["ideal_completion"] = ideal.text("ideal_completion")
    return RubricPrompt(
        id=row.text("prompt_id"),
        prompt=transcript(messages),
        rubric=Rubric(
            tuple(
                Criterion(
                    id=f"c{place}",
                    text=one.text("criterion"),
                    weight=one.number("points"),
                    tags=one.texts("tags") if one.has("tags") else (),
                )
                for place, one in enumerate(row.rows("rubrics"))
            )
        ),
        source="healthbench",
        metadata=metadata,
    )
