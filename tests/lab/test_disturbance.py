"""What faults leave behind is forgotten from the beginning of the first to when all is well again."""

import asyncio
from collections.abc import Awaitable, Callable

from lab.clock import now
from lab.disturbance import STEADY, Disturbance

WITHIN_S = 20.0


class Service:
    """Remembers since when it was told to forget; how it is, is known once it may say so."""

    def __init__(self) -> None:
        self.forgotten: list[float] = []
        self.looks = 0
        self.may_say = asyncio.Event()
        self.states: list[bool] = []
        """How it is at each look; well after that."""

    async def forget(self, since: float) -> None:
        self.forgotten.append(since)

    async def is_well(self) -> bool:
        await self.may_say.wait()
        self.looks += 1
        return self.states.pop(0) if self.states else True


def played(play: Callable[[Service, Disturbance], Awaitable[None]]) -> Service:
    async def all_of_it() -> Service:
        service = Service()
        async with asyncio.timeout(WITHIN_S):
            await play(service, Disturbance(service.forget, service.is_well))
        return service

    return asyncio.run(all_of_it())


async def come_to(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def test_a_fault_is_forgotten_when_it_is_lifted_and_once_more_when_all_has_been_well_for_some_looks() -> None:
    async def play(service: Service, disturbance: Disturbance) -> None:
        before = now()
        disturbance.begin("a")
        await disturbance.end("a")
        assert len(service.forgotten) == 1
        service.states = [True, False]
        service.may_say.set()
        await come_to(lambda: len(service.forgotten) == 2)
        assert before <= service.forgotten[0] == service.forgotten[1] <= now()
        assert service.looks == 2 + STEADY

    played(play)


def test_a_fault_that_is_caused_while_all_is_about_to_be_well_goes_on_with_the_one_before() -> None:
    async def play(service: Service, disturbance: Disturbance) -> None:
        disturbance.begin("a")
        await disturbance.end("a")
        await come_to(lambda: bool(asyncio.all_tasks() - {asyncio.current_task()}))  # it is asked how it is
        disturbance.begin("b")  # and is still being caused when the answer comes
        service.may_say.set()
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)
        assert service.forgotten == service.forgotten[:1]
        await disturbance.end("b")
        await come_to(lambda: len(service.forgotten) == 3)
        assert len(set(service.forgotten)) == 1

    played(play)


def test_nothing_is_forgotten_while_another_fault_is_at_work() -> None:
    async def play(service: Service, disturbance: Disturbance) -> None:
        service.may_say.set()
        disturbance.begin("a")
        disturbance.begin("b")
        await disturbance.end("a")
        await disturbance.end("one of the streams, which nobody counts here")
        assert service.forgotten == []
        await disturbance.end("b")
        await come_to(lambda: len(service.forgotten) == 2)

    played(play)


def test_after_a_reset_everything_is_forgotten_and_the_next_fault_begins_anew() -> None:
    async def play(service: Service, disturbance: Disturbance) -> None:
        service.may_say.set()
        disturbance.begin("a")
        await disturbance.end_all()
        await come_to(lambda: service.forgotten == [0.0, 0.0])
        before = now()
        disturbance.begin("b")
        await disturbance.end("b")
        assert service.forgotten[2] >= before

    played(play)
