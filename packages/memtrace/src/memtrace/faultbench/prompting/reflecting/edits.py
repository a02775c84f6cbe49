"""How the reflection model words what it found, and how often it errs: all of it as data.

Every chance is drawn from the text of the request, so that the same request gets the same reply.
"""

from __future__ import annotations

from collections.abc import Mapping

from memtrace.faultbench.prompting.types import Job

__all__ = ["CHANCES", "MOST_EDITS", "SENTENCES", "TOPICS", "WEAK"]

MOST_EDITS = 2
"""Findings that one rewrite acts on: the best founded ones."""

CHANCES: Mapping[str, float] = {
    "imperfect": 1 / 8,   # a well-founded rewrite that goes wrong:
    "weak": 1 / 2,        #   of these, a wording that only wishes; else a sentence gets lost
    "placeholder": 1 / 20,  # any rewrite loses a placeholder
    "copied": 1 / 6,      # a value of an example gets into the prompt, unless that is forbidden
    "form": 1 / 2,        # nothing was seen, but the right answer's form tells what may be missing
}  # fmt: skip

SENTENCES: Mapping[Job, Mapping[tuple[str, str], str]] = {
    "notes": {
        ("dates", "keep"): "Keep every date.",
        ("dates", "drop"): "Leave out dates.",
        ("codes", "keep"): "Keep every code and number.",
        ("codes", "drop"): "Leave out codes and numbers.",
        ("corrections", "keep"): "Keep every correction of something said before.",
        ("corrections", "drop"): "Leave out corrections.",
        ("changes", "keep"): "Note every change, with the new value.",
        ("changes", "drop"): "Leave out changes.",
        ("endings", "keep"): "Note what has ended and what became of it.",
        ("endings", "drop"): "Leave out what has ended.",
        ("others", "keep"): "Note what is said of other people, and who they are.",
        ("others", "drop"): "Leave out other people.",
        ("relations", "keep"): "Note who is whose friend or relative.",
        ("relations", "drop"): "Leave out relationships.",
        ("tastes", "keep"): "Keep every preference.",
        ("tastes", "drop"): "Leave out preferences.",
        ("select", "all"): "Note every fact, however small.",
        ("select", "important"): "Note only what is important.",
        ("select", "own"): "Only note what users say about themselves.",
        ("exact", "yes"): "Use the exact words.",
        ("limit", "none"): "Write as many notes as needed.",
        ("brief", "no"): "Do not shorten facts.",
        ("reply", "json"): "Reply with JSON.",
    },
    "update": {
        ("corrections", "keep"): "Take corrections into account.",
        ("corrections", "drop"): "Ignore corrections.",
        ("existing", "change"): "Update the memory when a new fact changes it.",
        ("existing", "never"): "Never change a memory that exists.",
        ("history", "keep"): "Keep the old value beside the new one.",
        ("history", "drop"): "Drop the old value when there is a new one.",
        ("endings", "keep"): "When something ends, note what became of it.",
    },
    "qa": {
        ("source", "notes"): "Answer from the notes.",
        ("unknown", "say"): "If the notes do not say, say that you do not know.",
        ("unknown", "guess"): "If the notes do not say, make your best guess.",
        ("value", "latest"): "Give the latest value.",
        ("value", "first"): "Give the first value.",
        ("form", "short"): "Give only the answer, in a few words.",
        ("dateform", "full"): "Give the full date: day, month and year.",
        ("hops", "many"): "Combine notes where it takes several.",
        ("corrections", "keep"): "Take corrections into account.",
        ("corrections", "drop"): "Ignore corrections.",
        ("codes", "keep"): "Give out codes when they are asked for.",
        ("dates", "keep"): "Give out dates when they are asked for.",
    },
    "rewrite": {
        ("names", "keep"): "Keep every name.",
        ("names", "drop"): "Leave out names.",
        ("size", "full"): "Keep every fact that is asked for.",
        ("size", "few"): "Use two or three keywords.",
        ("more", "yes"): "Add words that a matching note would use.",
        ("more", "no"): "Do not add other words.",
        ("reply", "bare"): "Reply with the query only.",
    },
    "rerank": {
        ("order", "helpful"): "Put the passages that help to answer the question first.",
        ("order", "oldest"): "Put the oldest passages first.",
        ("reply", "numbers"): "Reply with their numbers only.",
    },
}
"""How a finding is worded well: job to topic and way."""

WEAK: Mapping[Job, str] = {
    "notes": "Try to be mindful of {topic} where it fits.",
    "update": "Consider the {topic} where it fits.",
    "qa": "Ideally pay attention to the {topic}.",
    "rewrite": "Try to consider the {topic} if possible.",
    "rerank": "Ideally consider the {topic} of the passages.",
}
"""How it is worded so that nothing follows."""


TOPICS: Mapping[str, str] = {
    "others": "other people", "select": "small facts", "exact": "wording", "limit": "length",
    "brief": "length", "existing": "older memories", "history": "older values",
    "source": "notes", "unknown": "questions without an answer", "value": "different values",
    "form": "form of the answer", "dateform": "dates", "hops": "several notes",
    "size": "length", "more": "wording", "order": "order", "reply": "form of the reply",
}  # fmt: skip
"""What a weak wording calls a topic, if not by its own name."""
