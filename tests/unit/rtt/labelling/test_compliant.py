from itertools import islice

from rtt.labelling import RuleMade, rule_kinds
from rtt.labelling.compliant import compliant_responses
from rtt.verdicts.sources import JudgedVerdicts

MADE = list(islice(compliant_responses(RuleMade(), seed=0), 300))


def test_a_made_response_meets_its_whole_rubric() -> None:
    verdicts = JudgedVerdicts().verdicts([(one.prompt, one.response) for one in MADE])
    broken = [
        (one.prompt.rubric, one.response)
        for one, told in zip(MADE, verdicts, strict=True)
        if not all(verdict.satisfied for verdict in told)
    ]
    assert not broken


def test_rubrics_have_one_to_four_criteria_of_all_kinds_in_the_words_of_the_prompt() -> None:
    sizes = {len(one.prompt.rubric) for one in MADE}
    assert sizes == {1, 2, 3, 4}
    kinds = {criterion.constraint_id for one in MADE for criterion in one.prompt.rubric.criteria}
    assert len(kinds) > 0.9 * len(rule_kinds())
    for one in MADE:
        assert all(criterion.text in one.prompt.prompt for criterion in one.prompt.rubric.criteria)


def test_the_stream_can_be_taken_up_anywhere() -> None:
    assert list(islice(compliant_responses(RuleMade(), seed=0, start=290), 10)) == MADE[290:]
