"""A connection that speaks the Redis protocol, to servers that answer in every way."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from lab.resp import Connection, LostError, ReplyError, fields, packed

WITHIN_S = 20.0
ALL_KINDS = b"+OK\r\n:42\r\n$5\r\nhe\r\nl\r\n$-1\r\n*2\r\n$1\r\na\r\n*1\r\n:7\r\n*-1\r\n-MOVED 1 2\r\n"


def against(sent: list[bytes], play: Callable[[Connection], Awaitable[None]], *, hangs_up: bool = False) -> None:
    """Play against a server that answers the first thing it is told with these pieces, one by one."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        for piece in sent:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if hangs_up:
            writer.close()

    async def played() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with asyncio.timeout(WITHIN_S), server:
            connection = await Connection.open("127.0.0.1", server.sockets[0].getsockname()[1])
            await play(connection)
            connection.close()

    asyncio.run(played())


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_replies_come_in_order_however_they_are_cut(size: int) -> None:
    async def play(connection: Connection) -> None:
        replies = await connection.call(*[("PING",)] * 7)
        assert replies[:6] == [b"OK", 42, b"he\r\nl", None, [b"a", [7]], None]
        assert isinstance(replies[6], ReplyError)
        assert str(replies[6]) == "MOVED 1 2"
        assert not connection.closed

    against([ALL_KINDS[at : at + size] for at in range(0, len(ALL_KINDS), size)], play)


def test_to_ask_nothing_is_answered_at_once() -> None:
    async def play(connection: Connection) -> None:
        assert await connection.call() == []

    against([], play)


@pytest.mark.parametrize(
    ("sent", "hangs_up", "why"),
    [
        ([], False, r"no reply within 0\.2 s"),
        ([b"$5\r\nhel"], False, r"no reply within 0\.2 s"),
        ([b"+OK\r\n"], True, "closed by the server"),
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], False, "not the Redis protocol"),
        ([b":many\r\n"], False, "many"),
    ],
)
def test_a_connection_on_which_half_a_reply_came_is_lost(sent: list[bytes], hangs_up: bool, why: str) -> None:
    async def play(connection: Connection) -> None:
        with pytest.raises(LostError, match=why):
            await connection.call(("PING",), ("PING",), timeout_s=0.2)
        assert connection.closed
        with pytest.raises(LostError, match="closed"):
            await connection.call(("PING",))

    against(sent, play, hangs_up=hangs_up)


def test_what_nobody_asked_for_is_not_taken_for_an_answer() -> None:
    async def play(connection: Connection) -> None:
        assert await connection.call(("PING",)) == [b"OK"]
        while not connection.closed:
            await asyncio.sleep(0.01)

    against([b"+OK\r\n", b"+and more\r\n"], play)


def test_who_waits_no_longer_leaves_no_connection_behind() -> None:
    async def play(connection: Connection) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await connection.call(("PING",))
        assert connection.closed

    against([], play)


def test_words_are_spelt_with_their_length_in_bytes() -> None:
    assert packed(("SET", "kä", 12)) == b"*3\r\n$3\r\nSET\r\n$3\r\nk\xc3\xa4\r\n$2\r\n12\r\n"
    assert packed(b"as it is") == b"as it is"


def test_all_fields_of_an_information_or_the_few_that_are_wanted() -> None:
    told = b"# Stats\r\nkeyspace_hits:3\r\nkeyspace_hits_more:4\r\nrole:master\r\nat:a:b\r\n"
    assert fields(told) == {"keyspace_hits": "3", "keyspace_hits_more": "4", "role": "master", "at": "a:b"}
    assert fields(told, ("role", "keyspace_hits", "none")) == {"keyspace_hits": "3", "role": "master"}
    with pytest.raises(ReplyError):
        fields(ReplyError("NOPERM"))
