"""The OpenID Connect provider that is installed for tests, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.server import free_port


@contextmanager
def honest_provider() -> Iterator[str]:
    """Run it; yield its address."""
    port = free_port()
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        while not _answers(url):
            assert process.poll() is None, "the provider ended"
            time.sleep(0.02)
        yield url
    finally:
        process.terminate()
        process.wait()


def knows(url: str, subject: str) -> None:
    """Tell the provider of somebody, whose name and e-mail follow from the subject."""
    claims = {"preferred_username": subject, "email": f"{subject}@example.org"}
    httpx.put(f"{url}/users/{subject}", json=claims | {"email_verified": True})


def _answers(url: str) -> bool:
    try:
        httpx.get(f"{url}/jwks", timeout=5)
    except httpx.TransportError:
        return False
    return True
