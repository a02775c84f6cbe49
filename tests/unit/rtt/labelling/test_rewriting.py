import json
from typing import Any

import pytest

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Rubric
from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ModelFailure
from rtt.labelling import EditAsked, Negative, Rewriter, Unmade
from rtt.labelling.rewriting import withheld
from rtt.verdicts.sources import JudgedVerdicts

COMMA = Criterion(id="a", text="Use no commas.", constraint_id="punctuation:no_comma")
WORD = Criterion(
    id="b", text="Say ferry.", constraint_id="keywords:existence", kwargs={"keywords": ["ferry"]}
)
PROMPT = RubricPrompt(
    id="p", prompt="Write about a harbour. Use no commas. Mention the boat.",
    rubric=Rubric((COMMA, WORD)),
)  # fmt: skip
RESPONSE = "The ferry is old and slow and it still passes the pier."


def edit(reply: Any) -> Negative | Unmade:
    rewriter = Rewriter(model=ScriptedModel([reply, reply]), source=JudgedVerdicts())
    return rewriter.edit([EditAsked(prompt=PROMPT, response=RESPONSE, criterion=COMMA)])[0]


def changed(old: str, new: str) -> str:
    return json.dumps({"response": RESPONSE.replace(old, new)})


def test_an_edit_that_the_checks_prove_is_a_negative() -> None:
    made = edit(changed("old and", "old, and"))
    assert isinstance(made, Negative)
    assert (made.broken.id, made.how, made.cost) == ("a", "edit", 1)
    assert [one.satisfied for one in made.verdicts] == [False, True]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (ModelFailure(kind="server", message="down"), "model failure (server): down"),
        ("no JSON", "invalid_output"),
        (json.dumps({"response": " "}), "empty reply"),
        (json.dumps({"response": RESPONSE}), "unchanged"),
        (changed("old", "new"), "the criterion still holds"),
        (changed("ferry is", "boat is, well,"), "breaks others too: b"),
        (json.dumps({"response": "A ferry, that is all I say to you."}), "changed too much"),
    ],
)
def test_an_edit_that_proves_nothing_is_recorded(reply: Any, reason: str) -> None:
    made = edit(reply)
    assert isinstance(made, Unmade), made
    assert reason in made.reason
    assert (made.prompt_id, made.criterion_id, made.kind) == ("p", "a", "punctuation:no_comma")


def test_the_model_reads_the_criterion_to_break_and_those_to_keep() -> None:
    model = ScriptedModel({"": changed("old and", "old, and")})
    Rewriter(model=model, source=JudgedVerdicts()).edit(
        [EditAsked(prompt=PROMPT, response=RESPONSE, criterion=COMMA)]
    )
    text = model.requests[0].messages[-1].content
    broken = text.index("requirement to break>\nUse no commas.")
    assert broken < text.index("- Say ferry.")


def omit(criterion: Criterion, reply: Any) -> tuple[Negative | Unmade, str]:
    model = ScriptedModel({"": reply})
    made = Rewriter(model=model, source=JudgedVerdicts()).omit([(PROMPT, criterion)])[0]
    return made, model.requests[0].messages[-1].content


def test_a_criterion_is_cut_out_of_the_prompt_where_its_words_are_found() -> None:
    made, asked = omit(COMMA, "A ferry, a pier, a gull.")
    assert " ".join(asked.split()) == "Write about a harbour. Mention the boat."
    assert isinstance(made, Negative)
    assert (made.how, made.cost) == ("omission", None)


def test_otherwise_the_model_is_asked_to_leave_it_out() -> None:
    made, asked = omit(WORD, "A boat, a pier.")
    assert asked.startswith(PROMPT.prompt)
    assert "never been asked for: Say ferry." in asked
    assert isinstance(made, Negative), "an omission may break others too"
    assert [one.satisfied for one in made.verdicts] == [False, False]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("The ferry is here.", "the criterion still holds"),
        (ModelFailure(kind="budget", message="spent"), "model failure (budget)"),
        (" ", "empty reply"),
    ],
)
def test_an_omission_that_proves_nothing_is_recorded(reply: Any, reason: str) -> None:
    made, _ = omit(WORD, reply)
    assert isinstance(made, Unmade)
    assert reason in made.reason


def test_a_criterion_that_no_program_checks_has_no_verdict_without_a_judge() -> None:
    polite = Criterion(id="c", text="Be polite.")
    prompt = RubricPrompt(id="q", prompt="Hi. Be polite.", rubric=Rubric((polite,)))
    model = ScriptedModel({"": "Go away."})
    made = Rewriter(model=model, source=JudgedVerdicts()).omit([(prompt, polite)])[0]
    assert isinstance(made, Unmade)
    assert made.reason.startswith("no verdict:")


def test_wording_in_the_metadata_says_what_to_cut() -> None:
    prompt = RubricPrompt(
        id="w", prompt="start amber avoid coral :", rubric=Rubric((COMMA,)),
        metadata={"wording": {"a": "avoid coral"}},
    )  # fmt: skip
    left = withheld(prompt, COMMA)
    assert left is not None
    assert left.split() == ["start", "amber", ":"]
