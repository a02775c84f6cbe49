"""What an arm was trained with stays what it is: its settings are written down and compared.

In: the configuration of a study and one of its arms. Out: plain settings in `settings.json` of the
arm's folder; an arm found there with other settings is refused, since a table would mix two things.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from lmcommon.runlog import write_atomic
from rtt.run.identity import digest
from rtt.run.studying.arms import Arm
from rtt.run.studying.plan import StudyConfig

__all__ = ["check_settings", "measured_with", "settings_of"]

_FILE = "settings.json"
_SHARED = ("task", "policy", "verdicts", "warm_start")
_BY_KIND = {
    "base": (),
    "sft": ("sft", "rollouts", "record"),
    "dpo": ("dpo", "rollouts", "rejected", "record"),
    "rl": ("engine", "sampler", "train"),
}


def settings_of(config: StudyConfig, arm: Arm, relevance: Any) -> dict[str, Any]:
    """Everything the arm's weights depend on, but for its seed.

    Args:
        config: Of the study.
        arm: The arm.
        relevance: What weighs its tokens; a discriminator counts by its weights.
    """
    keys = (*_SHARED, *_BY_KIND[arm.kind])
    told = {key: _plain(getattr(config, key)) for key in keys}
    if arm.kind == "rl":
        told["credit"] = _plain(arm.credit)
        is_used = arm.credit is not None and arm.credit.scheme not in ("none", "gdpo")
        told["relevance"] = _plain(relevance) if is_used else None
        folder = getattr(relevance, "folder", None)
        if is_used and folder and Path(folder).exists():
            told["relevance"]["folder"] = digest(Path(folder))
    return told


def measured_with(config: StudyConfig) -> dict[str, Any]:
    """Everything the columns depend on beside the weights: other settings measure anew."""
    told = {key: _plain(getattr(config, key)) for key in ("measure", "evaluate", "verdicts")}
    for pace in ("batch", "threads", "format"):
        told["evaluate"].pop(pace)
    plain: dict[str, Any] = json.loads(json.dumps(told))
    return plain


def check_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Note an arm's settings, or compare them with those it was begun with.

    Raises:
        UserError: They differ.
    """
    path = folder / _FILE
    now = json.loads(json.dumps(settings))
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps(now, indent=1) + "\n")
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    if changed := sorted(_changed(before, now)):
        raise UserError(
            f"{folder}: expected the settings that this arm was begun with; {', '.join(changed)} "
            "differ; drop the override, or give another folder"
        )


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        told = {one.name: _plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
        return {"is": type(value).__name__, **told}
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _changed(before: Any, now: Any, name: str = "") -> Iterator[str]:
    """Dotted names of what differs."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in before.keys() | now.keys():
            yield from _changed(before.get(key), now.get(key), f"{name}.{key}" if name else key)
    elif before != now:
        yield name
