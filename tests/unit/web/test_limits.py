"""Which hosts are ours, which routes take files, and how much of a body is read."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.exceptions import HTTPException
from starlette.types import Message

from mlvajra_al.web import limits


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.text(max_size=60))
def test_whatever_a_host_header_holds_it_is_known_or_not(host: str) -> None:
    assert limits.known_host(host) in (True, False)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.ip_addresses(), st.integers(0, 65_535))
def test_an_address_is_no_name_that_somebody_could_point_here(ip: object, port: int) -> None:
    written = f"[{ip}]" if ":" in str(ip) else str(ip)
    assert limits.known_host(f"{written}:{port}")


@pytest.mark.parametrize(
    ("path", "takes"),
    [
        ("/api/v1/uploads", True),
        ("/api/v1/projects/spam/import", True),
        ("/api/v1/projects/spam/predict/file", True),
        ("/api/v1/projects/spam/predict", False),
        ("/api/v1/projects/spam/claims", False),
        ("/account/import", False),
        ("/_stcore/uploads", False),
        ("/api/v1/uploads/", False),
    ],
)
def test_files_are_taken_by_their_routes_only(path: str, takes: bool) -> None:
    assert limits.takes_file(path) is takes


def _read(sizes: list[int]) -> int:
    """Read a body that comes in pieces of these sizes; return how much of it arrived."""

    async def read() -> int:
        left = list(sizes)

        async def receive() -> Message:
            if not left:
                return {"type": "http.disconnect"}
            body = b"x" * left.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(left)}

        bounded, read_so_far = limits._bounded(receive), 0
        while True:
            message = await bounded()
            if message["type"] == "http.disconnect":
                return read_so_far
            read_so_far += len(message["body"])

    return asyncio.run(read())


@settings(max_examples=30, derandomize=True, deadline=None)
@given(st.lists(st.integers(0, 2**21), min_size=1, max_size=6))
def test_a_body_is_read_whole_or_refused_whatever_its_pieces(sizes: list[int]) -> None:
    if sum(sizes) <= limits.BODY_LIMIT:
        assert _read(sizes) == sum(sizes)
        return
    with pytest.raises(HTTPException, match="send less at a time") as refused:
        _read(sizes)
    assert refused.value.status_code == 413


def test_the_last_byte_that_fits_is_read_and_the_next_is_not() -> None:
    assert _read([limits.BODY_LIMIT]) == limits.BODY_LIMIT
    with pytest.raises(HTTPException):
        _read([limits.BODY_LIMIT, 1])
