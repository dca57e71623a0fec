"""Files sent to us, as the body or as a form, piece by piece, and kept until somebody uses them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.responses import Response

from mlvajra_al.config import settings
from mlvajra_al.errors import Invalid, TooLarge
from mlvajra_al.records import Person
from mlvajra_al.services import importing
from mlvajra_al.store import uploads
from mlvajra_al.web.api.answers import Json
from mlvajra_al.web.api.caller import Caller, asked_by
from mlvajra_al.web.api.shapes import FILE, Uploaded
from mlvajra_al.web.context import store

MB = 2**20
PIECE = 2**20
ENVELOPE = 64 * 1024
"""What a form may weigh beside its file."""


async def saved(request: Request, caller: Person, *, name: str) -> Path:
    """Save the one file that was sent, and return its path.

    Raises
    ------
    NotAllowed
        Before anything is read, if the caller may not bring files in; after all of it, if they may
        not any more.
    NotSignedIn
        If the session has ended meanwhile.
    TooLarge
        Before anything is read if the request says so itself, else as soon as it is.
    Invalid
        If there is no file, nothing says what it is called, or it is of no format we read.
    """
    importing.require_importer(caller)
    limit = settings().max_upload_mb
    async with _received(request, name=name, limit_mb=limit) as (file_name, chunks):
        importing.require_readable(file_name)
        checked = _to_the_end(request, chunks)
        return await importing.save_upload(store(), caller, checked, name=file_name, limit_mb=limit)


async def _to_the_end(
    request: Request, chunks: AsyncIterator[bytes]
) -> AsyncGenerator[bytes, None]:
    """Pass the pieces on, and look once more who has sent them when all are here."""
    async for chunk in chunks:
        yield chunk
    importing.require_importer(await asked_by(request))


@asynccontextmanager
async def _received(
    request: Request, *, name: str, limit_mb: int
) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
    """Yield the name and the pieces of the one file that was sent."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit_mb * MB + ENVELOPE:
        raise TooLarge(limit_mb)
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        if not name:
            raise Invalid("nothing says what the file is called; add ?name=FILE to the address")
        yield name, request.stream()
        return
    parser = MultiPartParser(
        request.headers, _limited(request.stream(), limit_mb), max_files=1, max_fields=10
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Invalid(f"the form cannot be read: {error.message}; send it again") from error
    try:
        file = next((part for _, part in form.multi_items() if isinstance(part, UploadFile)), None)
        if file is None or not (name or file.filename):
            raise Invalid("the form holds no file; send one under any name")
        yield name or str(file.filename), _pieces(file)
    finally:
        await form.close()


async def _limited(chunks: AsyncIterator[bytes], limit_mb: int) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit_mb * MB + ENVELOPE:
            raise TooLarge(limit_mb)
        yield chunk


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    while piece := await file.read(PIECE):
        yield piece


router = APIRouter(tags=["projects"])
FileName = Annotated[
    str, Query(description="The file's name: needed, but for a form; its ending says the format")
]


@router.post("/uploads", status_code=201, response_model=Uploaded, openapi_extra=FILE)
async def upload(request: Request, caller: Caller, name: FileName = "") -> Response:
    """Take a CSV, JSON Lines or Parquet file as the body.

    It is kept for a day, or as long as a job waits for it.
    """
    path = await saved(request, caller, name=name)
    return Json({"upload": uploads.id_of(path), "name": path.name}, status_code=201)
