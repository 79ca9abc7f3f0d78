"""The README's examples do what they say, against a real gateway and a real emulator."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callstream.v1 import event_pb2
from gateway.emulator.server import Emulator
from tests.support.running import Client, running_emulator, running_gateway

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def example(name: str) -> str:
    """The code block after the mark `tested: name`."""
    found = re.search(rf"<!-- tested: {name} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """An emulated RELAY."""
    async with running_emulator() as emulator:
        yield emulator


@pytest.fixture
async def client(emulator: Emulator) -> AsyncIterator[Client]:
    """A gateway of that RELAY."""
    async with running_gateway(emulator.host) as client:
        yield client


async def run(program: str, *arguments: str, call_id: str = "") -> str:
    """Runs a program to its end; returns what it printed."""
    environment = {
        **os.environ,
        "CALL": call_id,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",
    }
    process = await asyncio.create_subprocess_exec(
        program, *arguments, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode()


@pytest.mark.skipif(
    shutil.which("grpcurl") is None and os.environ.get("CI") != "true",
    reason="grpcurl is not installed (never skipped with CI=true)",
)
async def test_the_grpcurl_lines_work_in_their_order(emulator: Emulator, client: Client) -> None:
    """Reflection alone is enough to list, describe and call everything that the README shows."""
    call = await emulator.place_call(timeout=10)
    await client.until(event_pb2.EVENT_TYPE_CALL_RECEIVED)
    text = example("grpcurl").replace("127.0.0.1:50051", client.address)
    lines = [line for line in re.split(r"\n(?=grpcurl)", text) if line.strip()]
    printed = []
    for line in lines:
        # A watch goes on for ever; `-max-time` ends it with DEADLINE_EXCEEDED, which grpcurl reports as a failure.
        command = f"{line.strip()} || test $? -eq 68" if "-max-time" in line else line
        printed.append(await run("bash", "-euc", command, call_id=call.call_id))
    everything = "\n".join(printed)
    assert "callstream.v1.StreamService" in printed[0]
    assert "STREAM_STATE_STARTING" in everything
    assert "EVENT_TYPE_CALL_ANSWERED" in everything
    assert emulator.calls[call.call_id].ended


async def test_the_python_example_follows_a_call_to_its_end(emulator: Emulator, client: Client) -> None:
    """The example waits for a call, answers it, streams it and prints its events until it has ended."""
    code = example("python").replace("127.0.0.1:50051", client.address)
    script = asyncio.create_task(run(sys.executable, "-c", code))
    async with asyncio.timeout(30):
        while True:  # the script's watch begins at "now": a call is placed until one is seen
            call = await emulator.place_call(timeout=10)
            if await answered(emulator, call.call_id):
                break
    await client.until(event_pb2.EVENT_TYPE_STREAM_UPDATED)  # RELAY has accepted the start
    await emulator.hang_up(call.call_id)
    output = await script
    assert "EVENT_TYPE_CALL_ANSWERED" in output
    assert output.strip().endswith("EVENT_TYPE_CALL_ENDED")


async def answered(emulator: Emulator, call_id: str) -> bool:
    """Whether somebody answers a call within a moment."""
    try:
        await emulator.frames.wait_for(
            lambda frame: frame.method == "calling.answer" and frame.params.get("call_id") == call_id,
            timeout=1.0,
        )
    except TimeoutError:
        return False
    return True


async def test_the_command_line_examples_work_in_their_order(emulator: Emulator, client: Client) -> None:
    """`callstream call …` and `callstream stream …` carry a call from its answer to its end."""
    call = await emulator.place_call(timeout=10)
    await client.until(event_pb2.EVENT_TYPE_CALL_RECEIVED)
    lines = [line for line in example("cli").splitlines() if line.strip()]
    for line in lines:
        command = f"CALLSTREAM_ADDRESS={client.address} {line}"
        await run("bash", "-euc", command, call_id=call.call_id)
    event = await client.until(event_pb2.EVENT_TYPE_CALL_ENDED)
    assert event.call_id == call.call_id
