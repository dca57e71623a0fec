"""What every route of the API answers with: JSON by orjson, errors in one shape."""

from __future__ import annotations

import logging
import secrets
from typing import Any

import orjson
from starlette.responses import Response

from mlvajra_al.errors import Invalid, MlvajraError, QueueFull
from mlvajra_al.records import Job

log = logging.getLogger("mlvajra")


class Json(Response):
    """A JSON response; records and times are written as they are, NaN as null."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the content as bytes."""
        return orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)


def error_response(
    error: MlvajraError, *, detail: Any = None, headers: dict[str, str] | None = None
) -> Response:
    """Return one of our errors with its status."""
    if detail is None:
        told = {name: value for name, value in vars(error).items() if _is_plain(value)}
        detail = {name: _sendable(value) for name, value in told.items()}
    body = {
        "error": {"type": type(error).__name__, "message": _whole(str(error)), "detail": detail}
    }
    if isinstance(error, QueueFull):
        headers = {"Retry-After": str(error.seconds)} | (headers or {})
    return Json(body, status_code=error.status, headers=headers)


def _whole(text: str) -> str:
    """Return text with what is half a character replaced: JSON cannot carry it."""
    return text.encode(errors="replace").decode()


def _sendable(value: object) -> object:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    return _whole(value) if isinstance(value, str) else value


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | tuple | list)


def failed_job(job: Job) -> Response:
    """Return why a job failed that was waited for, as if its error had been raised here."""
    of = job.result or {}
    body = {
        "error": {
            "type": of.get("type", "Internal"),
            "message": _whole(job.error or "it failed without a word"),
            "detail": {"job": job.id},
        }
    }
    return Json(body, status_code=of.get("status", 500))


def http_error(status: int, message: str, *, headers: dict[str, str] | None = None) -> Response:
    """Return an error of the protocol: no such route, a method it does not take."""
    name = {404: "NotFound", 405: "MethodNotAllowed"}.get(status, "HttpError")
    body = {"error": {"type": name, "message": message, "detail": None}}
    return Json(body, status_code=status, headers=headers)


def bad_request(errors: list[dict[str, Any]], *, as_json: bool = True) -> Response:
    """Return what is wrong with a body or a parameter: the first problem as a sentence."""
    first = errors[0]
    if not as_json and tuple(first["loc"]) == ("body",):
        error = Invalid("the body is not sent as JSON; send Content-Type: application/json")
        return error_response(error, detail=[_plainly(item) for item in errors[:20]])
    if first["type"] == "json_invalid":
        error = Invalid("the body is no JSON; send what /api/docs shows for this route")
        return error_response(error, detail=[_plainly(item) for item in errors[:20]])
    place = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    error = Invalid(f"{place}: {first['msg'][:1].lower()}{first['msg'][1:]}; correct it")
    return error_response(error, detail=[_plainly(item) for item in errors[:20]])


def _plainly(item: dict[str, Any]) -> dict[str, Any]:
    return {"place": [str(part) for part in item["loc"]], "problem": str(item["msg"])}


def internal_error(error: Exception) -> Response:
    """Return a number instead of internals; the log has the traceback under it."""
    number = secrets.token_hex(4)
    log.error("error %s in the API: %s", number, type(error).__name__)
    body = {
        "error": {
            "type": "Internal",
            "message": f"something went wrong here; tell an admin the number {number}",
            "detail": {"number": number},
        }
    }
    return Json(body, status_code=500)
