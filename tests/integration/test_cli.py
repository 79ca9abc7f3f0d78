"""The command line as users run it: real processes, one beside the other."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from gateway.emulator.server import Emulator
from tests.support.processes import Process, finished, started
from tests.support.running import PROJECT, TOKEN, running_emulator

MEMORY = ("--listen", "127.0.0.1:0", "--data-dir", ":memory:")


def relay(host: str, **changes: str) -> dict[str, str]:
    """Variables that lead a gateway to an emulator."""
    return {
        "SIGNALWIRE_PROJECT_ID": PROJECT,
        "SIGNALWIRE_TOKEN": TOKEN,
        "SIGNALWIRE_RELAY_HOST": host,
        "SIGNALWIRE_RELAY_SCHEME": "ws",
        **changes,
    }


async def address_of(serving: Process) -> str:
    """Where a gateway serves, from the one line it prints."""
    return await serving.remark(r"^callstream serves gRPC on (\S+)$")


async def healthy(address: str) -> None:
    """Returns once a gateway says that it serves."""
    while (await finished("health", "--address", address)).code:
        pass


async def test_a_developer_takes_a_call_from_ring_to_end() -> None:
    """With the emulator, the gateway and the client as separate processes, and nothing else."""
    async with started("emulator", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0") as emulator:
        host = await emulator.remark(r"RELAY on ws://(\S+)")
        control = await emulator.remark(r"control on (\S+)")
        assert f"SIGNALWIRE_RELAY_HOST={host}" in await emulator.remark(r"export .*")
        async with started("serve", *MEMORY, **relay(host)) as serving:
            address = await address_of(serving)
            await healthy(address)
            async with started("call", "list", "--wait", "--json", "--address", address) as waiting:
                async with aiohttp.ClientSession() as session, session.post(f"{control}/calls") as placed:
                    assert placed.status < 300
                (call,) = json.loads((await waiting.finish()).out)["calls"]
            await take(call["call_id"], address)
            serving.signal(signal.SIGTERM)
            assert (await serving.finish()).code == 0
        emulator.signal(signal.SIGINT)
        assert (await emulator.finish()).code == 0


async def take(call_id: str, address: str) -> None:
    """Answers a call, streams it, and ends it; its story is what the watch tells."""
    assert (await finished("call", "answer", call_id, CALLSTREAM_ADDRESS=address)).code == 0
    words = ("stream", "start", call_id, "wss://127.0.0.1:1/audio", "--control-id", "s1", "--bearer-token", "s3cret")
    begun = await finished(*words, CALLSTREAM_ADDRESS=address)
    assert (begun.code, "s3cret" in begun.out + begun.err) == (0, False)
    assert "was there already" in (await finished(*words, CALLSTREAM_ADDRESS=address)).out
    stopped = await finished("stream", "stop", call_id, "s1", "--wait-until", "ended", CALLSTREAM_ADDRESS=address)
    assert "stop_requested" in stopped.out
    assert (await finished("call", "end", call_id, CALLSTREAM_ADDRESS=address)).code == 0
    told = await finished(
        "stream", "watch", "--from-oldest", "--json", "--call", call_id, "--until", "call-ended",
        CALLSTREAM_ADDRESS=address,
    )  # fmt: skip
    assert (told.code, "s3cret" in told.out) == (0, False)
    types = [json.loads(line)["event"]["type"].removeprefix("EVENT_TYPE_") for line in told.out.splitlines()]
    story = ["CALL_RECEIVED", "CALL_ANSWERED", "STREAM_STARTING", "STREAM_FINISHED", "CALL_ENDED"]
    assert [kind for kind in types if kind in story] == story


async def test_a_watch_goes_on_over_a_restart_of_the_gateway(tmp_path: Path) -> None:
    """It tells that it does, misses nothing, and ends by Ctrl-C where it can go on."""
    socket = f"unix:{tmp_path}/c.sock"
    words = ("serve", "--listen", socket, "--data-dir", str(tmp_path / "data"))
    async with running_emulator() as emulator, started(*words, **relay(emulator.host)) as serving:
        assert await address_of(serving) == socket
        watching = started("stream", "watch", "--from-oldest", "--address", socket)
        async with watching as watch:
            await watch.line("SESSION_UP")
            serving.signal(signal.SIGTERM)
            assert (await serving.finish()).code == 0
            await watch.remark("going on in")
            async with started(*words, **relay(emulator.host)) as again:
                await address_of(again)
                call_id = await place(emulator)
                await watch.line(f"CALL_RECEIVED +call={call_id}")
                watch.signal(signal.SIGINT)
                left = await watch.finish()
    assert left.code == 130
    assert left.err.splitlines()[-2].startswith("go on with --after ")
    assert "Traceback" not in left.err


async def place(emulator: Emulator) -> str:
    """An inbound call."""
    return (await emulator.place_call(timeout=20)).call_id


async def test_a_reader_that_leaves_ends_a_watch_quietly() -> None:
    """As in `callstream stream watch | head -1`: no traceback, and the exit code of SIGPIPE."""
    async with running_emulator() as emulator, started("serve", *MEMORY, **relay(emulator.host)) as serving:
        address = await address_of(serving)
        script = f"{sys.executable} -m gateway stream watch --from-oldest --json --address {address} | head -1"
        shell = await asyncio.create_subprocess_exec(
            "bash", "-c", f"{script}; exit ${{PIPESTATUS[0]}}",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert shell.stdout is not None
        assert b"SESSION_UP" in await shell.stdout.readline()
        await place(emulator)  # the watch writes again, and nobody reads
        out, err = await shell.communicate()
    assert (shell.returncode, out, err) == (141, b"", b"")


async def test_debug_logs_show_frames_but_no_secrets() -> None:
    """Each line but the announcement is JSON where nobody watches."""
    words = ("serve", *MEMORY, "--log-level", "debug")
    async with running_emulator() as emulator, started(*words, **relay(emulator.host)) as serving:
        address = await address_of(serving)
        await healthy(address)
        call_id = await place(emulator)
        await finished("call", "list", "--wait", "--address", address)
        start = ("stream", "start", call_id, "wss://127.0.0.1:1/audio", "--bearer-token", "s3cret")
        assert (await finished(*start, "--address", address)).code == 0
        serving.signal(signal.SIGINT)
        logged = await serving.finish()
    assert logged.code == 0
    assert "calling.stream" in logged.err
    assert "s3cret" not in logged.err
    assert TOKEN not in logged.err
    lines = [line for line in logged.err.splitlines() if not line.startswith("callstream serves gRPC on")]
    assert all("event" in json.loads(line) for line in lines)


async def test_a_port_that_is_taken_is_4() -> None:
    """One line, with the address and what to do."""
    async with running_emulator() as emulator, started("serve", *MEMORY, **relay(emulator.host)) as serving:
        address = await address_of(serving)
        second = await finished("serve", "--listen", address, "--data-dir", ":memory:", **relay(emulator.host))
    assert second.code == 4
    (error,) = [line for line in second.err.splitlines() if not line.startswith("{")]
    assert error.startswith(f"error: cannot listen on {address}")


async def test_a_data_directory_that_cannot_be_made_is_4(tmp_path: Path) -> None:
    """With its name."""
    (tmp_path / "file").write_text("")
    refused = await finished("serve", "--data-dir", str(tmp_path / "file" / "data"), **relay("127.0.0.1:1"))
    assert refused.code == 4
    assert f"{tmp_path}/file" in refused.err
    assert "Traceback" not in refused.err


async def test_credentials_that_relay_refuses_are_5() -> None:
    """After a few tries; the token is not shown."""
    async with running_emulator() as emulator:
        refused = await finished("serve", *MEMORY, **relay(emulator.host, SIGNALWIRE_TOKEN="s3cret-wrong"))
    assert refused.code == 5
    assert refused.err.splitlines()[-1].startswith("error: ")
    assert "s3cret" not in refused.err


async def test_it_serves_while_relay_is_unreachable() -> None:
    """Not healthy, but there: its clients can wait with it."""
    async with started("serve", *MEMORY, **relay("127.0.0.1:1")) as serving:
        address = await address_of(serving)
        health = await finished("health", "--address", address)
        assert (health.code, health.out) == (1, f"{address}: NOT_SERVING\n")
        listed = await finished("call", "list", "--address", address)
        assert (listed.code, len(listed.out.splitlines())) == (0, 1)


async def test_an_emulator_whose_port_is_taken_is_4() -> None:
    """In one line."""
    async with running_emulator() as emulator:
        refused = await finished("emulator", "--listen", emulator.host, "--control", "none")
    assert refused.code == 4
    assert refused.err.startswith("error: cannot listen: ")
    assert refused.err.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_emulator_ends_by_a_signal(number: signal.Signals) -> None:
    """That is its ordinary end; a token of one's own is not told back."""
    words = ("emulator", "--listen", "127.0.0.1:0", "--control", "none", "--project", "p", "--token", "s3cret")
    async with started(*words) as emulator:
        await emulator.remark("SIGNALWIRE_PROJECT_ID=p ")
        emulator.signal(number)
        ended = await emulator.finish()
    assert ended.code == 0
    assert "control" not in ended.err
    assert "s3cret" not in ended.err


async def test_a_demo_can_be_kept_and_left(tmp_path: Path) -> None:
    """It ends with 0 by Ctrl-C once everything was as it has to be."""
    async with started("demo", "--keep", "--output", str(tmp_path / "a.wav")) as demo:
        await demo.line("keeps running")
        demo.signal(signal.SIGINT)
        ended = await demo.finish()
    assert ended.code == 0
    assert "FAIL" not in ended.out
    assert (tmp_path / "a.wav").stat().st_size > 0


async def test_a_demo_that_is_interrupted_is_130(tmp_path: Path) -> None:
    """It cleans up, and has not succeeded."""
    async with started("demo", "--output", str(tmp_path / "a.wav")) as demo:
        await demo.line("gateway")
        demo.signal(signal.SIGINT)
        ended = await demo.finish()
    assert ended.code == 130
    assert "Traceback" not in ended.err
