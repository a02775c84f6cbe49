"""Reading requests of every known form: the current prompt, the examples, the feedback.

Forms:

- GEPA's own: the current text in a fence after "instructions to perform a task for me:", then
  `# Example n` with `## Inputs`, `## Generated Outputs`, `## Feedback`;
- the same examples with any other `##` headings, the current text between `<prompt>` and
  `</prompt>`; examples under `## Kept` are no failures;
- three prompts by the first line of the system message: `Give feedback on one prompt` (one case,
  in headings, tags or `Label:` lines, and the prompt between tags), `Merge feedback` (feedbacks
  behind lines `--- feedback n`) and `Rewrite the prompt` (prompt and `<feedback>` between tags).
"""

from __future__ import annotations

import re

from lmcommon.llm.types import ChatRequest
from memtrace.faultbench.prompting.reflecting.examples import record_of
from memtrace.faultbench.prompting.reflecting.types import Record, Request, Task

__all__ = ["request_of"]

_STARTS: tuple[tuple[str, Task], ...] = (
    ("give feedback on one prompt", "feedback"),
    ("merge feedback", "aggregate"),
    ("rewrite the prompt", "rewrite"),
)
_GEPA = re.compile(r"task for me:\n```\n?(.*?)\n?```\n\nThe following are examples", re.DOTALL)
_FENCED = re.compile(r"```\w*\n(.*?)\n?```", re.DOTALL)
_PROMPT = re.compile(r"^<prompt>\n(.*?)\n?^</prompt>", re.DOTALL | re.MULTILINE)
"""On lines of their own: a sentence that speaks of the tags is not the prompt."""
_FEEDBACK = re.compile(r"<feedback>\n?(.*?)\n?</feedback>", re.DOTALL)
_EXAMPLE = re.compile(r"^# Example \d+.*$", re.MULTILINE)
_AFTER = re.compile(
    r"^```|^<prompt>|^# (?:(?:Your )?task|Rules|Reply|Now|What to do)\b",
    re.MULTILINE | re.IGNORECASE,
)
"""What follows the last example."""
_BULLET = re.compile(r"^[-*] .*$", re.MULTILINE)
_FORBIDS = re.compile(
    r"(?:do not|don't|never|must not|no) (?:\w+ ){0,4}(?:cop(?:y|ies)|mention|name|values?|names?)"
    r"[^.\n]{0,60}|not (?:\w+ ){0,6}from the examples",
    re.IGNORECASE,
)


def request_of(request: ChatRequest) -> Request | None:
    """What a request asks for; None if it is of no known form."""
    text = "\n\n".join(message.content for message in request.messages)
    task: Task = next(
        (task for start, task in _STARTS if text.lstrip("# ").lower().startswith(start)),
        "proposal",
    )
    if task == "aggregate":
        return Request(task=task, text=text, told=request.messages[-1].content)
    tagged = _PROMPT.findall(text)
    fenced = _GEPA.search(text) or _FENCED.search(text)
    if not tagged and (task != "proposal" or fenced is None):
        return None
    current = tagged[0] if tagged else fenced[1] if fenced else ""
    rest = text.replace(current, "", 1) if current else text
    told = _FEEDBACK.search(rest)
    return Request(
        task=task, text=text, current=current, is_tagged=bool(tagged),
        records=_records(rest, task, request), told=told[1] if told else "",
        forbids_copying=_FORBIDS.search(_outside(text)) is not None,
    )  # fmt: skip


def _records(text: str, task: Task, request: ChatRequest) -> tuple[Record, ...]:
    if task == "rewrite":
        return ()
    if task == "feedback":
        return (record_of(_PROMPT.sub("", request.messages[-1].content)),)
    pieces = _EXAMPLE.split(text)[1:]
    ends = _AFTER.search(pieces[-1]) if pieces else None
    if ends is not None:
        pieces[-1] = pieces[-1][: ends.start()]
    return tuple(map(record_of, pieces))


def _outside(text: str) -> str:
    """The text before the examples, and every rule in a list: where copying may be forbidden."""
    before = _PROMPT.sub("", text)
    first = _EXAMPLE.search(before)
    start = first.start() if first else len(before)
    return "\n".join([before[:start], *_BULLET.findall(before, start)])
