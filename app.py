"""Start of Pradit: `streamlit run app.py`. Puts the frame around Streamlit and the job pool beside it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware

import jobs
from web.errors import on_script_error
from web.navigation import ROOT
from web.server import ROUTES, Frame


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[dict[str, Any]]:
    """The job pool lives as long as the server."""
    pool = jobs.pool()
    await run_in_threadpool(pool.start)
    try:
        yield {}
    finally:
        await run_in_threadpool(pool.stop)


app = st.App(
    ROOT / "web" / "main.py",
    lifespan=lifespan,
    routes=ROUTES,
    middleware=[Middleware(Frame)],
    on_script_error=on_script_error,
)
