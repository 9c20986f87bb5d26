"""How figures read."""

import pytest

from core.diagnosis.rules.wording import worded


@pytest.mark.parametrize(
    ("text", "value", "said"),
    [
        ("pd misses {share} of them", 1.0, "Pd misses 100 % of them"),
        ("pd misses {share} of them", 0.667, "Pd misses 67 % of them"),
        ("{share} full", 0.998, "99.8 % full"),
        ("{share} full", 0.0, "0 % full"),
        ("{count:store} gone", 1, "1 store gone"),
        ("{count:store} gone", 3, "3 stores gone"),
        ("ended {times}", 1, "Ended once"),
        ("ended {times}", 4, "Ended 4 times"),
        ("led: {value}", ["a", "b"], "Led: a -> b"),
        ("it took {value} s", 12345.6, "It took 12,346 s"),
    ],
)
def test_a_figure_reads_as_what_it_is(text, value, said):
    assert worded(text, value, "store 1") == said


def test_what_a_name_says_is_not_read_as_a_mark():
    assert worded("{entity} is {value}", "up", "store {value}") == "Store {value} is up"
