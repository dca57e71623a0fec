"""Files on their way in: kept aside until somebody decides what becomes of them."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from mlvajra_al.config import settings
from mlvajra_al.services import importing
from mlvajra_al.web.api.answers import Json
from mlvajra_al.web.api.caller import Caller
from mlvajra_al.web.api.uploads import received
from mlvajra_al.web.context import store

router = APIRouter(tags=["projects"])


@router.post("/uploads", status_code=201)
async def upload(request: Request, caller: Caller, name: str = "") -> Response:
    """Take a CSV, JSON Lines or Parquet file as the body and keep it for a day."""
    limit = settings().max_upload_mb
    async with received(request, name=name, limit_mb=limit) as (file_name, chunks):
        path = await importing.save_upload(store(), caller, chunks, name=file_name, limit_mb=limit)
    return Json({"upload": f"{path.parent.name}/{path.name}", "name": path.name}, status_code=201)
