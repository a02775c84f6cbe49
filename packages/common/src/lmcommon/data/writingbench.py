"""WritingBench: writing tasks, each with five criteria that a judge grades from 1 to 10.

Wu et al., 2025, arXiv 2503.05244 (Apache-2.0). A criterion describes what to look at and what each
band of two points looks like. The score of a text is the mean of its grades.
"""

from __future__ import annotations

from lmcommon.data.rows import Row
from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Rubric

__all__ = ["BANDS", "PASS_MARK", "SCALE", "parse_writingbench"]

SCALE = (1.0, 10.0)
BANDS = ("1-2", "3-4", "5-6", "7-8", "9-10")
"""Names of the fields that describe what a grade looks like."""
PASS_MARK = 7.0
"""Grade from which a criterion counts as satisfied where a yes or no is needed: the lowest of the
two upper bands. Ours; the benchmark itself only takes means."""


def parse_writingbench(row: Row) -> RubricPrompt:
    """Read one task. `metadata`: `domain` (its criteria's tag too), `subdomain`, `language`."""
    domain = row.text_or("domain1")
    return RubricPrompt(
        id=row.scalar_text("index"),
        prompt=row.text("query"),
        rubric=Rubric(
            tuple(
                _criterion(one, place, domain)
                for place, one in enumerate(row.unpacked("checklist").rows("checklist"))
            )
        ),
        source="writingbench",
        metadata={
            "domain": domain,
            "subdomain": row.text_or("domain2"),
            "language": row.text_or("lang"),
        },
    )


def _criterion(one: Row, place: int, domain: str) -> Criterion:
    name = one.text("name")
    bands = [f"{band}: {one.text(band)}" for band in BANDS]
    return Criterion(
        id=f"c{place}",
        text="\n".join([f"{name}: {one.text('criteria_description')}", *bands]),
        scale=SCALE,
        pass_mark=PASS_MARK,
        tags=(domain,) if domain else (),
    )
