"""Keeping tokens out of messages: what servers, libraries and credentials commands say is passed on without them."""

from __future__ import annotations

import re
from typing import Final

from configgen.diff.secrets import MASK

_OPAQUE: Final = re.compile(r"(?i)bearer\s+\S+|eyJ[\w-]+\.[\w.-]+|[\w+=-]{40,}")
"""What may be a token, or a part of one."""


def without_tokens(said: object) -> str:
    """The words in one line, masked where they look like a token."""
    return _OPAQUE.sub(MASK, " ".join(str(said).split()))
