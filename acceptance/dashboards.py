"""Dashboards: WebSocket clients that keep everything they are told, with a client library that is not ours."""

import asyncio
import json
import threading
import time

import websockets
from websockets.asyncio.client import connect

from deadline import PATIENCE_S

#: Between attempts to come back.
RECONNECT_PAUSE_S = 0.02


class Dashboard:
    """One client. What it holds is read under the crowd's lock, through `Dashboards.wait_for`."""

    def __init__(self, reconnects: bool):
        self.reconnects = reconnects
        #: One list of messages for each time it was connected.
        self.sessions: list[list] = []
        self.close_code: int | None = None
        self.close_reason: str | None = None
        self._socket = None

    @property
    def messages(self) -> list:
        return [message for session in self.sessions for message in session]

    def updates(self, session: int | None = None) -> list[dict]:
        """The changes it was told, in order, however they were packed into messages."""
        messages = self.messages if session is None else self.sessions[session]
        parsed = [json.loads(message) for message in messages]
        return [update for message in parsed if message.get("type") == "METRICS_UPDATE" for update in message["updates"]]


class Dashboards:
    """A crowd of them, served by one thread."""

    def __init__(self, url: str):
        self._url = url
        self._loop = asyncio.new_event_loop()
        self._changed = threading.Condition()
        self._tasks: list[asyncio.Task] = []
        self.all: list[Dashboard] = []
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def connect(self, count: int = 1, *, reconnects: bool = False, user_agent: str = "dashboard") -> list[Dashboard]:
        """Returns when all are connected."""
        dashboards = [Dashboard(reconnects) for _ in range(count)]
        self.all += dashboards

        async def start():
            self._tasks += [self._loop.create_task(self._live(each, user_agent)) for each in dashboards]

        self._run(start())
        self.wait_for(f"{count} connections", lambda: all(each.sessions or each.close_code for each in dashboards))
        for each in dashboards:
            assert each.sessions, f"refused: {each.close_reason}"
        return dashboards

    def one(self, user_agent: str = "dashboard") -> Dashboard:
        return self.connect(1, user_agent=user_agent)[0]

    def send(self, dashboard: Dashboard, text: str | bytes):
        self._run(dashboard._socket.send(text))

    def close(self, dashboard: Dashboard):
        self._run(dashboard._socket.close())

    def wait_for(self, what: str, condition, within: float = PATIENCE_S):
        with self._changed:
            happened = self._changed.wait_for(condition, timeout=within)
        assert happened, f"waited {within} s for {what}"

    def holds(self, condition) -> bool:
        with self._changed:
            return condition()

    def leave(self):
        """Drops every connection, without the niceties, and ends the thread."""

        async def cancel():
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

        self._run(cancel())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=PATIENCE_S)

    async def _live(self, dashboard: Dashboard, user_agent: str):
        while True:
            await self._connected_once(dashboard, user_agent)
            if not dashboard.reconnects:
                return
            await asyncio.sleep(RECONNECT_PAUSE_S)

    async def _connected_once(self, dashboard: Dashboard, user_agent: str):
        # Its own keepalive is off: a machine too busy to answer in time would look like a server that hangs up.
        opening = connect(
            self._url, user_agent_header=user_agent, ping_interval=None, max_size=None, proxy=None, close_timeout=5
        )
        try:
            async with opening as socket:
                dashboard._socket = socket
                session = []
                with self._changed:
                    dashboard.sessions.append(session)
                    self._changed.notify_all()
                try:
                    while True:
                        message = await socket.recv()
                        with self._changed:
                            session.append(message)
                            self._changed.notify_all()
                except websockets.ConnectionClosed as closed:
                    with self._changed:
                        dashboard.close_code = closed.rcvd.code if closed.rcvd else 1006
                        dashboard.close_reason = closed.rcvd.reason if closed.rcvd else ""
                        self._changed.notify_all()
        except (OSError, websockets.InvalidHandshake, EOFError) as refused:
            if not dashboard.reconnects:
                with self._changed:
                    dashboard.close_code, dashboard.close_reason = -1, str(refused)
                    self._changed.notify_all()


def now_ms() -> int:
    return int(time.time() * 1000)
