"""Status webhooks of streams: advisory, sent beside the events, never waited for."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp
import msgspec
import structlog

__all__ = ["Webhook", "Webhooks"]

_log = structlog.get_logger("callstream.emulator")


@dataclass(frozen=True, slots=True)
class Webhook:
    """One call of a status URL with the outer params of an event."""

    url: str
    method: Literal["POST", "GET"]
    params: dict[str, Any]


class Webhooks:
    """Sends webhooks one after the other, so that they arrive in order; beyond the limit new ones are dropped.

    `sent` and `failed` count. A failure is logged and not tried again.
    """

    def __init__(self, limit: int, timeout: float, trust: ssl.SSLContext) -> None:
        self.sent = 0
        self.failed = 0
        self._queue: asyncio.Queue[Webhook] = asyncio.Queue(limit)
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._trust = trust

    def put(self, webhook: Webhook) -> None:
        """Queue a webhook."""
        try:
            self._queue.put_nowait(webhook)
        except asyncio.QueueFull:
            self.failed += 1

    async def run(self) -> None:
        """Send what is queued until cancelled."""
        connector = aiohttp.TCPConnector(ssl=self._trust)
        async with aiohttp.ClientSession(connector=connector, timeout=self._timeout) as client:
            while True:
                webhook = await self._queue.get()
                try:
                    await self._send(client, webhook)
                except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                    self.failed += 1
                    _log.info("webhook_failed", url=webhook.url, error=repr(error))
                else:
                    self.sent += 1
                finally:
                    self._queue.task_done()

    async def flushed(self) -> None:
        """Wait until all that was queued has been tried."""
        await self._queue.join()

    async def _send(self, client: aiohttp.ClientSession, webhook: Webhook) -> None:
        if webhook.method == "GET":
            request = client.get(webhook.url, params=_query(webhook.params))
        else:
            body = msgspec.json.encode(webhook.params)
            request = client.post(webhook.url, data=body, headers={"Content-Type": "application/json"})
        async with request as response:
            response.raise_for_status()


def _query(params: dict[str, Any]) -> dict[str, str]:
    """Outer and inner params side by side, as text."""
    flat = {**params, **params.get("params", {})}
    return {name: value if isinstance(value, str) else str(value) for name, value in flat.items() if name != "params"}
