"""HTTP as uvicorn reads it, with an end to how long and how slow the head of a request may be."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_LIMIT = 64 * 1024
HEAD_SECONDS = 20
REFUSED = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s"
)
WORDS = f"the address and the headers are longer than {HEAD_LIMIT:,} bytes; send less\n".encode()


class BoundedHead(HttpToolsProtocol):
    """Closes a connection whose first line and headers are too long, or take too long to come.

    The parser keeps a head in memory until it is complete, however long it is. The same goes for
    what may stand between and after the pieces of a body (extensions and trailers of a chunked
    one), and for a body that goes on coming after its answer.
    """

    _head = 0
    _in_head = True
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the head of the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head that is not complete."""
        if self._in_head and self._waiting is None:
            self._wait()
        self._head += len(data)
        super().data_received(data)
        if self._head > HEAD_LIMIT and not self.transport.is_closing():
            self._stop_waiting()
            if self._in_head:
                self.transport.write(REFUSED % (len(WORDS), WORDS))
            self.transport.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep what stands in the head; trailers say nothing to anybody here."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Take the request: its head is here."""
        self._in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body, which others count."""
        self._head = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Expect the head of another request."""
        self._in_head, self._head = True, 0
        self._stop_waiting()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the end of a request that is answered already."""
        super().on_response_complete()
        if not self._in_head and self.cycle.response_complete:
            self._stop_waiting()
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._head = 0
        self._waiting = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
