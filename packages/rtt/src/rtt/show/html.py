"""One self-contained HTML page: responses with every token coloured by its credit.

The samples of a prompt stand side by side on one colour scale. Radio buttons above a response show
the relevance of one criterion alone; a token's tooltip tells its numbers by criterion. There is no
script and no request; everything that comes from data is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rtt.show.glyphs import visible
from rtt.show.page import page, safe
from rtt.show.view import CreditView, CriterionView

__all__ = ["credit_html"]

_STRONGEST = 30
"""Tokens in the table below a response."""
_STYLE = """
section { content-visibility: auto; contain-intrinsic-size: auto 50rem; }
.prompt { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--card); margin: .3rem 0;
  border: 1px solid var(--line); border-radius: 8px; padding: .6rem .9rem; unicode-bidi: plaintext;
  max-height: 16rem; overflow: auto; }
.side { display: grid; grid-auto-flow: column; gap: .8rem; overflow-x: auto; align-items: start;
  grid-auto-columns: minmax(min(30rem, 88vw), 1fr); padding: .3rem 2px .6rem; }
article { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: .7rem .9rem; position: relative; min-width: 0; }
article > input { position: absolute; opacity: 0; }
article > label { display: inline-block; font-size: .82rem; border: 1px solid var(--line);
  border-radius: 99px; padding: .05rem .6rem; margin: 0 .25rem .3rem 0; cursor: pointer; }
input:checked + label { background: var(--ink); color: var(--page); border-color: var(--ink); }
input:focus-visible + label { outline: 2px solid var(--focus); outline-offset: 2px; }
.tokens { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext; margin: .4rem 0;
  font: 14px/1.9 ui-monospace, "SF Mono", Menlo, Consolas, monospace; max-height: 36rem;
  overflow: auto; }
.tokens i { font-style: normal; border-radius: 3px; --x: var(--a, 0);
  --u: calc(max(0, var(--x)) * 100%); --d: calc(max(0, -1 * var(--x)) * 100%);
  --dark: color-mix(in srgb, var(--down) var(--d), transparent);
  --pale: color-mix(in srgb, var(--down) calc(var(--d) * .55), transparent);
  background: linear-gradient(color-mix(in srgb, var(--up) var(--u), transparent) 0 0),
    repeating-linear-gradient(135deg, var(--dark) 0 4px, var(--pale) 4px 7px); }
.tokens i:hover { outline: 1px solid var(--ink); }
#numbers:checked ~ section .tokens { line-height: 2.6; }
#numbers:checked ~ section .tokens i[data-n]::after { content: attr(data-n); font-size: .68em;
  vertical-align: sub; color: var(--soft); margin: 0 .15em; }
.swatch { display: inline-block; width: 1.4em; height: .9em; border-radius: 3px; }
.swatch.up { background: var(--up); }
.swatch.down { background: repeating-linear-gradient(135deg, var(--down) 0 4px,
  color-mix(in srgb, var(--down) 55%, transparent) 4px 7px); }
"""
_VERDICTS = {True: ("yes", "satisfied"), False: ("no", "violated"), None: ("none", "unscored")}
_LEGEND = """<p class="soft"><span class="swatch up"></span> pushed up
<span class="swatch down"></span> (hatched) pushed down, as strong as the advantage beside the
largest of the prompt's shown samples. Hover a token for its numbers by criterion; the buttons above
a response show the <em>relevance</em> of one criterion alone, in the colour of its verdict. The
<em>part</em> of a criterion is its share of the paper's intra-sample token credit, computed here
from relevance and verdict, before the weight; for another credit scheme it is a reading aid
only.</p>"""


def credit_html(
    views: Sequence[CreditView],
    *,
    title: str = "Credit by token",
    facts: Sequence[tuple[str, object]] = (),
) -> str:
    """The page as text: one section a prompt, one article a response.

    Args:
        views: Responses; neighbours with one step and group stand side by side.
        title: Heading.
        facts: Name and value, shown below the heading.
    """
    groups = [list(pool) for _, pool in groupby(views, key=lambda one: (one.step, one.group))]
    criteria = max((len(view.criteria) for view in views), default=0)
    chosen = "".join(
        f".v{k}:checked ~ .tokens i {{ --x: var(--k{k}, 0); }}\n" for k in range(criteria)
    )
    told = " · ".join(f"{safe(name)} <b>{safe(value)}</b>" for name, value in facts)
    sections = "\n".join(_section(number, group) for number, group in enumerate(groups))
    body = (
        f'<p class="soft">{told}</p>\n{_LEGEND}\n'
        '<input type="checkbox" id="numbers"> <label for="numbers">print the advantage of each '
        f"token</label>\n{_contents(groups)}\n{sections}"
    )
    return page(title, body, style=_STYLE + chosen)


def _contents(groups: Sequence[Sequence[CreditView]]) -> str:
    if len(groups) < 2:
        return ""
    links = "".join(
        f'<li><a href="#g{number}">{safe(_short(group[0].prompt))}</a></li>'
        for number, group in enumerate(groups)
    )
    return f"<nav><ol>{links}</ol></nav>"


def _section(number: int, group: Sequence[CreditView]) -> str:
    first = group[0]
    top = max((abs(one) for view in group for one in view.advantage), default=0.0) or 1.0
    rows = "".join(
        f'<tr><td><a href="#g{number}s{place}">sample {view.sample}</a></td>{_reward_cells(view)}'
        f"<td>{_number(view.mean_advantage)}</td><td>{_token_count(view)}</td></tr>"
        for place, view in enumerate(group)
    )
    articles = "\n".join(
        _article(f"g{number}s{place}", view, top) for place, view in enumerate(group)
    )
    where = f"step {first.step}, " if first.step else ""
    name = f"{where}prompt {safe(first.prompt_id or number)}"
    return (
        f'<section id="g{number}"><h2>{name} <span class="soft">{safe(first.label)}</span></h2>'
        f'<div class="prompt" tabindex="0" role="region" aria-label="prompt">{safe(first.prompt)}'
        f"</div>\n<table><tr><th>response</th><th>all criteria met</th><th>share met</th>"
        f'<th title="with intra-sample credit this is the response advantage: token credit sums '
        f'to zero over a response">mean advantage</th><th>tokens</th></tr>{rows}</table>\n'
        f'<div class="side">{articles}</div></section>'
    )


def _reward_cells(view: CreditView) -> str:
    """All-or-nothing reward and satisfied rate, over the criteria that have a verdict."""
    if view.met is None:
        return '<td class="none">unscored</td><td class="none">unscored</td>'
    unscored = sum(one.satisfied is None for one in view.criteria)
    note = f" ({unscored} unscored)" if unscored else ""
    return (
        f'<td class="{"yes" if view.met == 1 else "no"}">{"yes" if view.met == 1 else "no"}</td>'
        f"<td>{view.met:.0%}{note}</td>"
    )


def _token_count(view: CreditView) -> str:
    return f"{len(view.tokens)}{', cut off' if view.finish == 'length' else ''}"


def _article(name: str, view: CreditView, top: float) -> str:
    said = "" if view.is_recorded else "<p class='soft'>advantages computed for this page</p>"
    buttons = _button(name, "all", "credit", is_checked=True) + "".join(
        _button(name, str(k), f"{k + 1} {_VERDICTS[one.satisfied][1]}", title=one.text)
        for k, one in enumerate(view.criteria)
    )
    rows = "".join(_criterion_row(k, one) for k, one in enumerate(view.criteria))
    return (
        f'<article id="{name}"><h3>sample {view.sample}</h3>{said}{buttons}'
        f'<div class="tokens" tabindex="0" role="region" aria-label="response">'
        f"{_tokens(view, top)}</div>"
        f"<table><tr><th>#</th><th>criterion</th><th>verdict</th><th>by</th><th>why</th></tr>"
        f"{rows}</table>{_strongest(view)}</article>"
    )


def _button(name: str, key: str, text: str, *, title: str = "", is_checked: bool = False) -> str:
    return (
        f'<input type="radio" class="v{key}" name="{name}" id="{name}{key}"'
        f'{" checked" if is_checked else ""}><label for="{name}{key}" title="{safe(title)}">'
        f"{safe(text)}</label>"
    )


def _criterion_row(k: int, one: CriterionView) -> str:
    css, verdict = _VERDICTS[one.satisfied]
    kind = f'<br><span class="soft">{safe(one.kind)}</span>' if one.kind else ""
    return (
        f'<tr><td>{k + 1}</td><td>{safe(one.text)}{kind}</td><td class="{css}">{verdict}</td>'
        f"<td>{safe(one.source)}</td><td>{safe(one.reason)}</td></tr>"
    )


def _tokens(view: CreditView, top: float) -> str:
    pieces = []
    for place, (token, value) in enumerate(zip(view.tokens, view.advantage, strict=True)):
        if view.gaps and view.gaps[place]:
            pieces.append(safe(view.gaps[place]))
        style = f"--a:{value / top:.3g}" + "".join(
            f";--k{k}:{_signed(one, place):.2g}"
            for k, one in enumerate(view.criteria)
            if _signed(one, place)
        )
        number = f' data-n="{value:+.2f}"' if abs(value) >= 0.005 else ""
        shown = safe(visible(token, is_covered=view.is_covering(place)))
        pieces.append(f'<i style="{style}"{number} title="{_tooltip(view, place)}">{shown}</i>')
    if view.gaps:
        pieces.append(safe(view.gaps[-1]))
    return "".join(pieces)


def _tooltip(view: CreditView, place: int) -> str:
    """Numbers of a token; criteria by their place in the table below."""
    mean = view.mean_advantage
    value = view.advantage[place]
    lines = [f"{_number(value)} = {_number(mean)} {_number(value - mean)}"]
    lines += [
        f"{k + 1} {_VERDICTS[one.satisfied][1]}, relevance {one.relevance[place]:.2f}, "
        f"part {one.part[place]:+.2f}"
        for k, one in enumerate(view.criteria)
        if one.part and one.relevance[place]
    ]
    return "\n".join(lines if len(lines) > 1 else [*lines, "decides no criterion"])


def _signed(one: CriterionView, place: int) -> float:
    if one.satisfied is None:
        return 0.0
    return one.relevance[place] if one.satisfied else -one.relevance[place]


def _strongest(view: CreditView) -> str:
    """The same numbers for whoever cannot hover: the tokens that got most, as a table."""
    order = sorted(range(len(view.tokens)), key=lambda t: -abs(view.advantage[t]))[:_STRONGEST]
    scored = [k for k, one in enumerate(view.criteria) if one.part]
    head = "".join(f"<th>relevance to {k + 1}</th><th>part of {k + 1}</th>" for k in scored)
    rows = "".join(
        f"<tr><td>{place}</td>"
        f"<td>{safe(visible(view.tokens[place], is_covered=view.is_covering(place)).strip())}</td>"
        f"<td>{_number(view.advantage[place])}</td>"
        + "".join(
            f"<td>{view.criteria[k].relevance[place]:.2f}</td>"
            f"<td>{view.criteria[k].part[place]:+.3f}</td>"
            for k in scored
        )
        + "</tr>"
        for place in sorted(order)
    )
    return (
        f"<details><summary>the {len(order)} tokens with the largest advantage, as a table"
        f"</summary><table><tr><th>place</th><th>token</th><th>advantage</th>{head}</tr>{rows}"
        "</table></details>"
    )


def _number(value: float) -> str:
    return f"{round(value, 3) + 0.0:+.3f}"  # no -0.000


def _short(text: str, width: int = 90) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "\N{HORIZONTAL ELLIPSIS}"
