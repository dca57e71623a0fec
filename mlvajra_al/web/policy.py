"""What browsers are told that Streamlit's pages may load and run: nothing from other hosts."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

import streamlit as st

INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
RULES = (
    "default-src 'self'; script-src 'self' blob: {scripts}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' data: blob:; "
    "worker-src 'self' blob:; frame-src 'self' blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'self'"
)
"""Components come as `blob:` modules; styles are written into elements by Streamlit itself."""


@cache
def content_policy() -> bytes:
    """Return the content security policy, with the inline scripts of the installed Streamlit."""
    page = (Path(st.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    return RULES.format(scripts=" ".join(hashes(page))).encode()


def hashes(page: str) -> list[str]:
    """Return the sources that allow the inline scripts of a page, and no others.

    >>> hashes("<script>let a = 1</script><script src='b.js'></script>")
    ["'sha256-LAfYd7pbFUgwfQu8b4q135PeTG2z+/coPEUYCd74eCQ='"]
    """
    found = (hashlib.sha256(script.encode()).digest() for script in INLINE.findall(page))
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in found]
