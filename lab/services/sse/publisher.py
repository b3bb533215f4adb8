"""Two figures to CloudWatch every minute, through Amazon's own library."""

import asyncio
import os
import queue
import threading
from datetime import UTC, datetime
from typing import Any, Final

from lab.clock import TimeScale, now
from lab.log import Log
from lab.resp import ReplyError
from lab.services.sse.manager import Manager

NAMESPACE: Final = "SSE/ConnectionManager"
EVERY_S: Final = 60.0
"""Seconds of production between two publications."""
COMPONENT: Final = "sse.cloudwatch"
TIMEOUT_S: Final = 3


class Publisher:
    """Takes figures in the service's own thread and sends them in another one: the library blocks."""

    def __init__(self, manager: Manager, log: Log, scale: TimeScale) -> None:
        self.stopped: list[object] = []
        """Faults under which nothing is published."""
        self._manager = manager
        self._log = log
        self._every_s = scale.window(EVERY_S)
        self._outbox: queue.Queue[list[dict[str, Any]]] = queue.Queue(maxsize=4)
        self._thread = threading.Thread(target=self._send, args=(asyncio.get_running_loop(),), daemon=True)

    async def publish_for_ever(self) -> None:
        """Publish at the interval, from now on."""
        self._thread.start()
        while True:
            if not self.stopped:
                try:
                    self._outbox.put_nowait(await self._metrics())
                except (OSError, ReplyError) as error:
                    self._log.write("WARN", COMPONENT, f"nothing to publish: {type(error).__name__}: {error}")
                except queue.Full:
                    self._log.write("WARN", COMPONENT, "earlier figures are still on their way")
            await asyncio.sleep(self._every_s)

    async def _metrics(self) -> list[dict[str, Any]]:
        told = await self._manager.monitoring()
        values = (
            ("ActiveConnections", told["connection_stats"]["active_connections"], "Count"),
            ("CleanupErrorRate", told["cleanup_stats"]["error_rate"], "Percent"),
        )
        moment = datetime.fromtimestamp(now(), UTC)
        return [{"MetricName": name, "Value": value, "Unit": unit, "Timestamp": moment} for name, value, unit in values]

    def _send(self, loop: asyncio.AbstractEventLoop) -> None:
        # Imported here, late and beside the work: it takes a third of a second.
        import boto3  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        environment = os.environ
        client = boto3.session.Session(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]).client(
            "cloudwatch",
            region_name=environment["AWS_DEFAULT_REGION"],
            endpoint_url=environment["AWS_ENDPOINT_URL_CLOUDWATCH"],
            config=Config(
                connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S, retries={"total_max_attempts": 1}, proxies={}
            ),
        )
        while True:
            metrics = self._outbox.get()
            try:
                client.put_metric_data(Namespace=NAMESPACE, MetricData=metrics)
            except (BotoCoreError, ClientError) as error:
                loop.call_soon_threadsafe(self._log.write, "WARN", COMPONENT, f"not published: {error}")
