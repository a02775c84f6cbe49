"""What the prompted model understands: wordings that settle a topic, and wordings that do not."""

from __future__ import annotations

import pytest

from memtrace.faultbench.prompting.phrases import PHRASES
from memtrace.faultbench.prompting.reflecting.edits import SENTENCES, TOPICS, WEAK
from memtrace.faultbench.prompting.reflecting.hunches import SUSPECTS, UNFOUNDED
from memtrace.faultbench.prompting.types import JOBS, Job
from memtrace.faultbench.prompting.understanding import ATTENTION, brief_of, settled

SETTLED: list[tuple[Job, str, dict[str, str]]] = [
    ("notes", "Keep every date.", {"dates": "keep"}),
    ("notes", "Always write down the day on which something happened.", {"dates": "keep"}),
    ("notes", "Dates must be kept.", {"dates": "keep"}),
    ("notes", "Don't forget the codes.", {"codes": "keep"}),
    ("notes", "Leave out dates and codes.", {"dates": "drop", "codes": "drop"}),
    ("notes", "Numbers can be left out.", {"codes": "drop"}),
    ("notes", "Do not note numbers.", {"codes": "drop"}),
    ("notes", "Keep everything except dates.", {"dates": "drop"}),
    ("notes", "Do not drop corrections.", {"corrections": "keep"}),
    ("notes", "Ignore corrections.", {"corrections": "drop"}),
    ("notes", "Note every change.", dict.fromkeys(("changes", "corrections", "endings"), "keep")),
    ("notes", "Note what has ended.", {"endings": "keep"}),
    ("notes", "Skip what people have given up.", {}),
    ("notes", "Leave out other people.", {"others": "drop", "relations": "drop"}),
    ("notes", "Note what is said of other people.", {"others": "keep", "relations": "keep"}),
    ("notes", "Skip preferences.", {"tastes": "drop"}),
    ("notes", "Note only what is important.", {"select": "important"}),
    ("notes", "Keep only the essential points.", {"select": "important"}),
    ("notes", "Only note what users say about themselves.", {"select": "own"}),
    ("notes", "Note every fact, however small.", {"select": "all"}),
    ("notes", "At most two facts a message.", {"limit": "2"}),
    ("notes", "Write no more than 7 notes.", {"limit": "7"}),
    ("notes", "Write as many notes as needed.", {"limit": "none"}),
    ("notes", "Keep the notes short.", {"brief": "yes"}),
    ("notes", "Do not shorten facts.", {"brief": "no"}),
    ("notes", "Use general terms instead of exact values.", {"exact": "no"}),
    ("notes", "Use the exact words.", {"exact": "yes"}),
    ("update", "Never change a memory that exists.", {"existing": "never"}),
    ("update", "Leave the memories as they are.", {"existing": "never"}),
    ("update", "Update the memory when a new fact changes it.", {"existing": "change"}),
    ("update", "Drop the old value when there is a new one.", {"history": "drop"}),
    ("update", "Never drop the old value.", {"history": "keep"}),
    ("update", "Keep the old value beside the new one.", {"history": "keep"}),
    ("update", "Ignore corrections.", {"corrections": "drop"}),
    ("update", "Take corrections into account.", {"corrections": "keep"}),
    ("update", "When something ends, note what became of it.", {"endings": "keep"}),
    ("qa", "Answer the question from the notes.", {"source": "notes"}),
    ("qa", "Use only the passages.", {"source": "notes"}),
    ("qa", "If the notes do not say, say that you do not know.", {"unknown": "say"}),
    ("qa", "Do not guess.", {"unknown": "say"}),
    ("qa", "If the notes do not say, make your best guess.", {"unknown": "guess"}),
    ("qa", "Never say that you do not know.", {"unknown": "guess"}),
    ("qa", "When in doubt, say you do not know.", {"unknown": "doubt"}),
    ("qa", "Answer only if you are certain.", {"unknown": "doubt"}),
    ("qa", "Give the first value that the notes mention.", {"value": "first"}),
    ("qa", "Give the latest value, not the first.", {"value": "latest"}),
    ("qa", "Give only the answer, in a few words.", {"form": "short"}),
    ("qa", "Do not explain.", {"form": "short"}),
    ("qa", "Explain your answer.", {"form": "explained"}),
    ("qa", "Answer in a full sentence.", {"form": "sentence"}),
    ("qa", "Do not answer in full sentences.", {}),
    ("qa", "Answer with one word.", {"form": "word"}),
    ("qa", "Give the month and year only.", {"dateform": "coarse"}),
    ("qa", "Give the full date: day, month and year.", {"dateform": "full"}),
    ("qa", "Never give out codes.", {"codes": "drop"}),
    ("qa", "Give out codes when they are asked for.", {"codes": "keep"}),
    ("qa", "Do not combine notes.", {"hops": "single"}),
    ("qa", "Combine notes where it takes several.", {"hops": "many"}),
    ("rewrite", "Use only one keyword.", {"size": "one"}),
    ("rewrite", "Use two or three keywords.", {"size": "few"}),
    ("rewrite", "Keep every fact that is asked for.", {"size": "full"}),
    ("rewrite", "Leave names out.", {"names": "drop"}),
    ("rewrite", "Never leave names out.", {"names": "keep"}),
    ("rewrite", "Add words that a matching note would use.", {"more": "yes"}),
    ("rewrite", "Do not add other words.", {"more": "no"}),
    ("rerank", "Put the oldest passages first.", {"order": "oldest"}),
    ("rerank", "Put the newest passages first.", {"order": "newest"}),
    ("rerank", "Sort by relevance: the most relevant first.", {"order": "helpful"}),
    ("rerank", "Keep the given order.", {"order": "given"}),
]  # fmt: skip

WISHES: list[tuple[Job, str]] = [
    ("notes", "Try to be mindful of dates."), ("notes", "Be precise."),
    ("notes", "Dates may be useful."), ("update", "Consider keeping the old value."),
    ("qa", "Ideally give only the answer."), ("rewrite", "If possible, keep every name."),
    ("rerank", "Leave out passages that do not help."),
]  # fmt: skip


@pytest.mark.parametrize(("job", "sentence", "expected"), SETTLED)
def test_a_sentence_settles_what_it_says(job: Job, sentence: str, expected: dict[str, str]) -> None:
    assert dict(settled(sentence, job)) == expected


@pytest.mark.parametrize(("job", "sentence"), WISHES)
def test_a_wish_settles_nothing(job: Job, sentence: str) -> None:
    assert settled(sentence, job) == ()


def test_of_two_sentences_the_later_counts() -> None:
    assert brief_of("Keep every date. Leave out dates.", "notes").asked == {"dates": "drop"}
    assert brief_of("Leave out dates. Keep every date.", "notes").asked == {"dates": "keep"}


def test_the_end_of_a_long_list_is_overlooked() -> None:
    filler = " ".join("Be kind." for _ in range(ATTENTION - 1))
    assert brief_of(f"{filler} Keep every date.", "notes").asked == {"dates": "keep"}
    assert brief_of(f"{filler} Be kind. Keep every date.", "notes").asked == {}


def test_worked_examples_make_up_for_what_is_not_said() -> None:
    examples = "\n".join(f"Input: {n}\nOutput: {n}" for n in range(3))
    vague, worked = brief_of("Sum up.", "notes"), brief_of(f"Sum up.\n{examples}", "notes")
    ways = [brief.way("dates", careless="drop", careful="keep") for brief in (vague, worked)]
    assert ways == ["drop", "keep"]


def test_whatever_the_reflection_says_is_understood_as_it_is_meant() -> None:
    wrong = {
        (job, pair, text): settled(text, job)
        for job in JOBS
        for pair, text in SENTENCES[job].items()
        if pair not in settled(text, job)
    }
    assert not wrong


def test_weak_wordings_settle_nothing() -> None:
    topics = {topic for job in JOBS for topic, _ in SENTENCES[job]}
    said = [(job, WEAK[job].format(topic=TOPICS.get(one, one))) for job in JOBS for one in topics]
    assert [text for job, text in said if settled(text, job)] == []


def test_every_cure_has_words_and_every_harm_an_effect() -> None:
    known = {job: {topic for topic, _, _ in PHRASES[job]} for job in JOBS}
    assert all(one.cure in SENTENCES[job] for job in JOBS for one in SUSPECTS[job])
    idle = [
        one.sentence
        for job in JOBS
        for one in UNFOUNDED[job]
        if bool(settled(one.sentence, job)) == (one.effect == "harmless")
    ]
    assert known
    assert idle == []
