"""For machines that watch: is it alive, is it ready, what has it done."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from mlvajra_al.errors import MlvajraError
from mlvajra_al.records import Person
from mlvajra_al.services.tallies import answering, tallies
from mlvajra_al.web.context import now, store

answered: Counter[int] = Counter()
"""Answers of this process by status, counted by the gate."""
_started = time.monotonic()


def routes() -> list[BaseRoute]:
    """Return the routes of this module."""
    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
    ]


async def healthz(_request: Request) -> Response:
    """Say that the process answers."""
    return PlainTextResponse("ok\n")


async def readyz(_request: Request) -> Response:
    """Say whether the database answers too."""
    try:
        await run_in_threadpool(lambda: answering(store()))
    except Exception as error:  # whatever it is, we are not ready
        name = str(error) if isinstance(error, MlvajraError) else type(error).__name__
        return PlainTextResponse(f"not ready: {name}\n", status_code=503)
    return PlainTextResponse("ready\n")


async def metrics(request: Request) -> Response:
    """Return counters in the text format of Prometheus; of projects the caller may see."""
    person: Person = request.scope["mlv.person"]
    lines = await run_in_threadpool(lambda: list(_lines(person)))
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


def _lines(person: Person) -> Iterator[str]:
    yield "# TYPE mlvajra_http_answers_total counter"
    for status, count in sorted(answered.items()):
        yield f'mlvajra_http_answers_total{{status="{status}"}} {count}'
    yield "# TYPE mlvajra_uptime_seconds gauge"
    yield f"mlvajra_uptime_seconds {time.monotonic() - _started:.1f}"
    for name, value in tallies(store(), person, now=now()).items():
        yield f"# TYPE mlvajra_{name} gauge"
        yield f"mlvajra_{name} {value:g}"
