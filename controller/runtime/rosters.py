"""The roster: which replicas live, and which of them has which shard. Values only; :mod:`.memberships` keeps it.

It is one record in one Lease, read and written as a whole: every change to who is there and who has what is one
compare-and-swap, so two replicas can never both believe that a shard is theirs, nor can two releases that count the
shards differently act at the same time – the record is of one count.

A *beat* is a number that a member raises as long as it lives. Others judge by their own clocks how long it has stood
still; clocks of different machines are never compared.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

NOBODY = ""


@dataclass(frozen=True)
class Roster:
    """``beats`` by member; ``holders`` by shard."""

    holders: tuple[str, ...]
    beats: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def empty(cls, count: int) -> Roster:
        return cls((NOBODY,) * count)

    @property
    def count(self) -> int:
        return len(self.holders)

    def held_by(self, member: str) -> tuple[int, ...]:
        return tuple(shard for shard, holder in enumerate(self.holders) if holder == member)

    def share_of(self, member: str) -> int:
        """How many shards this member is to have: all have as many, the first ones (by name) one more if needed."""
        members = sorted(self.beats)
        share, rest = divmod(self.count, len(members))
        return share + (members.index(member) < rest)

    def without(self, gone: Collection[str]) -> Roster:
        """Its shards are nobody's then."""
        beats = {member: beat for member, beat in self.beats.items() if member not in gone}
        return Roster(tuple(holder if holder in beats else NOBODY for holder in self.holders), beats)

    def without_shards(self, member: str, shards: Collection[int]) -> Roster:
        """The member has these no longer."""
        holders = enumerate(self.holders)
        return replace(
            self, holders=tuple(NOBODY if who == member and shard in shards else who for shard, who in holders)
        )

    def beat_of(self, member: str) -> Roster:
        """The member lives (or joins)."""
        return replace(self, beats={**self.beats, member: self.beats.get(member, 0) + 1})

    def claimed_by(self, member: str) -> Roster:
        """The member takes of what is nobody's, up to its share."""
        room = self.share_of(member) - len(self.held_by(member))
        free = [shard for shard, holder in enumerate(self.holders) if holder == NOBODY][: max(0, room)]
        return replace(
            self, holders=tuple(member if shard in free else holder for shard, holder in enumerate(self.holders))
        )

    def excess_of(self, member: str) -> tuple[int, ...]:
        """What the member has beyond its share: its last ones."""
        return self.held_by(member)[self.share_of(member) :]

    def describe(self) -> str:
        """What ``kubectl get leases`` shows as the holder; "" where there is nobody."""
        return f"{self.count} shards: {', '.join(sorted(self.beats))}" if self.beats else ""

    def to_text(self) -> str:
        return json.dumps({"beats": dict(sorted(self.beats.items())), "holders": list(self.holders)})


def parse(text: Any) -> Roster | None:
    """Read what :meth:`Roster.to_text` wrote; None: it is nothing of the kind."""
    try:
        record = json.loads(text)
        beats = {str(member): int(beat) for member, beat in record["beats"].items()}
        return Roster(tuple(str(holder) for holder in record["holders"]), beats)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
