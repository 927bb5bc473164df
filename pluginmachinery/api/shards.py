"""Shards: the parts of all TaskExecutions that replicas of the controller share among them.

A TaskExecution carries its *bucket*, a number below :data:`BUCKETS`, as a label; every object that is made for it
carries the same. The *shard* is the bucket modulo the number of shards: who submits needs not know how many there are,
and when the number changes, everything that runs is dealt out anew without a write.

Each shard is one label selector. What has no bucket, or none that we know, belongs to shard 0: its selector names what
it does *not* want, so that no object is nobody's.
"""

from __future__ import annotations

import hashlib

BUCKETS = 120
"""Many enough to be shared evenly, few enough for a selector; 120 is divided by 2, 3, 4, 5, 6, 8, 10 and 12."""


def bucket(namespace: str, name: str) -> int:
    """The bucket of a TaskExecution: the same wherever and whenever it is asked for."""
    digest = hashlib.sha256(f"{namespace}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS


def selector(label: str, shard: int, count: int) -> str:
    """The label selector of one of ``count`` shards; "" where there is only one."""
    if count == 1:
        return ""
    if shard == 0:
        others = [str(each) for each in range(BUCKETS) if each % count]
        return f"{label} notin ({','.join(others)})"
    own = [str(each) for each in range(shard, BUCKETS, count)]
    return f"{label} in ({','.join(own)})"
