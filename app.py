"""Start of Pradit: `streamlit run app.py`. Puts the frame around Streamlit, jobs and voices beside it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware

import jobs
from narration.service import service
from web.article.first_screen import first_screen
from web.experiments.files import ROUTES as RESULTS
from web.frame.base_path import below
from web.frame.errors import on_script_error
from web.frame.navigation import ROOT
from web.frame.player import ROUTES as PLAYER
from web.frame.prepare import prepare
from web.frame.server import ROUTES, Frame
from web.frame.upload_route import ROUTES as UPLOADS
from widgets.component import ROUTES as MODULES

FIRST_SCREENS = {"article": first_screen}
FIRST_PAGE_ALONE = 4.0
"""Seconds after the start that the first page has the machine to itself; a worker asked for comes at once."""


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[dict[str, Any]]:
    """The job pool and the narration live as long as the server; the first page is prepared beside them."""
    prepare(FIRST_SCREENS.values())
    pool, voices = jobs.pool(), service()
    await run_in_threadpool(pool.start, warm=False)

    async def warm() -> None:
        await asyncio.sleep(FIRST_PAGE_ALONE)
        await run_in_threadpool(pool.warm)
        await run_in_threadpool(voices.start)

    warming = asyncio.create_task(warm())
    try:
        yield {}
    finally:
        warming.cancel()
        for room in (pool, voices):
            await run_in_threadpool(room.stop)


app = st.App(
    ROOT / "web" / "main.py",
    lifespan=lifespan,
    routes=below([*ROUTES, *MODULES, *RESULTS, *PLAYER, *UPLOADS]),
    middleware=[Middleware(Frame, first_screens=FIRST_SCREENS)],
    on_script_error=on_script_error,
)
