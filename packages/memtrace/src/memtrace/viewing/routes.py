"""What each address of the API answers.

In: a site and a request. Out: JSON-able data. `docs/view-api.md` says what is in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.metadata import version
from itertools import islice
from typing import Any
from urllib.parse import unquote

from memtrace.graph.checking.check import check
from memtrace.graph.reading.trace import Trace
from memtrace.viewing.facts import traced
from memtrace.viewing.lineage import draw_lineage
from memtrace.viewing.memory import MemoryStates
from memtrace.viewing.opened import Opened
from memtrace.viewing.parts import operation_line, tell_operation, tell_variable
from memtrace.viewing.questions import AskedAnswer
from memtrace.viewing.site import Site
from memtrace.viewing.texts import shown, word_diff
from memtrace.viewing.types import Ask, RefusedError

__all__ = ["Route", "find_route"]

Route = Callable[[Site, Ask], Any]

_LONGEST_PIECE = 1_000_000
_PATIENCE_S = 0.5
_LONGEST_DIFF = 500_000


def find_route(method: str, path: str) -> tuple[Route, str]:
    """The route of a path below `/api/`, and what the path names.

    Args:
        method: GET or POST.
        path: Still quoted.

    Raises:
        RefusedError: There is no such route.
    """
    for wanted, pattern, route in _ROUTES:
        if wanted == method and (found := pattern.fullmatch(path)):
            return route, unquote(found[1], errors="strict") if pattern.groups else ""
    known = any(pattern.fullmatch(path) for _, pattern, _ in _ROUTES)
    raise RefusedError(
        f"expected a route of the API; got {method} {path!r}; see docs/view-api.md",
        405 if known else 404,
    )


def _trace(site: Site, ask: Ask) -> dict[str, Any]:
    trace = site.opened.trace
    operations, variables, last = site.opened.counts
    return {
        "path": str(site.opened.path), "run": site.opened.run,
        "operations": operations, "variables": variables, "last_seq": last,
        "scopes": site.scopes.rows(trace, wait_s=0.05), "ready": site.scopes.is_ready,
        "model": None if site.model is None else site.model.name,
        "can": {"replay": site.replays is not None, "annotate": bool(site.options.annotate)},
        "others": [{"key": one.key, "path": str(one.path)} for one in site.others.values()],
        "annotators": site.annotations.known(), "version": version("memtrace-llm"),
    }  # fmt: skip


def _questions(site: Site, ask: Ask) -> dict[str, Any]:
    offset, limit = ask.number("offset", 0), ask.number("limit", 100, most=500)
    asked = site.opened.asked
    counts = dict.fromkeys(("right", "wrong", "unscored"), 0)
    for one in asked:
        counts[one.verdict] += 1
    found = [one for one in asked if _is_wanted(site, one, ask)]
    page = found[offset : offset + limit]
    site.attributions.want(one for one in page if one.has_gold)
    return {
        "total": len(found), "pending": site.attributions.pending, "counts": counts,
        "rows": [site.opened.row(one, site.attributions.about) for one in page],
    }  # fmt: skip


def _is_wanted(site: Site, asked: AskedAnswer, ask: Ask) -> bool:
    if ask.text("verdict") not in ("", asked.verdict):
        return False
    if ask.text("scope") not in ("", asked.scope):
        return False
    if name := ask.text("operation"):
        blamed = site.attributions.about(asked)["blamed"]
        if blamed is None or name not in (blamed["name"], blamed["operation"]):
            return False
    return not ask.text("q") or site.opened.holds(asked, ask.text("q"))


def _answer(site: Site, ask: Ask) -> dict[str, Any]:
    asked = site.opened.find(ask.name)
    # What nobody knows the right answer to takes longer: the page asks again.
    site.attributions.want([asked], wait_s=_PATIENCE_S if asked.has_gold else 0.0)
    body = site.attributions.body(asked)
    facts = traced(site.attributions.paths(asked), asked.operation)
    decisive = None if body is None else body.get("decisive")
    blamed = set(body.get("operations") or ()) if body is not None else set()
    attribution = None if body is None else {
        "verdict": body["verdict"], "reason": body["reason"], "confidence": body["confidence"],
        "suspects": list(body["suspects"]), "log": list(body.get("log") or ()),
        "decisive": decisive, "operations": sorted(blamed), "cost": body.get("cost"),
        "error_type": body.get("error_type"), "loss": body.get("loss"),
    }  # fmt: skip
    return {
        "question": site.opened.row(asked, site.attributions.about), "attribution": attribution,
        "facts": facts.facts, **draw_lineage(site.opened.trace, asked, facts, blamed),
    }  # fmt: skip


def _opened_of(site: Site, ask: Ask) -> Opened:
    """The trace of the page, or the other one that `run` names."""
    key = ask.text("run")
    return site.other(key) if key else site.opened


def _trace_of(site: Site, ask: Ask) -> Trace:
    return _opened_of(site, ask).trace


def _operation(site: Site, ask: Ask) -> dict[str, Any]:
    trace = _trace_of(site, ask)
    return tell_operation(trace, trace.operation(ask.name))


def _points(site: Site, ask: Ask) -> dict[str, Any]:
    trace = site.opened.trace
    return {"points": site.replaying().points(trace, trace.operation(ask.name).id)}


def _variable(site: Site, ask: Ask) -> dict[str, Any]:
    trace = _trace_of(site, ask)
    offset, limit = ask.number("offset", 0), ask.number("limit", 65_536, most=_LONGEST_PIECE)
    return tell_variable(trace, trace.variable(ask.name), offset, limit)


def _operations(site: Site, ask: Ask) -> dict[str, Any]:
    limit, scope = ask.number("limit", 200, most=1000), ask.text("scope")
    stream = site.opened.trace.operations(
        kind=ask.text("kind") or None, name=ask.text("name") or None,
        since_seq=ask.number("after", 0) + 1,
    )  # fmt: skip
    lines = (operation_line(one) for one in stream)
    found = list(islice((one for one in lines if scope in ("", one["scope"])), limit + 1))
    rows = found[:limit]
    return {"rows": rows, "more": len(found) > limit,
            "next": rows[-1]["seq"] if len(found) > limit else None}  # fmt: skip


def _kinds(site: Site, ask: Ask) -> dict[str, Any]:
    return {"rows": site.opened.kinds}


def _memory(site: Site, ask: Ask) -> dict[str, Any]:
    return site.memory.page(ask)


def _item(site: Site, ask: Ask) -> dict[str, Any]:
    memory = MemoryStates(_opened_of(site, ask)) if ask.text("run") else site.memory
    return memory.history(ask.name, ask.text("scope"))


def _diff(site: Site, ask: Ask) -> dict[str, Any]:
    trace, texts = _trace_of(site, ask), []
    for side in ("left", "right"):
        variable = trace.variable(ask.text(side))
        text = "" if variable.is_deletion else shown(trace.value(variable.id))
        if len(text) > _LONGEST_DIFF:
            raise RefusedError(
                f"{side}: expected at most {_LONGEST_DIFF} characters; {variable.id} has "
                f"{len(text)}; read both at /api/variables", 413,
            )  # fmt: skip
        texts.append(text)
    return {"spans": word_diff(*texts)}


def _search(site: Site, ask: Ask) -> dict[str, Any]:
    limit = ask.number("limit", 50, most=200)
    return site.finder.search(ask.text("q"), limit, ask.text("kind") or None)


def _compare(site: Site, ask: Ask) -> dict[str, Any]:
    return site.comparison(ask.text("other")).page(ask, site.attributions.about)


def _prompts(site: Site, ask: Ask) -> dict[str, Any]:
    return {"rows": site.scopes.prompts(site.opened.trace, ask.text("scope"))}


def _check(site: Site, ask: Ask) -> dict[str, Any]:
    return check(site.opened.path).to_dict()


def _price(site: Site, ask: Ask) -> dict[str, Any]:
    return site.replaying().price(ask.body)


def _replay(site: Site, ask: Ask) -> dict[str, Any]:
    return site.replaying().start(ask.body).to_dict()


def _job(site: Site, ask: Ask) -> dict[str, Any]:
    return site.replaying().job(ask.name).to_dict()


def _annotations(site: Site, ask: Ask) -> dict[str, Any]:
    return {"rows": site.annotations.of(ask.text("answer")),
            "annotators": list(site.annotations.annotators)}  # fmt: skip


def _annotate(site: Site, ask: Ask) -> dict[str, Any]:
    answer = ask.body.get("answer")
    asked = site.opened.find(answer) if isinstance(answer, str) else None
    suggested = None if asked is None else site.attributions.body(asked)
    return site.annotations.add(ask.body, suggested)


def _agreement(site: Site, ask: Ask) -> dict[str, Any]:
    return site.annotations.agreement()


def _export(site: Site, ask: Ask) -> dict[str, Any]:
    if not site.options.annotate:
        raise RefusedError(
            "annotations: expected a page that may write; this one only looks; start it with "
            "'annotate=[NAME]'", 403,
        )  # fmt: skip
    return site.annotations.export()


_ROUTES: list[tuple[str, re.Pattern[str], Route]] = [
    (method, re.compile(pattern), route)
    for method, pattern, route in (
        ("GET", "trace", _trace),
        ("GET", "questions", _questions),
        ("GET", "answers/([^/]+)", _answer),
        ("GET", "operations", _operations),
        ("GET", "operations/([^/]+)", _operation),
        ("GET", "operations/([^/]+)/points", _points),
        ("GET", "variables/([^/]+)", _variable),
        ("GET", "kinds", _kinds),
        ("GET", "memory", _memory),
        ("GET", "memory/items/(.+)", _item),
        ("GET", "diff", _diff),
        ("GET", "search", _search),
        ("GET", "compare", _compare),
        ("GET", "prompts", _prompts),
        ("GET", "check", _check),
        ("GET", "jobs/([^/]+)", _job),
        ("GET", "annotations", _annotations),
        ("GET", "agreement", _agreement),
        ("POST", "replay/price", _price),
        ("POST", "replay", _replay),
        ("POST", "annotations", _annotate),
        ("POST", "annotations/export", _export),
    )
]
