"""Keeping tokens out of messages: what servers, libraries and credentials commands say is passed on without them."""

from __future__ import annotations

import re
from typing import Final

from configgen.diff.secrets import MASK

_OPAQUE: Final = re.compile(
    r"(?i:bearer\s+\S+)|eyJ[\w-]+\.[\w.-]+|\b[0-9a-f]{40,}\b|(?=[\w+=-]*[A-Z])(?=[\w+=-]*\d)[\w+=-]{40,}"
)
"""What may be a token, or a part of one. Names of Kubernetes can be long as well; they have no capitals."""


def without_tokens(said: object) -> str:
    """The words in one line, masked where they look like a token."""
    return _OPAQUE.sub(MASK, " ".join(str(said).split()))
