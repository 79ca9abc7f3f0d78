"""One chaos run from start to judgement."""

import asyncio
import contextlib
import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.emulator.certificates import make_certificates
from gateway.emulator.options import Answer, Busy, EmulatorOptions, NoAnswer
from gateway.emulator.server import Emulator
from gateway.emulator.sink import AudioSink, SinkOptions
from gateway.relay import wire
from tests.support.chaos.callers import LABELS, Caller
from tests.support.chaos.ending import caught_up, collect, settle
from tests.support.chaos.followers import Follower, Pager
from tests.support.chaos.mischief import Mischief
from tests.support.chaos.process import GatewayUnderTest
from tests.support.chaos.world import World, chance_of
from tests.support.histories import EventFilter, History
from tests.support.validators.promises import broken_promises

__all__ = ["CALM_BEGINS_WITH", "Outcome", "Plan", "run_chaos"]

CALM_BEGINS_WITH: Final = ("kill", "cut", "nothing")
"""What can precede the quiet time: a last kill, a last cut of the connection, or no help at all."""

_PROJECT: Final = "chaos"
_FRAMES: Final = 50_000
_SIGNS: Final = ("Traceback (most recent call last)", '"rpc_failed"', "was never retrieved", '"level": "critical"')
"""What in the log means a defect."""
_FOUL: Final = frozenset({"INTERNAL", "UNKNOWN", "UNIMPLEMENTED", "DATA_LOSS", "INVALID_ARGUMENT"})
"""What no client was to be answered."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to be.

    Attributes:
        seed: Decides what is drawn. Two runs of one seed draw the same; when things happen differs a little.
        seconds: How long trouble is made.
        callers: How many clients have calls.
        log_level: The gateway's.
        calm_begins_with: One of CALM_BEGINS_WITH. None: the seed decides.
        kills: How often the gateway is killed beyond what trouble does by itself; trouble goes on until that is done.
    """

    seed: int
    seconds: float
    callers: int = 6
    log_level: str = "debug"
    calm_begins_with: str | None = None
    kills: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run.

    Attributes:
        history: What was seen.
        counts: What happened how often.
        broken: Violations by promise; "No defects" are crashes and errors that nothing foresees.
    """

    history: History
    counts: Counter[str]
    broken: dict[str, list[str]]


async def run_chaos(plan: Plan, say: Callable[[str], None] = lambda _: None) -> Outcome:
    """Makes trouble, lets it settle, and judges. Takes longer than `plan.seconds` by the time it takes to settle."""
    directory = Path(tempfile.mkdtemp(prefix="chaos-"))
    try:
        async with _world(plan, directory) as (world, gateway):
            followers = _followers(world)
            async with asyncio.TaskGroup() as tasks:
                observing = [tasks.create_task(world.observe(), name="observe")]
                observing += [tasks.create_task(follower.run(), name=follower.name) for follower in followers]
                await _trouble(plan, world, gateway, say)
                say("waiting until all is settled")
                standing = await settle(world)
                head = await caught_up(world, followers)
                for task in observing:
                    task.cancel()
            say("judging")
            history = await collect(world, followers, standing, head)
            return Outcome(
                history, _counts(world, gateway, history), broken_promises(history) | _defects(gateway, history)
            )
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.asynccontextmanager
async def _world(plan: Plan, directory: Path) -> AsyncIterator[tuple[World, GatewayUnderTest]]:
    # What has quotes and backslashes in it is hidden less easily.
    token = f'PT-{secrets.token_hex(8)}"\\{secrets.token_hex(8)}'
    made = make_certificates(directory / "certificates")
    async with (
        AudioSink(SinkOptions(certificate=made.certificate, key=made.key)) as sink,
        Emulator(_emulator_options(plan.seed, token, made.ca)) as emulator,
    ):
        environment = {
            "SIGNALWIRE_PROJECT_ID": _PROJECT,
            "SIGNALWIRE_API_TOKEN": token,
            "SIGNALWIRE_RELAY_HOST": emulator.host,
            "SIGNALWIRE_RELAY_SCHEME": "ws",
            "CALLSTREAM_OPS_LISTEN": "off",
            "CALLSTREAM_LOG_LEVEL": plan.log_level,
            "CALLSTREAM_LOG_FORMAT": "json",
            "CALLSTREAM_START_TIMEOUT": "2s",
            "CALLSTREAM_STOP_TIMEOUT": "2s",
            "CALLSTREAM_RELAY_WAIT": "2s",
        }
        gateway = GatewayUnderTest(directory, environment)
        world = World(plan.seed, emulator, sink, gateway)
        world.secrets["the API token"] = token
        world.bearer_tokens += [f"bearer-{secrets.token_hex(8)}", f'bearer-"{secrets.token_hex(8)}\\']
        world.secrets |= {f"bearer token {number}": token for number, token in enumerate(world.bearer_tokens)}
        try:
            await gateway.start()
            yield world, gateway
        finally:
            await world.close()
            await gateway.abandon()


def _emulator_options(seed: int, token: str, ca_file: Path) -> EmulatorOptions:
    """RELAY leaves much open: each seed is another RELAY."""
    chance = chance_of(seed, "relay")
    return EmulatorOptions(
        listen="127.0.0.1:0",
        projects={_PROJECT: token},
        ca_file=ca_file,
        frame_interval=0.5,
        frame_limit=_FRAMES,
        unacked_limit=100_000,
        ended_call_limit=100_000,
        stream_limit=100_000,
        record_bytes=0,
        ping_interval=2.0,
        disconnect_grace=1.0,
        stale_resume=chance.choice(("refuse", "fresh")),
        tell_session_restored=chance.choice((True, False)),
        redelivery_interval=chance.choice((None, 1.0)),
        receive_state=chance.choice(("created", "ringing")),
        finished_at_call_end=chance.choice(("before", "after", "late", "omitted")),
        on_unreachable=chance.choice(("silence", "finished")),
        numbers={"+15550000001": Answer(0.05), "+15550000002": Busy(0.05), "+15550000003": NoAnswer(0.3)},
    )


def _followers(world: World) -> list[Follower]:
    everything = EventFilter()
    ends = EventFilter(types=["STREAM_FINISHED", "STREAM_FAILED", "CALL_ENDED"])
    return [
        Follower(world, "steady", everything, from_oldest=True, steady=True),
        Follower(world, "restless", everything, from_oldest=True, steady=False),
        Follower(world, "ends", ends, from_oldest=True, steady=False),
        Follower(world, "team", EventFilter(labels={"team": LABELS[0]}), from_oldest=False, steady=False),
        Pager(world, "pager", everything, from_oldest=True, steady=False),
    ]


async def _trouble(plan: Plan, world: World, gateway: GatewayUnderTest, say: Callable[[str], None]) -> None:
    """Trouble for a while; returns once clients have finished what they had begun, without new trouble."""
    mischief = Mischief(world, gateway)
    say(f"{plan.seconds:.0f} s of trouble")
    async with asyncio.TaskGroup() as tasks:
        makers = [
            tasks.create_task(mischief.spoil(), name="small mischief"),
            tasks.create_task(mischief.break_up(), name="breaks"),
        ]
        for number in range(1, plan.callers + 1):
            tasks.create_task(Caller(world, number).run(), name=f"caller {number}")
        killer = tasks.create_task(mischief.kill(plan.kills), name="kills")
        await asyncio.sleep(plan.seconds)
        await killer
        world.calm.set()
        await asyncio.wait(makers)
        begin = plan.calm_begins_with or world.chance("calm").choice(CALM_BEGINS_WITH)
        if begin == "nothing" and world.emulator.options.redelivery_interval is None:
            begin = "cut"  # such a RELAY sends lost events again after a reconnect only
        say(f"calm; it begins with: {begin}")
        await mischief.end()
        if begin == "kill":
            await gateway.kill(0.0)
        elif begin == "cut":
            await world.emulator.cut()
        await gateway.revive()
        world.counts[f"calm began with {begin}"] += 1


def _counts(world: World, gateway: GatewayUnderTest, history: History) -> Counter[str]:
    counts = Counter(world.counts)
    deliveries = world.frames.deliveries
    counts["events delivered"] = len(deliveries)
    counts["events delivered again"] = sum(deliveries.values()) - len(deliveries)
    counts["events acknowledged"] = len(
        {
            frame.id
            for frame in history.frames
            if not frame.by_relay and frame.kind == "result" and frame.method == wire.EVENT
        }
    )
    counts["events journalled"] = len(history.journal.listed)
    counts["milliseconds that this machine was late"] = round(1000 * history.lag)
    counts["gateway killed"] = gateway.kills
    counts["outcomes unknown"] = counts["outcomes settled"] = 0
    unsettled = set()
    for event in history.journal.listed:
        if event.type.startswith("SESSION_"):
            counts[f"session: {event.type.removeprefix('SESSION_').lower()}"] += 1
        stream = (event.call_id, event.control_id, event.created)
        if event.type == "STREAM_UNKNOWN":
            counts["outcomes unknown"] += 1
            unsettled.add(stream)
        elif event.state not in {"UNKNOWN", "STOPPING"} and stream in unsettled:
            counts["outcomes settled"] += 1
            unsettled.remove(stream)
    for _, _, state in history.standing.streams:
        counts[f"streams {state}"] += 1
    return counts


def _defects(gateway: GatewayUnderTest, history: History) -> dict[str, list[str]]:
    """What no promise names and nothing foresees: crashes, tracebacks, statuses that mean a defect."""
    found = [*gateway.crashes]
    found += [line[:2000] for line in gateway.log.text.splitlines() if any(sign in line for sign in _SIGNS)]
    found += [f"{ask.method} was answered {ask.outcome} {ask.reason}" for ask in history.asks if ask.outcome in _FOUL]
    return {"No defects": found} if found else {}
