"""Every YAML under conf/ composes into the typed configuration of a verb that can choose it."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from lmcommon.app import Verb, compose

CONF = Path(__file__).resolve().parents[2] / "conf"


@cache
def verbs() -> dict[str, Verb]:
    found = {}
    for point in entry_points(group="console_scripts"):
        if point.value.split(".")[0] in ("lmcommon", "memtrace", "rtt"):
            verb = import_module(point.value.split(":")[0]).main
            assert isinstance(verb, Verb), point
            found[verb.name] = verb
    return found


def options() -> list[str]:
    return sorted(
        str(path.relative_to(CONF).with_suffix(""))
        for path in CONF.rglob("*.yaml")
        if path.name != "base.yaml" and "launch" not in path.parts  # accelerate's, not Hydra's
    )


def slot(verb: Verb, group: str) -> str:
    """What a group is chosen by: its name, or its role where it has only one (llm@judge_llm)."""
    text = (CONF / f"{verb.name}.yaml").read_text(encoding="utf-8")
    found = re.findall(rf"^  - /({group}(?:@\w+)?):", text, flags=re.MULTILINE)
    return group if group in found or not found else found[0]


@pytest.mark.parametrize("option", options())
def test_option_composes(option: str) -> None:
    group, _, name = option.partition("/")
    if option in verbs():
        words = verbs()[option].positional
        tried = [(option, [f"{word}=some.file" for word in words])]
    elif group == "experiment":
        package = name.split("/")[0]
        tried = [
            (verb, [f"experiment={name}"])
            for verb in verbs()
            if verb.startswith(f"{package}/")
            and verb.replace("/", "-") in (CONF / f"{option}.yaml").read_text(encoding="utf-8")
        ]
    else:
        tried = [
            (
                verb.name,
                [f"{slot(verb, group)}={name}", *(f"{word}=some.file" for word in verb.positional)],
            )
            for verb in verbs().values()
            if name in verb.groups.get(group, {})
        ]
        if tried:  # verbs share the schemas of a group: one stands for all, not always the same
            tried = [tried[len(option) % len(tried)]]
    assert tried, f"no verb can choose conf/{option}.yaml"
    for verb_name, overrides in tried:
        verb = verbs()[verb_name]
        config = compose(verb.name, verb.schema, verb.groups, overrides)
        assert isinstance(config, verb.schema), option


@pytest.mark.parametrize("option", options())
def test_option_starts_with_a_comment(option: str) -> None:
    text = (CONF / f"{option}.yaml").read_text(encoding="utf-8")
    assert text.startswith("#"), f"conf/{option}.yaml: say first what this option is for"
