"""Rules from the data in the sandbox: what they say, and what they cannot do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lmcommon.errors import UserError
from lmcommon.judge import CodeJudge, Criterion, HybridJudge, JudgeItem, ProgramJudge, Verdict
from lmcommon.verify import check
from lmcommon.verify.sandbox import (
    CODE_ID,
    Rule,
    SandboxConfig,
    SandboxedRules,
    SandboxLimits,
)

HEAD = "def check_following(instruction, response):\n    "
WRITES = f"""import os
{HEAD}
    for descriptor in range(3, 99):
        try: os.write(descriptor, {{}})
        except OSError: pass
    return True
"""


@pytest.fixture(scope="module")
def rules() -> Iterator[SandboxedRules]:
    with SandboxedRules(SandboxLimits(time_s=1.0, memory_mb=256), workers=1) as pool:
        yield pool


def say(rules: SandboxedRules, source: str, response: str = "one two") -> Verdict:
    return rules.run([Rule(source=source, instruction="Say it.", response=response)])[0]


@pytest.mark.parametrize(
    ("body", "satisfied"),
    [
        ("return 'two' in response", True),
        ("return response == instruction", False),
        ("return bool(re.search(r'tw.', response))", True),
        ("import json, math\n    return math.sqrt(4) == len(response.split())", True),
    ],
)
def test_a_rule_decides(rules: SandboxedRules, body: str, satisfied: bool) -> None:
    verdict = say(rules, HEAD + body)
    assert (verdict.satisfied, verdict.source, verdict.spans) == (satisfied, "program", None)


def test_what_it_prints_goes_nowhere(rules: SandboxedRules) -> None:
    body = "print('{\"result\": false}\\n' * 100000)\n    return True"
    assert say(rules, HEAD + body).satisfied is True


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (HEAD + "while True: pass", "longer than 1.0 s"),
        ("import time\n" + HEAD + "time.sleep(60)", "longer than 1.0 s"),
        ("while True: pass", "longer than 1.0 s"),
        (HEAD + "return bool([0] * 10**9)", "used up its memory"),
        (HEAD + "return bool(bytearray(2**31))", "used up its memory"),
        (HEAD + "raise SystemExit(0)", "raised SystemExit"),
        (HEAD + "raise KeyboardInterrupt", "raised KeyboardInterrupt"),
        (HEAD + "return check_following(instruction, response)", "raised RecursionError"),
        ("import os\n" + HEAD + "os._exit(0)", "ended without an answer"),
        ("import ctypes\n" + HEAD + "return ctypes.string_at(0)", "ended without an answer"),
        (HEAD + "return 1", "gave a int, expected True or False"),
        (HEAD + "return None", "gave a NoneType"),
        (HEAD + "return [True]", "gave a list"),
        ("def check_following(:", "raised SyntaxError"),
        ("answer = True", "defines no function check_following"),
        (HEAD + "return response.no_such()", "raised AttributeError"),
        (WRITES.format("b'x' * 9999"), "too long an answer"),
        (WRITES.format("b'noise'"), "spoiled its answer"),
    ],
)  # fmt: skip
def test_a_rule_that_fails_is_unscored(rules: SandboxedRules, source: str, reason: str) -> None:
    verdict = say(rules, source)
    assert verdict.satisfied is None
    assert verdict.failure is not None
    assert reason in verdict.failure


@pytest.mark.parametrize(
    "source",
    [
        "import os\n" + HEAD + "\n    while True: os.fork()",
        "import subprocess\n" + HEAD + "return bool(subprocess.run(['true']))",
        "import os\n" + HEAD + "os.execv('/bin/true', ['true'])",
        "import socket\n" + HEAD + "return bool(socket.socket())",
        "import socket\n" + HEAD + "return bool(socket.create_connection(('127.0.0.1', 9)))",
        "import os\n" + HEAD + "os.kill(os.getppid(), 9)",
        HEAD + "return bool(open('made', 'w'))",
        "import os\n" + HEAD + "os.mkdir('made')",
        "import os\n" + HEAD + "os.chmod('.', 0o777)",
        "import resource\n" + HEAD + "resource.setrlimit(resource.RLIMIT_AS, (2**40, 2**40))",
        "import threading\n" + HEAD + "threading.Thread(target=print).start()",
    ],
)
def test_what_a_rule_has_no_need_of_is_refused(rules: SandboxedRules, source: str) -> None:
    if not rules.has_filter:
        pytest.skip("no filter of system calls on this system")
    verdict = say(rules, source)
    assert verdict.satisfied is None
    assert verdict.failure is not None
    assert "raised" in verdict.failure, verdict


def test_a_file_of_ours_cannot_be_removed(rules: SandboxedRules, tmp_path: Path) -> None:
    if not rules.has_filter:
        pytest.skip("no filter of system calls on this system")
    kept = tmp_path / "kept.txt"
    kept.write_text("here")
    assert say(rules, f"import os\n{HEAD}os.unlink({str(kept)!r})").satisfied is None
    assert kept.read_text() == "here"


def test_a_rule_sees_no_environment_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "s3cret")
    source = "import os\n" + HEAD + "return bool({'SECRET_KEY', 'HOME'} & set(os.environ))"
    with SandboxedRules(workers=1) as rules:
        assert say(rules, source).satisfied is False


def test_a_rule_leaves_nothing_for_the_next(rules: SandboxedRules) -> None:
    say(rules, "import re\nre.left = 1\n" + HEAD + "return True")
    assert say(rules, HEAD + "return hasattr(re, 'left')").satisfied is False


def test_many_rules_keep_their_order_and_need_one_start_a_worker() -> None:
    items = [
        Rule(source=HEAD + "return response == '7'", instruction="", response=str(number))
        for number in range(40)
    ]
    with SandboxedRules(workers=2) as rules:
        verdicts = rules.run(items)
        assert rules.starts <= 2
    assert [v.satisfied for v in verdicts] == [number == 7 for number in range(40)]


def test_a_broken_process_is_replaced() -> None:
    with SandboxedRules(workers=1) as rules:
        os.kill(rules.process_ids[0], 9)
        verdicts = [say(rules, HEAD + "return True") for _ in range(2)]
        assert verdicts[-1].satisfied is True, verdicts
        assert rules.starts == 2


def test_any_text_arrives_as_it_is(rules: SandboxedRules) -> None:
    text = 'line\n"quoted" \\ \x00 \u2028 é 中 \ud800'
    assert say(rules, HEAD + f"return response == {text!r}", text).satisfied is True


def test_off_by_default() -> None:
    with pytest.raises(UserError, match=r"code:python.*expected a sandbox.*SandboxedRules"):
        check(CODE_ID, {"source": HEAD + "return True"}, prompt="", response="x")
    assert SandboxConfig().build() is None


def test_the_check_runs_code_once_it_is_given_a_sandbox(rules: SandboxedRules) -> None:
    verdict = check(
        CODE_ID, {"source": HEAD + "return 'x' in response"}, prompt="", response="x", rules=rules
    )
    assert verdict.satisfied is True


@pytest.mark.parametrize("kwargs", [{}, {"source": " "}, {"source": 3}, {"source": "x", "n": 1}])
def test_a_criterion_without_code_is_an_error(kwargs: dict[str, object]) -> None:
    with pytest.raises(UserError, match="expected the argument 'source'"):
        check(CODE_ID, kwargs, prompt="", response="x")


def test_a_config_turns_it_on_and_names_a_bad_limit() -> None:
    pool = SandboxConfig(enabled=True, workers=1).build()
    assert pool is not None
    pool.close()
    with pytest.raises(UserError, match="sandbox: memory_mb: expected at least 128, got 1"):
        SandboxConfig(enabled=True, memory_mb=1).build()


def item(constraint_id: str | None, **kwargs: object) -> JudgeItem:
    criterion = Criterion(id="c", text="t", constraint_id=constraint_id, kwargs=kwargs)
    return JudgeItem(prompt="p", response="no comma", criterion=criterion)


class Never:
    """A judge that is sure of a violation."""

    identity = {"kind": "never"}  # noqa: RUF012

    def judge(self, items: list[JudgeItem]) -> list[Verdict]:
        return [Verdict(satisfied=False, source="judge") for _ in items]


def test_program_code_and_judge_side_by_side(rules: SandboxedRules) -> None:
    judge = HybridJudge(Never(), code=CodeJudge(rules))
    verdicts = judge.judge(
        [item(None), item(CODE_ID, source=HEAD + "return True"), item("punctuation:no_comma")]
    )
    assert [v.satisfied for v in verdicts] == [False, True, True]
    assert "code" in judge.identity


def test_without_a_sandbox_code_is_an_error_or_goes_to_the_judge() -> None:
    code = item(CODE_ID, source=HEAD + "return True")
    with pytest.raises(UserError, match="expected a sandbox"):
        HybridJudge(Never()).judge([code])
    (verdict,) = HybridJudge(Never(), unknown="judge").judge([code])
    assert verdict.satisfied is False
    assert verdict.rationale.startswith("[fallback")


def test_a_criterion_that_is_not_code_is_unscored_by_the_code_judge(rules: SandboxedRules) -> None:
    verdicts = CodeJudge(rules).judge([item("punctuation:no_comma")])
    assert [v.satisfied for v in verdicts] == [None]
    assert ProgramJudge().judge([item("punctuation:no_comma")])[0].satisfied is True
