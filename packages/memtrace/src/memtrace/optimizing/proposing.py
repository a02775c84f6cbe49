"""Another wording of a prompt: what a reflection model is asked, and what may come of it.

In: a prompt, records of its use, and the rules it must keep. Out: a `Proposal`. A reply that breaks
a rule is sent back once with what it broke; what breaks one again is refused and never tried.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lmcommon.llm.base import ChatModel
from lmcommon.llm.types import ChatRequest, Message, Sampling
from lmcommon.prompt import Prompt, load_prompt
from memtrace.memory.templates import ChatTemplate
from memtrace.optimizing.template_rules import TemplateRules
from memtrace.optimizing.types import Proposal, Record, Spending

__all__ = ["Proposer", "ReplyForm", "read_prompt", "told_records", "with_sentence"]

_REPLY = re.compile(r"<prompt>\n?(.*?)\n?</prompt>", re.DOTALL)
_PREPARED = ("component", "text", "tried", "cases", "rules")
_MARK = re.compile(r"^### (?:system|user|assistant)$", re.MULTILINE)
_FIELD = re.compile(r"\{[A-Za-z_]\w*\}")
_QUOTES = "\"'`*\u201c\u201d "


@dataclass(frozen=True, slots=True)
class ReplyForm:
    """How a reply holds a new text.

    Example: `ReplyForm(read=read_prompt, told="between <prompt> and </prompt>")`
    """

    read: Callable[[str], str | None]
    """Finds it; None: there is none."""
    told: str
    """The form in words, for the one who replies."""


class Proposer:
    """Asks a reflection model for other wordings.

    Args:
        model: The reflection model.
        prompts: The templates of the system, as they were before the loop.
        spending: Where its calls are counted.
        temperature: Of its replies.
        max_tokens: Of a reply; the new prompt must fit.
    """

    def __init__(
        self, model: ChatModel, prompts: Mapping[str, Prompt], spending: Spending, *,
        temperature: float = 1.0, max_tokens: int = 8192,
    ) -> None:  # fmt: skip
        self._model, self._prompts, self._spending = model, prompts, spending
        self._sampling = Sampling(temperature=temperature, max_tokens=max_tokens)
        self._template = ChatTemplate(
            load_prompt("memtrace.optimizing", "prompts/rewrite.md", _PREPARED)
        )
        self._sentence = ChatTemplate(
            load_prompt("memtrace.optimizing", "prompts/sentence.md", _PREPARED[:-1])
        )

    def rules(self, component: str, secrets: Sequence[str] = ()) -> TemplateRules:
        """The rules of one prompt."""
        return TemplateRules(self._prompts[component], frozenset(secrets))

    def propose(
        self, component: str, text: str, records: Sequence[Record], *,
        secrets: Sequence[str] = (), tried: Sequence[str] = (), draw: int = 0,
        edit: str = "rewrite",
    ) -> Proposal:  # fmt: skip
        """Ask for a new text.

        Args:
            component: The prompt's name.
            text: Its text now.
            records: Uses of it: failures, and successes that must stay.
            secrets: Answers of the cases, which the new text must not hold.
            tried: Texts that were tried before and refused by the gate.
            draw: Which independent reply this is.
            edit: `rewrite`: the whole text is written anew; `sentence`: one sentence is added.
        """
        rules = self.rules(component, secrets)
        if edit == "sentence":
            added = self._sentence.fill(
                component=component, text=text, cases=told_records(records),
                tried=_told_tried([_difference(text, one) for one in tried]),
            )  # fmt: skip
            form = ReplyForm(read=lambda reply: with_sentence(text, reply), told="of one sentence")
            return self.ask(component, added, rules, draw=draw, present=text, form=form)
        messages = self._template.fill(
            component=component, text=text, cases=told_records(records),
            tried=_told_tried(tried), rules="\n".join(f"- {rule}" for rule in rules.described()),
        )  # fmt: skip
        return self.ask(component, messages, rules, draw=draw, present=text)

    def ask(
        self, component: str, messages: Sequence[Message], rules: TemplateRules, *,
        draw: int = 0, present: str = "", form: ReplyForm | None = None,
    ) -> Proposal:  # fmt: skip
        """Send a request for a rewrite, and read it; what breaks a rule is sent back once.

        Args:
            component: The prompt's name.
            messages: The request.
            rules: What the new text must keep.
            draw: Which independent reply this is.
            present: The text now: the same again is refused.
            form: How a reply holds the text; None: between <prompt> and </prompt>.
        """
        form = form or ReplyForm(read=read_prompt, told="between <prompt> and </prompt>")
        broken: list[str] = []
        for _ in range(2):
            reply, failure = self.complete(messages, draw)
            if failure is not None:
                return Proposal(component=component, text="", refused=f"no reply: {failure}")
            text = form.read(reply)
            if text is None:
                broken = [f"the reply holds no text {form.told}"]
            elif text.strip() == present.strip():
                return Proposal(component=component, text=text, refused="it changes nothing")
            else:
                broken = rules.broken_by(text)
                if not broken:
                    return Proposal(component=component, text=text)
            again = "It cannot be used:\n" + "\n".join(f"- {one}" for one in broken)
            messages = (*messages, Message("assistant", reply), Message("user", (
                f"{again}\n\nReply again with the whole prompt {form.told}."
            )))  # fmt: skip
        return Proposal(component=component, text=text or "", refused="; ".join(broken))

    def complete(self, messages: Sequence[Message], draw: int = 0) -> tuple[str, str | None]:
        """One reply, or why there is none; counted."""
        request = ChatRequest(messages=tuple(messages), sampling=self._sampling, draw=draw)
        (response,) = self._model.generate([request])
        usage, spending = response.usage, self._spending
        spending.reflection_calls += 1
        spending.prompt_tokens += usage.prompt_tokens
        spending.completion_tokens += usage.completion_tokens
        spending.cost_usd += usage.cost_usd
        if response.failure is not None:
            return "", f"{response.failure.kind}: {response.failure.message}"
        return response.text, None


def with_sentence(text: str, reply: str) -> str | None:
    """A prompt with one more sentence, where its instructions end; None: the reply holds none.

    They end before the second message, or before the first paragraph with a placeholder.

    Args:
        text: The prompt.
        reply: What the model said: the last line that is not empty counts.
    """
    lines = [line.strip(_QUOTES) for line in reply.splitlines() if line.strip(_QUOTES)]
    sentence = _FIELD.sub("", lines[-1].removeprefix("- ")).strip() if lines else ""
    if len(sentence.split()) < 3 or sentence.startswith("#"):
        return None
    sentence = sentence if sentence[-1] in ".!?" else f"{sentence}."
    marks = list(_MARK.finditer(text))
    if len(marks) > 1:
        end = marks[1].start()
        return f"{text[:end].rstrip()} {sentence}\n{text[end:]}"
    paragraphs = text.split("\n\n")
    with_field = [n for n, one in enumerate(paragraphs) if _FIELD.search(one)]
    if not with_field:
        return f"{text.rstrip()} {sentence}"
    place = with_field[0]
    if place:
        paragraphs[place - 1] += f" {sentence}"
    else:
        paragraphs.insert(0, sentence)
    return "\n\n".join(paragraphs)


def _difference(before: str, after: str) -> str:
    """What a text has that another one has not, sentence by sentence."""
    known = set(re.split(r"(?<=[.!?])\s+", before))
    return " ".join(one for one in re.split(r"(?<=[.!?])\s+", after) if one not in known)


def read_prompt(reply: str) -> str | None:
    """The last whole text between the marks; None: there is none."""
    found = _REPLY.findall(reply)
    return None if not found else found[-1].strip("\n")


def told_records(records: Sequence[Record]) -> str:
    """Records as text, in the headings that GEPA uses."""
    return "\n\n".join(_told(number, record) for number, record in enumerate(records, 1))


def _told(number: int, record: Record) -> str:
    parts = [f"# Example {number}"]
    parts += [f"## {heading}\n{text}" for heading, text in record.to_dict().items()]
    return "\n".join(parts)


def _told_tried(tried: Sequence[str]) -> str:
    return "\n".join(_tried_lines(tried))


def _tried_lines(tried: Sequence[str]) -> Iterator[str]:
    if tried:
        yield "# Versions that were tried and did not help\n"
        for text in tried[-2:]:
            yield f"<tried>\n{text}\n</tried>\n"
        yield ""
