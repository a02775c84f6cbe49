from hypothesis import given
from hypothesis import strategies as st

from rtt.discriminator.finding import finding_rows

TEXTS = ["Amber dune, an iris!", "The fjord (don't) north-west 12"]


@given(st.integers(0, 50))
def test_the_named_words_are_relevant_wherever_they_occur_and_nothing_else(seed: int) -> None:
    for row in finding_rows(TEXTS, 5, seed=seed):
        marked = {row.response[start:end].lower() for start, end in row.spans or ()}
        criterion = f" {row.criterion.lower()} "
        assert all(word in criterion for word in marked), row
        rest = list(row.response)
        for start, end in row.spans or ():
            rest[start:end] = "\0" * (end - start)
        left = "".join(rest).lower().replace(",", " ").replace(".", " ").split()
        assert not marked & set(left), row


def test_rows_depend_on_the_seed_alone() -> None:
    assert list(finding_rows(TEXTS, 9, seed=3)) == list(finding_rows(TEXTS, 9, seed=3))
    assert list(finding_rows(TEXTS, 9, seed=3)) != list(finding_rows(TEXTS, 9, seed=4))


def test_words_occur_in_most_rows_and_not_in_all() -> None:
    rows = list(
        finding_rows(
            [" ".join(f"w{'abcdefghij'[n % 10]}{'klmnopqrst'[n // 10]}" for n in range(100))],
            200,
            seed=0,
        )
    )
    share = sum(bool(row.spans) for row in rows) / len(rows)
    assert 0.6 < share < 0.95, share


def test_texts_without_words_give_no_rows() -> None:
    assert list(finding_rows(["12 34"], 5, seed=0)) == []
