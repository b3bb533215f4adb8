"""The canary's trial begins again once, whatever is seen of its streams meanwhile."""

import asyncio
import json
from pathlib import Path

from lab.calls import Caller
from lab.clock import TimeScale
from lab.log import Log
from lab.services.ingress import WEIGHT, Canary

WITHIN_S = 20.0


class Staging:
    """Answers for the canary's instance: a quarter of its streams fail; orders are held back when asked for."""

    def __init__(self) -> None:
        self.looks = 0
        self.flags: list[bool] = []
        self.held = asyncio.Event()
        self.held.set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next(
                (int(line[15:]) for line in head.lower().splitlines() if line.startswith(b"content-length:")), 0
            )
            sent = await reader.readexactly(length)
            if head.startswith(b"POST"):
                await self.held.wait()
                self.flags.append(json.loads(sent)["useNewWsManager"])
            else:
                self.looks += 1
            body = json.dumps({"metrics": {"errors": 25 * self.looks, "streamCreations": 100 * self.looks}}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


async def come_to(condition) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not condition():
            await asyncio.sleep(0.01)


def test_a_trial_that_begins_again_is_not_ended_by_what_was_counted_before(tmp_path: Path) -> None:
    manifest = tmp_path / "canary.yaml"
    manifest.write_text(f'metadata: {{annotations: {{"{WEIGHT}": "10"}}}}\n')

    async def play() -> list[str]:
        staging = Staging()
        server = await asyncio.start_server(staging.answer, "127.0.0.1", 0)
        staged = Caller(server.sockets[0].getsockname()[1])
        async with server:
            canary = Canary(manifest, TimeScale(600), Log(tmp_path / "ingress.log"), staged, "secret" * 8)
            watching = asyncio.create_task(canary.watch())
            await come_to(lambda: staging.flags == [False])
            staging.held.clear()
            resuming = asyncio.create_task(canary.resume())
            seen = staging.looks
            await come_to(lambda: staging.looks >= seen + 2)
            staging.held.set()
            await resuming
            states = [canary.state, *map(str, staging.flags)]
            watching.cancel()
            return states

    assert asyncio.run(play()) == ["running", "False", "True"]
