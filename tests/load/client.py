"""A reader without a browser: Streamlit's own protocol over one websocket, as a browser speaks it."""

from __future__ import annotations

import asyncio
import time
import urllib.request
from dataclasses import dataclass, field

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from websockets.asyncio.client import ClientConnection, connect


@dataclass
class Reader:
    """One tab on one page.

    Attributes:
        html: bodies of the `st.html` elements that stand on the page, by place.
        buttons: ids of its buttons, by label.
        every: what the page wants rerun by itself: fragment id -> seconds.
        reruns: of each rerun, whether of a fragment, and the seconds from the request to the script's end.
        errors: what went wrong on the server while the page ran.
    """

    address: str  # "127.0.0.1:8501"
    path: str  # "fine-tune", "" is the start page
    language: str = "en"
    query: str = ""  # what the address says beside the language
    html: dict[tuple[int, ...], str] = field(default_factory=dict)
    buttons: dict[str, str] = field(default_factory=dict)
    every: dict[str, float] = field(default_factory=dict)
    reruns: list[tuple[bool, float]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    async def open(self) -> None:
        """Fetch the page, which brings the reader's cookie, connect, and let it run once."""
        self._query = "&".join(filter(None, (f"lang={self.language}", self.query)))
        self._page_hash = ""
        cookie = await asyncio.to_thread(self._cookie)
        self._socket: ClientConnection = await connect(
            f"ws://{self.address}/_stcore/stream",
            additional_headers={"Cookie": cookie, "Accept-Language": self.language},
            origin=f"http://{self.address}",  # type: ignore[arg-type]
            subprotocols=["streamlit"],  # type: ignore[list-item]
            max_size=None,
            compression=None,
            ping_interval=None,
        )
        await self.rerun()

    async def close(self) -> None:
        await self._socket.close()

    async def rerun(self, *, press: str | None = None, fragment: str = "") -> float:
        """Ask for a rerun and wait for its end.

        Args:
            press: the label of a button that is pressed.
            fragment: the fragment to rerun by itself, else the whole page.

        Returns:
            Seconds.
        """
        ask = BackMsg()
        state = ask.rerun_script
        state.query_string, state.page_script_hash = self._query, self._page_hash
        state.page_name = "" if self._page_hash else self.path
        state.fragment_id, state.is_auto_rerun = fragment, bool(fragment)
        state.context_info.locale = self.language
        state.context_info.url = f"http://{self.address}/{self.path}"
        if press is not None:
            states = WidgetStates()
            states.widgets.add(id=self.buttons[press], trigger_value=True)
            state.widget_states.CopyFrom(states)
        started = time.perf_counter()
        await self._socket.send(ask.SerializeToString())
        await self._until_finished()
        seconds = time.perf_counter() - started
        self.reruns.append((bool(fragment), seconds))
        return seconds

    async def live(self, seconds: float) -> None:
        """Stay on the page for a while: what wants to be rerun is rerun."""
        end = time.perf_counter() + seconds
        while self.every and time.perf_counter() < end:
            fragment, every = next(iter(self.every.items()))
            await asyncio.sleep(every)
            await self.rerun(fragment=fragment)

    @property
    def text(self) -> str:
        return "\n".join(self.html.values())

    async def _until_finished(self) -> None:
        html: dict[tuple[int, ...], str] = {}
        buttons: dict[str, str] = {}
        whole = False
        while True:
            message = ForwardMsg.FromString(await self._socket.recv(decode=False))
            kind = message.WhichOneof("type")
            if kind == "new_session":
                html, buttons = {}, {}
                whole = not message.metadata.run.fragment_ids
                if whole:
                    self.every.clear()
            elif kind == "navigation":
                self._page_hash = message.navigation.page_script_hash
            elif kind == "page_info_changed":
                self._query = message.page_info_changed.query_string
            elif kind == "auto_rerun":
                self.every[message.auto_rerun.fragment_id] = message.auto_rerun.interval
            elif kind == "stop_auto_rerun":
                for each in message.stop_auto_rerun.fragment_ids:
                    self.every.pop(each, None)
            elif kind == "session_event":
                self.errors.append(str(message.session_event))
            elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                element = message.delta.new_element
                what = element.WhichOneof("type")
                if what == "html":
                    html[tuple(message.metadata.delta_path)] = element.html.body
                elif what == "button":
                    buttons[element.button.label] = element.button.id
                elif what == "exception":
                    self.errors.append(f"{element.exception.type}: {element.exception.message}")
            elif kind == "script_finished":
                if message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    continue
                if whole:
                    self.html, self.buttons = html, buttons
                else:
                    self.html.update(html)
                return

    def _cookie(self) -> str:
        with urllib.request.urlopen(f"http://{self.address}/{self.path}?lang={self.language}") as answer:
            answer.read()
            found = [each.split(";")[0] for each in answer.headers.get_all("Set-Cookie", [])]
        assert found, "the page set no cookie"
        return "; ".join(found)
