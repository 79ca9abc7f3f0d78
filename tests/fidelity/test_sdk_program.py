"""A program as users of SignalWire's SDK write it, in a process of its own."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from gateway.emulator.certificates import Certificates
from gateway.emulator.options import EmulatorOptions
from gateway.emulator.server import Emulator
from gateway.emulator.sink import AudioSink, SinkOptions

PROGRAM = """
import sys
from signalwire.relay import RelayClient

client = RelayClient(contexts=["default"])

@client.on_call
async def handle(call):
    await call.answer()
    action = await call.stream(sys.argv[1], track="both_tracks", custom_parameters={"caller": call.call_id})
    event = await action.wait(timeout=20)
    print(event.params["state"], flush=True)
    await call.hangup()

client.run()
print("over", flush=True)
"""


async def test_program_runs_against_the_emulator(certificates: Certificates, tmp_path: Path) -> None:
    """Settings from the environment, run(), a call whose stream ends, and Ctrl-C: it works as with SignalWire."""
    options = EmulatorOptions(
        listen="127.0.0.1:0",
        tls_certificate=certificates.certificate,
        tls_key=certificates.key,
        ca_file=certificates.ca,
        frame_interval=0.0002,
    )
    tls = SinkOptions(certificate=certificates.certificate, key=certificates.key)
    async with AudioSink(tls) as sink, Emulator(options) as emulator:
        program = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            PROGRAM,
            sink.url,
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            env={
                **os.environ,
                "SIGNALWIRE_PROJECT_ID": "demo",
                "SIGNALWIRE_API_TOKEN": "demo-token",
                "SIGNALWIRE_SPACE": emulator.host,
                "SIGNALWIRE_RELAY_CA_FILE": str(certificates.ca),
            },
        )
        try:
            call = await emulator.place_call(timeout=30)
            received = await sink.wait_stream()
            await received.wait_audio(100, "outbound")
            (stream,) = emulator.streams.values()
            await emulator.drop_stream(call.call_id, stream.control_id)
            assert program.stdout is not None
            assert (await program.stdout.readline()).decode().strip() == "finished"
            await emulator.frames.wait_for(lambda frame: frame.method == "calling.end" and frame.is_response)
            assert (call.state, call.end_reason) == ("ended", "hangup")
            assert received.custom_parameters == {"caller": call.call_id}
            assert received.problems == []
            program.send_signal(signal.SIGINT)
            assert (await program.stdout.readline()).decode().strip() == "over"
            assert await program.wait() == 0
        finally:
            if program.returncode is None:
                program.kill()
                await program.wait()
