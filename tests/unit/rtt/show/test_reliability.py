from rtt.discriminator.calibration import reliability
from rtt.show.reliability import Bar, reliability_page


def test_the_page_stands_alone_and_says_every_number() -> None:
    bins = reliability([0.1, 0.9, 0.95], [0, 1, 0])
    text = reliability_page(
        {"Kinds <seen>": {"before": bins, "after": bins}},
        {"Kinds <seen>": [Bar("a:b", 0.75, 0.5), Bar("c:d", 0.25, None)]},
        title="tiny", facts=[("rows", 3)],
    )  # fmt: skip
    assert text.startswith("<!doctype html>")
    assert "Kinds &lt;seen&gt;" in text
    assert "<seen>" not in text
    for part in ("a:b: 0.750, best floor 0.500", "c:d: 0.250, best floor none", "rows <b>3</b>"):
        assert part in text
    assert "http" not in text.replace("http-equiv", "")


def test_bars_are_drawn_from_the_best_kind_to_the_worst() -> None:
    text = reliability_page({}, {"x": [Bar("low", 0.1, None), Bar("high", 0.9, None)]}, title="t")
    assert text.index("high:") < text.index("low:")
