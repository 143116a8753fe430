"""Records to take home: `/results/<name>.json` as it was written, `/results/<name>.csv` a row a value."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from lab.claims import NAMES, Record, read
from lab.claims.record import RESULTS

HEAD = ("condition", "seed", "value", "learning_rate")


def csv_of(record: Record) -> str:
    """One row for each condition and seed; an exact result has no seed."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEAD)
    for condition, values in record.result.per_seed.items():
        rate = record.result.chosen.get(condition, "")
        seeds: Sequence[int | str] = record.seeds or [""]
        for seed, value in zip(seeds, values, strict=False):
            writer.writerow([condition, seed, "" if value is None else value, rate])
    return out.getvalue()


async def serve_result(request: Request) -> Response:
    """A record as a file; its name is one of NAMES, whatever the path says."""
    name, _, kind = request.path_params["file"].partition(".")
    record = read(name) if name in NAMES and kind in ("csv", "json") else None
    if record is None:
        return PlainTextResponse("not found", status_code=404)
    if kind == "json":
        return FileResponse(RESULTS / f"{name}.json", media_type="application/json", filename=f"{name}.json")
    return Response(
        csv_of(record),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}.csv"'},
    )


ROUTES = [Route("/results/{file}", serve_result)]
