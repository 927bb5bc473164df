"""Every TaskExecution is in exactly one shard, whatever its label says; shards are of about one size."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pluginmachinery.api import names, shards
from pluginmachinery.config.plugin_manager import MOST_SHARDS, ShardingConfig

LABEL = names.SHARD


def selects(selector: str, value: str | None) -> bool:
    """As the API server evaluates one requirement: ``notin`` holds where the label is missing, ``in`` does not."""
    if not selector:
        return True
    _, operator, values = selector.split(" ", 2)
    among = value in values.strip("()").split(",")
    return not among if operator == "notin" else among


values = st.one_of(st.none(), st.integers(0, shards.BUCKETS + 5).map(str), st.text(max_size=5))


@given(st.integers(1, MOST_SHARDS), values)
def test_exactly_one_shard_selects_it(count: int, value: str | None) -> None:
    owners = [shard for shard in range(count) if selects(shards.selector(LABEL, shard, count), value)]
    known = value is not None and value.isascii() and value.isdigit() and str(int(value)) == value
    expected = int(value) % count if known and int(value) < shards.BUCKETS else 0  # type: ignore[arg-type]
    assert owners == [expected]


@pytest.mark.parametrize("count", [2, 3, 4, 6, 8, 12])
def test_shards_are_of_about_one_size(count: int) -> None:
    sizes = Counter(shards.bucket("flyte", f"task-{number}") % count for number in range(12_000))
    assert max(sizes.values()) <= 1.1 * 12_000 / count


def test_a_bucket_never_changes() -> None:
    assert [shards.bucket("flyte", f"t{number}") for number in range(4)] == [102, 119, 94, 1]


def test_the_label_is_the_one_that_the_command_line_sets() -> None:
    assert ShardingConfig().label == names.SHARD
