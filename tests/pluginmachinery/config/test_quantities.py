"""Quantities: what Kubernetes reads, how it prints and compares."""

from __future__ import annotations

import copy
import pickle
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pluginmachinery.config.quantities import Quantity, compare

# Recorded from apimachinery v0.34.1: text, canonical form, rounded up to a whole number.
RECORDED = [
    ("0", "0", 0),
    ("1", "1", 1),
    ("1000m", "1", 1),
    ("1500m", "1500m", 2),
    ("0.5", "500m", 1),
    (".5", "500m", 1),
    ("5.", "5", 5),
    ("100000", "100k", 100000),
    ("1024Mi", "1Gi", 1 << 30),
    ("1025Ki", "1025Ki", 1025 << 10),
    ("1.5Gi", "1536Mi", 3 << 29),
    ("0.5Ki", "512", 512),
    ("0.0001Ki", "102400u", 1),
    ("512Ki", "512Ki", 512 << 10),
    ("1e3", "1e3", 1000),
    ("12E2", "1200", 1200),
    ("1e-3", "1e-3", 1),
    ("1E", "1E", 10**18),
    ("2e0", "2", 2),
    ("+1", "1", 1),
    ("-1.5", "-1500m", -2),
    ("0.0000000001", "1n", 1),
    ("0.1234567891234", "123456790n", 1),
    ("10Ei", "9223372036854775807", (1 << 63) - 1),
    ("007", "7", 7),
    ("100n", "100n", 1),
    ("m", "0", 0),
]


@pytest.mark.parametrize(("text", "canonical", "whole"), RECORDED, ids=[text for text, _, _ in RECORDED])
def test_it_reads_and_prints_as_kubernetes_does(text: str, canonical: str, whole: int) -> None:
    quantity = Quantity.parse(text)
    assert (quantity.canonical(), quantity.ceil()) == (canonical, whole)


@pytest.mark.parametrize("text", ["1e3", "+1", "5.", "1.001", "7Gi"])
def test_a_text_that_kubernetes_takes_for_canonical_is_printed_as_given(text: str) -> None:
    assert str(Quantity.parse(text)) == text


@pytest.mark.parametrize("text", ["1024Mi", "0.5", "1000", "1000m", "2000k"])
def test_other_texts_are_printed_in_canonical_form(text: str) -> None:
    assert str(Quantity.parse(text)) == Quantity.parse(text).canonical() != text


@pytest.mark.parametrize(
    "text",
    ["", "abc", "1K", "1ki", "1GB", "1 Gi", " 1", "1Gi ", "--1", "1.2.3", "1e", "1e+", "1ee3", "e3x", "١", "1e99999"],
)
def test_what_is_no_quantity_is_refused_with_the_text(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity") as caught:
        Quantity.parse(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("number", "text"), [(2, "2"), (0.5, "500m"), (1e21, "1e+21"), (1.0, "1"), (1e16, "10P"), (2e-7, "2e-7")]
)
def test_a_number_is_read_as_go_writes_it_in_json(number: float, text: str) -> None:
    assert str(Quantity.parse(number)) == str(Quantity.parse(text))


def test_a_quantity_can_be_copied_and_pickled_but_not_changed() -> None:
    quantity = Quantity.parse("1500m")
    assert copy.deepcopy(quantity) is quantity
    assert pickle.loads(pickle.dumps(quantity)) == quantity
    with pytest.raises(AttributeError):
        quantity.nanos = 1  # type: ignore[misc]


NUMBERS = st.from_regex(r"\A[+-]?([0-9]{1,18}(\.[0-9]{0,12})?|\.[0-9]{1,12})\Z")
SUFFIXES = st.sampled_from(["", "n", "u", "m", "k", "M", "G", "Ki", "Mi", "Gi", "Ti", "e3", "E2", "e-2"])
TEXTS = st.builds("".join, st.tuples(NUMBERS, SUFFIXES))
FACTORS = {suffix: Fraction(1000) ** power for power, suffix in enumerate(("n", "u", "m", "", "k", "M", "G"), start=-3)}
FACTORS |= {suffix: Fraction(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti"), start=1)}
FACTORS |= {"e3": Fraction(1000), "E2": Fraction(100), "e-2": Fraction(1, 100)}


@given(NUMBERS, SUFFIXES)
def test_the_value_is_exact_to_the_billionth_and_rounded_away_from_zero(number: str, suffix: str) -> None:
    exact = Fraction(number) * FACTORS[suffix] * 10**9
    limit = ((1 << 63) - 1) * 10**9
    if suffix.endswith("i"):
        exact = max(min(exact, Fraction(limit)), Fraction(-limit))
    rounded = -(-abs(exact) // 1) * (1 if exact >= 0 else -1)
    assert Quantity.parse(number + suffix).nanos == rounded


@given(TEXTS)
def test_the_canonical_form_means_the_same_and_stays(text: str) -> None:
    quantity = Quantity.parse(text)
    again = Quantity.parse(quantity.canonical())
    assert again == quantity
    assert again.canonical() == quantity.canonical()


@given(TEXTS, TEXTS)
def test_order_and_equality_follow_the_value(first: str, second: str) -> None:
    a, b = Quantity.parse(first), Quantity.parse(second)
    assert (a < b, a == b, a > b) == (a.nanos < b.nanos, a.nanos == b.nanos, a.nanos > b.nanos)
    assert compare(first, second) == (a > b) - (a < b)
    assert a != b or hash(a) == hash(b)


@given(TEXTS, TEXTS)
def test_addition_is_exact_and_keeps_the_notation_of_what_is_not_zero(first: str, second: str) -> None:
    a, b = Quantity.parse(first), Quantity.parse(second)
    assert (a + b).nanos == a.nanos + b.nanos
    assert (a + b) - b == a
    assert (a + b).notation == (b if a.is_zero else a).notation
