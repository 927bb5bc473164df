"""Names that Kubernetes accepts: labels and subdomains of DNS (RFC 1123), and how a name is made one.

A *label* (``[a-z0-9-]``, up to 63 characters) is what containers need, a *subdomain* (labels joined by dots, up to 253)
what objects need.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re

MAX_LABEL_LENGTH = 63
MAX_SUBDOMAIN_LENGTH = 253

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(rf"{_LABEL.pattern}(?:\.{_LABEL.pattern})*")
_CAMEL = re.compile(r"([a-z0-9])([A-Z])")
_OUTSIDE_SUBDOMAIN = re.compile(r"[^-.a-z0-9]")
_OUTSIDE_LABEL_VALUE = re.compile(r"[^-a-z0-9]+")

# Long names keep this many characters; the rest gives way to "-" and a hash.
_KEPT_LENGTH = 232
_HASHED_BYTES = 5
_STANDARD_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_FLYTE_BASE32 = "abcdefghijklmnopqrstuvwxyz123456"
_TO_FLYTE_BASE32 = str.maketrans(_STANDARD_BASE32, _FLYTE_BASE32, "=")
_FROM_FLYTE_BASE32 = str.maketrans(_FLYTE_BASE32, _STANDARD_BASE32)
_RANDOM_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""As in Kubernetes: no vowels, so that no words come out."""


def is_label(name: str) -> bool:
    return len(name) <= MAX_LABEL_LENGTH and _LABEL.fullmatch(name) is not None


def is_subdomain(name: str) -> bool:
    return len(name) <= MAX_SUBDOMAIN_LENGTH and _SUBDOMAIN.fullmatch(name) is not None


@functools.lru_cache(maxsize=1024)
def subdomain(name: str) -> str:
    """The name itself if it is a subdomain, else made one as Flyte does it.

    Camel case becomes kebab case, other characters vanish, what is too long ends in a hash. A name without any usable
    character becomes empty. Remembered, because one decision asks for the name of one object several times.
    """
    if is_subdomain(name):
        return name
    name = _CAMEL.sub(r"\1-\2", name).lower()
    name = _OUTSIDE_SUBDOMAIN.sub("", name).strip(".-")
    if len(name) > MAX_SUBDOMAIN_LENGTH:
        name = f"{name[:_KEPT_LENGTH]}-f{base32(_fnv1a_32(name.encode()).to_bytes(4, 'big'))}"
    return name


def shortened(name: str, length: int) -> str:
    """The name itself if it is not longer, else its beginning and a hash of all of it; at least 8 characters."""
    if len(name) <= length:
        return name
    digest = base32(hashlib.sha256(name.encode()).digest()[:_HASHED_BYTES])[: length - 1]
    beginning = name[: max(length - len(digest) - 2, 0)].rstrip("-.")
    return f"{beginning}-f{digest}" if beginning else f"f{digest}"


def label_value(text: str) -> str:
    """A label's value made of any text: lower case, runs of other characters as one ``-``, up to 63 characters."""
    return _OUTSIDE_LABEL_VALUE.sub("-", text.lower())[:MAX_LABEL_LENGTH].strip("-")


def random_name(seed: str, length: int = 4) -> str:
    """A name that looks random and is the same for the same seed."""
    digest = hashlib.sha256(seed.encode()).digest()
    return "".join(_RANDOM_ALPHABET[byte % len(_RANDOM_ALPHABET)] for byte in digest[:length])


def base32(data: bytes) -> str:
    """Base32 with Flyte's alphabet and without padding, which fits into names and annotations."""
    return base64.b32encode(data).decode("ascii").translate(_TO_FLYTE_BASE32)


def from_base32(text: str) -> bytes:
    """What :func:`base32` was made of. Raises ValueError for text that it never makes."""
    if any(character not in _FLYTE_BASE32 for character in text):
        raise ValueError("not in Flyte's base32: letters a-z and digits 1-6")
    return base64.b32decode(text.translate(_FROM_FLYTE_BASE32) + "=" * (-len(text) % 8))


def _fnv1a_32(data: bytes) -> int:
    value = 0x811C9DC5
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value
