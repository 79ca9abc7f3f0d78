"""The listener: which addresses can be had, why others can't, and how connections behave."""

import asyncio
import contextlib
import errno
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from gateway.serving import listener
from gateway.serving.failure import EXIT_START, StartFailed
from gateway.serving.listener import listen, new_server
from gateway.settings.listening import ListenSettings

KIB = 1024


async def _echo(request: bytes, _context: object) -> bytes:
    return request


async def _ticks(_request: bytes, _context: object) -> AsyncIterator[bytes]:
    yield b"first"
    await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def listening(address: str = "127.0.0.1:0", **settings: Any) -> AsyncIterator[str]:
    """A server with a method that answers, and one that goes on; its address."""
    chosen = ListenSettings(listen=address, **settings)
    server = new_server(chosen)
    handlers: dict[str, Any] = {
        "Echo": grpc.unary_unary_rpc_method_handler(_echo),
        "Ticks": grpc.unary_stream_rpc_method_handler(_ticks),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test", handlers),))
    try:
        yield await listen(server, chosen)
    finally:
        await server.stop(0)


@contextlib.asynccontextmanager
async def channel(address: str) -> AsyncIterator[grpc.aio.Channel]:
    """A channel with a connection of its own, whose own bounds are not in the way."""
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
    async with grpc.aio.insecure_channel(address, options) as opened:
        yield opened


def echo(opened: grpc.aio.Channel, request: bytes = b"x", **options: Any) -> Any:
    """Asks for an answer."""
    method: Any = opened.unary_unary("/test/Echo")
    return method(request, **options)


def ticks(opened: grpc.aio.Channel) -> Any:
    """Opens a stream that does not end."""
    method: Any = opened.unary_stream("/test/Ticks")
    return method(b"")


async def refusal(address: str) -> str:
    """Why an address can't be had: one line that names it."""
    with pytest.raises(StartFailed) as caught:
        async with listening(address, insecure_listen=True):
            pass
    assert caught.value.exit_code == EXIT_START
    message = str(caught.value)
    assert message.startswith(f"cannot listen on {address}: ")
    assert "\n" not in message
    assert "--listen" in message
    return message


class TestPorts:
    """Addresses with a port."""

    @pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:0", "localhost:0"])
    async def test_any_port(self, address: str) -> None:
        """The address that is told has the port, and works."""
        async with listening(address) as found, channel(found) as opened:
            assert found.rpartition(":")[0] == address.rpartition(":")[0]
            assert await echo(opened) == b"x"

    async def test_a_port_that_is_taken(self) -> None:
        """By whatever process."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            message = await refusal(f"127.0.0.1:{other.getsockname()[1]}")
        assert "another process has the port" in message

    async def test_an_address_of_another_machine(self) -> None:
        """The message says that it isn't this one's."""
        assert "this machine does not have that address" in await refusal("192.0.2.1:50051")

    async def test_a_name_that_nobody_has(self) -> None:
        """Nor can such a name be looked up."""
        assert "nobody.invalid can't be looked up" in await refusal("nobody.invalid:50051")

    @pytest.mark.parametrize(
        ("number", "expected"), [(errno.EACCES, "use one above 1023"), (errno.ENOBUFS, os.strerror(errno.ENOBUFS))]
    )
    async def test_what_the_system_says_otherwise(
        self, number: int, expected: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Is passed on, with a remedy where there is one."""

        def refuse(*_: object) -> None:
            raise OSError(number, os.strerror(number))

        with socket.create_server(("127.0.0.1", 0)) as other:
            monkeypatch.setattr(socket.socket, "bind", refuse)
            assert expected in await refusal(f"127.0.0.1:{other.getsockname()[1]}")

    async def test_nothing_is_found(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The server failed, and the reason has gone by the time it is looked for."""

        def fail(*_: object) -> int:
            raise RuntimeError

        monkeypatch.setattr(listener, "_bind", fail)
        assert "gRPC does not say why" in await refusal("127.0.0.1:0")


class TestSockets:
    """Addresses in the file system."""

    async def test_owner_and_group(self, tmp_path: Path) -> None:
        """Nobody else may connect, whatever the umask of the process; which is as it was afterwards."""
        before = os.umask(0)
        try:
            async with listening(f"unix:{tmp_path}/s") as address, channel(address) as opened:
                assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o660
                assert await echo(opened) == b"x"
                (tmp_path / "file").touch()
                assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666
        finally:
            os.umask(before)

    async def test_one_that_was_left_behind(self, tmp_path: Path) -> None:
        """The name of a process that was killed is taken over."""
        path = tmp_path / "s"
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(path))
        async with listening(f"unix:{path}") as address, channel(address) as opened:
            assert await echo(opened) == b"x"

    async def test_one_that_is_in_use(self, tmp_path: Path) -> None:
        """The library would take the name away from the process that has it."""
        address = f"unix:{tmp_path}/s"
        async with listening(address), channel(address) as opened:
            assert "another process serves there" in await refusal(address)
            assert await echo(opened) == b"x"

    async def test_something_else_has_the_name(self, tmp_path: Path) -> None:
        """A file is left alone."""
        path = tmp_path / "s"
        path.write_text("mine")
        assert "something else has that name" in await refusal(f"unix:{path}")
        assert path.read_text() == "mine"

    async def test_no_directory(self, tmp_path: Path) -> None:
        """It isn't made: its rights are the operator's to choose."""
        assert f"there is no directory {tmp_path}/run" in await refusal(f"unix:{tmp_path}/run/s")

    async def test_a_directory_that_is_not_ours(self) -> None:
        """Where nothing can be made, not even by root."""
        assert "no socket can be made in /proc" in await refusal("unix:/proc/callstream.sock")


class TestBounds:
    """What a single request may cost."""

    async def test_message_size(self) -> None:
        """The library refuses what is more than twice the contract's own bound, which answers with a reason."""
        async with listening() as address, channel(address) as opened:
            assert len(await echo(opened, bytes(3 << 20))) == 3 << 20
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await echo(opened, bytes(9 << 20))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED

    async def test_headers(self) -> None:
        """15 KiB of headers pass every time, 17 KiB never, and the client is told why."""
        async with listening() as address, channel(address) as opened:
            for _ in range(20):
                assert await echo(opened, metadata=[("x-large", "x" * 15 * KIB)]) == b"x"
            for _ in range(5):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await echo(opened, metadata=[("x-large", "x" * 17 * KIB)])
                assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
                assert "metadata size" in str(caught.value.details())


class TestAge:
    """Connections that end so that load balancers can move their clients."""

    async def test_a_connection_of_age(self) -> None:
        """Requests go on on a new one without failing; what stays open longer than the grace ends with UNAVAILABLE."""
        async with listening(max_connection_age=1, max_connection_age_grace=0) as address, channel(address) as opened:
            stream = ticks(opened)
            assert await stream.read() == b"first"
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stream.read()
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            assert await echo(opened) == b"x"

    async def test_an_idle_connection(self) -> None:
        """It is closed; the next request opens another."""
        async with listening(max_connection_idle=1) as address, channel(address) as opened:
            assert await echo(opened) == b"x"
            assert opened.get_state() is grpc.ChannelConnectivity.READY
            await opened.wait_for_state_change(grpc.ChannelConnectivity.READY)
            assert await echo(opened) == b"x"
