"""Views and records to draw, and a strict reader of pages."""

from __future__ import annotations

from html.parser import HTMLParser

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Rubric, Verdict
from rtt.records import RolloutRecord
from rtt.show import CreditView, CriterionView
from rtt.types import Rollout, ScoredRollout

_VOID = {"meta", "input", "br"}


class Page(HTMLParser):
    """Reads a page as a browser would, and notes what must not be there."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.titles: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        if self.open:
            self.faults.append(f"never closed: {self.open}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append((tag, found))
        if "title" in found:
            self.titles.append(found["title"])
        for name, value in found.items():
            if name.startswith("on") or name in ("src", "srcset", "action", "data", "xlink:href"):
                self.faults.append(f"<{tag} {name}={value!r}>")
            if name == "href" and not value.startswith("#"):
                self.faults.append(f"<{tag} href={value!r}>")
        if tag in ("script", "link", "iframe", "img", "object", "base", "form"):
            self.faults.append(f"<{tag}>")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1] != tag:
            self.faults.append(f"</{tag}> closes {self.open[-1:]}")
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += data


def view(*tokens: str, sample: int = 0, advantage: tuple[float, ...] = ()) -> CreditView:
    """A response of `tokens` under two criteria, the second of them unscored."""
    words = tokens or ("amber", " dune")
    zeros = (0.0,) * len(words)
    return CreditView(
        prompt="start amber :",
        label="RTT-AON",
        tokens=words,
        advantage=advantage or (1.25, -0.5, *zeros)[: len(words)],
        criteria=(
            CriterionView(
                text='Begin with "amber".', satisfied=True, relevance=(1.0, *zeros[1:]),
                part=(0.5, *zeros[1:]), source="program", kind="words:start",
            ),
            CriterionView(
                text="Be kind.", satisfied=None, relevance=zeros, source="judge",
                reason="judge is down",
            ),
        ),
        prompt_id="p",
        sample=sample,
    )  # fmt: skip


def record(
    *, text: str = "amber dune", offsets: tuple[tuple[int, int], ...] = ((0, 5), (5, 10)),
    verdicts: tuple[bool | None, ...] = (True, False),
    relevance: tuple[tuple[float, ...], ...] = (), advantage: tuple[float, ...] = (),
    step: int = 0, group: int = 0, sample: int = 0, prompt_id: str = "p",
) -> RolloutRecord:  # fmt: skip
    """A record of a response under as many criteria as there are verdicts."""
    count = len(offsets)
    default = ((1.0, *(0.0,) * (count - 1)), ((0.0,) * (count - 1)) + (1.0,))
    return RolloutRecord(
        step=step, group=group, sample=sample, advantage=advantage, label="RTT-AON",
        prompt=RubricPrompt(
            id=prompt_id, prompt="Write.", source="test",
            rubric=Rubric(tuple(
                Criterion(id=f"c{k}", text=f"Criterion {k}.", constraint_id=f"words:kind{k}")
                for k in range(len(verdicts))
            )),
        ),
        scored=ScoredRollout(
            rollout=Rollout(
                prompt_id=prompt_id, tokens=tuple(range(count)), logprobs=(-1.0,) * count,
                text=text, offsets=offsets, finish_reason="stop",
            ),
            verdicts=tuple(
                Verdict.unscored("judge is down") if one is None
                else Verdict(satisfied=one, source="program")
                for one in verdicts
            ),
            relevance=relevance or default[: len(verdicts)],
        ),
    )  # fmt: skip
