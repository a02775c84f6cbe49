"""From the plan to turns: greetings, facts with reactions, chatter in between.

Out: sessions of exactly the asked length, and the ledger with the turn id of every fact.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime

from lmcommon.data.generated.facts import Fact
from lmcommon.data.generated.plan import SessionPlan, World
from lmcommon.data.generated.small_talk import (
    CHATTER,
    CLOSINGS,
    DEGREES,
    GREETINGS,
    MOODS,
    PREFACES,
    REACTIONS,
    REPLIES,
)
from lmcommon.data.generated.speech import date_words
from lmcommon.data.types import Session, Turn

__all__ = ["write_sessions"]

Line = tuple[str, str, Fact | None]
"""Speaker, text, and the fact that the text tells."""


def write_sessions(
    rng: random.Random, world: World, turns_per_session: int
) -> tuple[tuple[Session, ...], tuple[Fact, ...]]:
    """Write all sessions of a world.

    Returns:
        The sessions, each of `turns_per_session` turns, and the facts in order of utterance.
    """
    sessions, ledger = [], []
    for plan in world.sessions:
        lines = _lines(rng, plan, turns_per_session)
        turns = []
        for number, (speaker, text, fact) in enumerate(lines, start=1):
            turn = Turn(id=f"D{plan.index + 1}:{number}", speaker=speaker, text=text)
            turns.append(turn)
            if fact is not None:
                ledger.append(replace(fact, text=text, turn_id=turn.id))
        sessions.append(
            Session(
                id=f"session_{plan.index + 1}",
                turns=tuple(turns),
                time=plan.time,
                time_text=_time_words(plan.time),
            )
        )
    return tuple(sessions), tuple(ledger)


def _time_words(time: datetime) -> str:
    """Example: `1:56 pm on 8 May 2023`."""
    hour = time.hour % 12 or 12
    return f"{hour}:{time.minute:02d} {'am' if time.hour < 12 else 'pm'} on {date_words(time)}"


def _lines(rng: random.Random, plan: SessionPlan, num_turns: int) -> list[Line]:
    exchanges = (num_turns - 2) // 2
    pairs = [_tell(rng, plan, fact) for fact in plan.facts]
    pairs += [_chat(rng, plan) for _ in range(exchanges - len(pairs))]
    rng.shuffle(pairs)
    lines = [*_greet(rng, plan), *(line for pair in pairs for line in pair)]
    if len(lines) < num_turns:
        lines.append((rng.choice(plan.speakers), rng.choice(CLOSINGS), None))
    assert len(lines) == num_turns, (len(lines), num_turns)
    return lines


def _greet(rng: random.Random, plan: SessionPlan) -> tuple[Line, Line]:
    first, second = rng.sample(plan.speakers, 2)
    hello, answer = rng.choice(GREETINGS)
    return (
        (first, hello.format(me=first, other=second), None),
        (second, answer.format(me=first, other=second), None),
    )


def _listener(plan: SessionPlan, speaker: str) -> str:
    first, second = plan.speakers
    return second if speaker == first else first


def _tell(rng: random.Random, plan: SessionPlan, fact: Fact) -> tuple[Line, Line]:
    text = rng.choice(PREFACES) + fact.text
    reaction = rng.choice(REACTIONS)
    return (fact.speaker, text, fact), (_listener(plan, fact.speaker), reaction, None)


def _chat(rng: random.Random, plan: SessionPlan) -> tuple[Line, Line]:
    speaker = rng.choice(plan.speakers)
    text = rng.choice(CHATTER).format(mood=rng.choice(MOODS), badly=rng.choice(DEGREES))
    return (speaker, text, None), (_listener(plan, speaker), rng.choice(REPLIES), None)
