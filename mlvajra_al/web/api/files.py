"""Files on their way in: kept aside until somebody decides what becomes of them."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from mlvajra_al.store import uploads
from mlvajra_al.web.api.answers import Json
from mlvajra_al.web.api.caller import Caller
from mlvajra_al.web.api.shapes import FILE, Uploaded
from mlvajra_al.web.api.uploads import saved

router = APIRouter(tags=["projects"])


@router.post("/uploads", status_code=201, response_model=Uploaded, openapi_extra=FILE)
async def upload(request: Request, caller: Caller, name: str = "") -> Response:
    """Take a CSV, JSON Lines or Parquet file as the body.

    It is kept for a day, or as long as a job waits for it.
    """
    path = await saved(request, caller, name=name)
    return Json({"upload": uploads.id_of(path), "name": path.name}, status_code=201)
