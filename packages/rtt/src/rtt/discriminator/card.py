"""Export: an ordinary Hugging Face checkpoint with a model card.

In: a trained discriminator and what is known about it. Out: a folder that
`AutoModelForTokenClassification` and `TokenDiscriminator.load` read, with a README.md that says
what it was trained on, how good it is, what it is for and what it cannot do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lmcommon.runlog import write_atomic
from rtt.discriminator.encoding import INSTRUCTION
from rtt.discriminator.model import TokenDiscriminator

__all__ = ["Card", "export"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a model card says beyond what the model itself tells.

    Example:
        `Card(name="tiny", data="24,000 rule-made rows", figures=["| source | F1 |"])`
    """

    name: str
    backbone: str
    """What it started from: "from scratch", or a checkpoint's name."""
    data: str
    """What it was trained on, in one paragraph."""
    figures: Sequence[str] = ()
    """Lines of Markdown: tables of figures, with what they were measured on."""
    training: str = ""
    """Steps, batch, learning rate, in one paragraph."""
    seen: Sequence[str] = ()
    """Kinds of criterion it was trained on."""
    held_out: Sequence[str] = ()
    """Kinds it was kept from."""


def export(discriminator: TokenDiscriminator, folder: str | Path, card: Card) -> Path:
    """Write weights, tokenizer and README.md; the folder."""
    place = Path(folder)
    discriminator.save(place)
    write_atomic(place / "README.md", _text(discriminator, card))
    return place


_MATCHES = (
    "`token_type_ids` must be given: 0 before the response; for a token of the response 1 if its "
    "id does not occur in the criterion, 2 if it does, 3 if it does side by side with the token "
    "before or after it (the verdict is no part of the criterion)."
)


def _text(discriminator: TokenDiscriminator, card: Card) -> str:
    model = discriminator.model
    parameters = sum(one.numel() for one in model.parameters())
    question = "read as well" if discriminator.reads_question else "not read"
    verdict = "told" if discriminator.reads_verdict else "not told"
    lines = [
        "---",
        "library_name: transformers",
        "pipeline_tag: token-classification",
        "tags: [rubrics, token-credit, relevance]",
        "---",
        "",
        f"# {card.name}: which words of a response decide a criterion",
        "",
        "A token classifier with one output. It reads a criterion and a response and gives every "
        "token of the response the probability that it decides whether the criterion is met "
        "(Rubrics to Tokens, arXiv 2604.02795, section 4.1).",
        "",
        f"- Architecture: {type(model).__name__}, {parameters:,} parameters, {card.backbone}; "
        f"{discriminator.context} tokens in a row; the question is {question}, the "
        f"verdict is {verdict}.",
        f"- Calibration: logits are divided by {discriminator.temperature:.3f} "
        "(`config.rtt['temperature']`).",
        "",
        "## Use",
        "",
        "```python",
        "from rtt.discriminator import TokenDiscriminator",
        "",
        'discriminator = TokenDiscriminator.load("FOLDER")',
        'discriminator.relevances([(\'The word "dune" occurs.\', "amber dune")])',
        "# one number a character",
        "```",
        "",
        "Without the package: `AutoModelForTokenClassification.from_pretrained(FOLDER)`. A row is "
        f"`{INSTRUCTION}`, a new line, `Criterion: ...`, a new line, `Response:`, a new line, then "
        "the response, tokenised by itself; the probability of a token is the sigmoid of its "
        "logit over the temperature.",
        *([_MATCHES] if discriminator.reads_matches else []),
        "",
        "Meant for token-level credit in reinforcement learning from rubrics (`relevance="
        "discriminator`) and for showing where a criterion is decided. Not meant for deciding "
        "whether a criterion is met: that is a verifier's or a judge's work.",
        "",
        "## Data",
        "",
        card.data,
        "",
        *([f"Training: {card.training}", ""] if card.training else []),
        *([f"Kinds seen ({len(card.seen)}): {', '.join(card.seen)}.", ""] if card.seen else []),
        *(
            [f"Kinds held out ({len(card.held_out)}): {', '.join(card.held_out)}.", ""]
            if card.held_out
            else []
        ),
        "## Figures",
        "",
        *(card.figures or ["Not measured."]),
        "",
        "## Limits",
        "",
        "- Only kinds of criterion that are like those it was trained on can be expected to work; "
        "the table of kinds says how well each does.",
        "- Labels made by program checks follow the checks: what a check cannot place (a count, a "
        "length, a language) is labelled as decided by the whole response.",
        "- A response longer than the context is read in pieces, each by itself.",
        "- Probabilities are calibrated on data like the validation part, and on nothing else.",
    ]
    return "\n".join(lines) + "\n"
