"""The proof of an attribution for the terminal: what was repaired, replayed and answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memtrace.attribution.types import Attribution, DecisiveSet, Rate, Trial

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["proof"]

_LONGEST = 160


def proof(verdict: Attribution) -> Text:
    """The evidence log, the decisive set with its trials, and the cost; `.plain` has no colour."""
    from rich.text import Text

    text = Text("\nevidence log", style="bold")
    for line in verdict.log:
        text.append(f"\n    {line}", style="")
    if verdict.decisive is not None:
        _decisive(text, verdict.decisive)
    else:
        text.append("\nno set was proved by replay", style="dim")
    if verdict.cost:
        told = ", ".join(f"{name} {value:g}" for name, value in verdict.cost.items() if value)
        text.append(f"\ncost  {told or 'nothing'}", style="dim")
    return text


def _decisive(text: Text, found: DecisiveSet) -> None:
    minimal = "minimal" if found.is_minimal else "not shown to be minimal"
    text.append(f"\ndecisive set ({minimal})", style="bold")
    text.append(f"  repaired: {_share(found.sufficiency)} right", style="green")
    for place, member in enumerate(found.members):
        text.append(f"\n    {member.name} ({member.operation})", style="bold red")
        text.append(f"  {member.error_type}, {member.loss}")
        if place < len(found.executed_by) and found.executed_by[place] not in (
            None, member.operation,
        ):  # fmt: skip
            text.append(f"  carried out by {found.executed_by[place]}", style="dim")
        if place < len(found.prompts) and found.prompts[place]:
            text.append(f"  prompt {found.prompts[place]}", style="dim")
        if place < len(found.necessity):
            text.append(f"  without its repair: {_share(found.necessity[place])} right")
    for trial in found.trials:
        _trial(text, trial)


def _trial(text: Text, trial: Trial) -> None:
    mark, style = ("+", "green") if 2 * trial.flips.hits > trial.flips.trials else ("x", "red")
    named = ", ".join(trial.operations) or "nothing"
    text.append(f"\n    {mark} ", style=style).append(f"repaired {named}: ")
    text.append(f"{_share(trial.flips)} right")
    for repair in trial.repairs:
        text.append(f"\n        passed on  {_short(repair)}", style="dim")
    for answer in dict.fromkeys(trial.answers):
        text.append(f"\n        answered   {_short(answer)}", style="dim")


def _share(rate: Rate) -> str:
    return f"{rate.hits} of {rate.trials}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."
