import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, it } from "node:test";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { connect, WatchEventsRequestSchema, type WatchItem, type WatchOptions } from "../src/index.js";
import { Progress } from "../src/watch.js";
import {
  bookmark,
  closing,
  events,
  FakeGateway,
  opened,
  refusal,
  snapshot,
  untilLeft,
  type Answer,
} from "./fake_gateway.js";

const AT_ONCE: WatchOptions = { backoff: { initialMs: 1, maxMs: 1 } };
const UNAVAILABLE = refusal(Code.Unavailable, "DRAINING");

/** An item in short: "events c2 2,3", "snapshot c1 a first last". */
function brief(item: WatchItem): string {
  switch (item.kind) {
    case "events":
      return `events ${item.cursor} ${item.events.map((event) => event.sequence).join()}`;
    case "snapshot": {
      const flags = (["first", "last", "reset"] as const).filter((flag) => item[flag]);
      return ["snapshot", item.cursor, ...item.streams.map((stream) => stream.controlId), ...flags].join(" ");
    }
    case "bookmark":
      return `bookmark ${item.cursor}`;
  }
}

async function all(items: AsyncIterable<WatchItem>): Promise<string[]> {
  const seen = [];
  for await (const item of items) seen.push(brief(item));
  return seen;
}

/** Where each watch of the gateway was asked to begin. */
function starts(gateway: FakeGateway): unknown[] {
  return gateway.requests.map(({ start, includeSnapshot }) => (includeSnapshot ? "snapshot" : start.value));
}

describe("a watch", () => {
  it("hands everything over in order, and stops when the server says OK", async () => {
    await using gateway = await FakeGateway.start([
      async function* () {
        yield opened("c0");
        yield snapshot("c1", "a", false);
        yield snapshot("c1", "b", true);
        yield events("c3", 2, 3);
        yield bookmark("c4");
      },
    ]);
    assert.deepEqual(await all(gateway.connect().watch({ includeSnapshot: true })), [
      "snapshot c1 a first",
      "snapshot c1 b last",
      "events c3 2,3",
      "bookmark c4",
    ]);
    assert.equal(gateway.requests.length, 1);
  });

  it("resumes at its cursor after UNAVAILABLE, with one stream open at a time", async () => {
    await using gateway = await FakeGateway.start([
      async function* () {
        yield opened("c0");
        yield events("c2", 1, 2);
        throw UNAVAILABLE;
      },
      async function* () {
        yield opened("c2");
        yield bookmark("c5");
        throw UNAVAILABLE;
      },
      async function* () {
        yield opened("c5");
        yield events("c6", 6);
      },
    ]);
    const watch = gateway.connect().watch({ start: { case: "fromOldest", value: true } }, AT_ONCE);
    assert.deepEqual(await all(watch), ["events c2 1,2", "bookmark c5", "events c6 6"]);
    assert.deepEqual(starts(gateway), [true, "c2", "c5"]);
    assert.equal(gateway.mostOpenWatches, 1);
  });

  it("resumes after a connection that broke, and settles what `now` was when it opened", async () => {
    await using gateway = await FakeGateway.start([
      async function* (context) {
        yield opened("c7");
        setImmediate(() => {
          gateway.cut();
        });
        await untilLeft(context);
      },
      async function* () {
        yield opened("c7");
        yield events("c8", 8);
      },
    ]);
    assert.deepEqual(await all(gateway.connect().watch({}, AT_ONCE)), ["events c8 8"]);
    assert.deepEqual(starts(gateway), [undefined, "c7"]);
    assert.notEqual(gateway.sessions[0], gateway.sessions[1]);
  });

  it("begins a snapshot again that broke off", async () => {
    await using gateway = await FakeGateway.start([
      async function* () {
        yield opened("c1");
        yield snapshot("c1", "a", false);
        throw UNAVAILABLE;
      },
      async function* () {
        yield opened("c2");
        yield snapshot("c2", "b", false);
        yield snapshot("c2", "c", true);
        throw UNAVAILABLE;
      },
      async function* () {
        yield opened("c2");
        yield events("c3", 3);
      },
    ]);
    assert.deepEqual(await all(gateway.connect().watch({ includeSnapshot: true }, AT_ONCE)), [
      "snapshot c1 a first",
      "snapshot c2 b first reset",
      "snapshot c2 c last reset",
      "events c3 3",
    ]);
    assert.deepEqual(starts(gateway), ["snapshot", "snapshot", "c2"]);
  });

  it("starts over with a snapshot, marked as a reset, when its cursor is of no use any more", async () => {
    await using gateway = await FakeGateway.start([
      async function* () {
        yield* [];
        throw refusal(Code.OutOfRange, "CURSOR_COMPACTED");
      },
      async function* () {
        yield opened("d1");
        yield snapshot("d1", "a", false);
        yield snapshot("d1", "b", true);
        throw UNAVAILABLE;
      },
      async function* () {
        yield opened("d1");
        yield events("d2", 2);
      },
    ]);
    const watch = gateway.connect().watch({ start: { case: "afterCursor", value: "old" } }, AT_ONCE);
    assert.deepEqual(await all(watch), ["snapshot d1 a first reset", "snapshot d1 b last reset", "events d2 2"]);
    assert.deepEqual(starts(gateway), ["old", "snapshot", "d1"]);
  });

  it("gives a silent connection up, once for all its watches, and leaves what else runs on it alone", async () => {
    let finish: (answer: object) => void = () => undefined;
    const answer = new Promise<object>((resolve) => (finish = resolve));
    const silent = (bookmarkMs: number): Answer =>
      async function* (context) {
        yield opened("c1", bookmarkMs);
        await untilLeft(context);
      };
    const lively: Answer = async function* () {
      yield opened("c1");
      yield events("c2", 2);
    };
    await using gateway = await FakeGateway.start([silent(30), silent(90), lively, lively], { passCall: () => answer });
    const client = gateway.connect();
    const call = client.calls.passCall({ callId: "k" });
    const watches = [client.watch({}, AT_ONCE), client.watch({}, AT_ONCE)];
    assert.deepEqual(await Promise.all(watches.map(all)), [["events c2 2"], ["events c2 2"]]);
    assert.deepEqual(starts(gateway), [undefined, undefined, "c1", "c1"]);
    assert.equal(new Set(gateway.sessions).size, 2);

    const [former] = gateway.sessions;
    assert.ok(former && !former.closed);
    const gone = new Promise((resolve) => former.once("close", resolve));
    finish({ call: { callId: "k" } });
    assert.equal((await call).call?.callId, "k");
    await gone;
  });

  it("gives up a connection that never comes about", async () => {
    const mute = createServer().listen(0, "127.0.0.1");
    await once(mute, "listening");
    const client = connect(`127.0.0.1:${(mute.address() as AddressInfo).port}`, { tls: true });
    const stop = new AbortController();
    const watch = all(client.watch({ bookmarkInterval: durationFromMs(10) }, { ...AT_ONCE, signal: stop.signal }));
    const [socket] = (await once(mute, "connection")) as [Socket];
    socket.resume().on("error", () => undefined);
    await Promise.all([once(socket, "close"), once(mute, "connection")]);
    stop.abort();
    assert.deepEqual(await watch, []);
    client.close();
    mute.close();
  });

  it("throws what another try would not mend", async () => {
    await using gateway = await FakeGateway.start([
      async function* () {
        yield opened("c1");
        throw refusal(Code.ResourceExhausted, "WATCH_LIMIT");
      },
    ]);
    await assert.rejects(all(gateway.connect().watch({}, AT_ONCE)), { code: Code.ResourceExhausted });
    assert.equal(gateway.requests.length, 1);
  });

  it("closes its stream when the loop over it is left", async () => {
    let left: Promise<unknown> | undefined;
    await using gateway = await FakeGateway.start([
      async function* (context) {
        left = once(context.signal, "abort");
        yield opened("c1");
        yield events("c2", 2);
        await left;
      },
    ]);
    for await (const item of gateway.connect().watch({})) if (item.kind === "events") break;
    await left;
    assert.equal(gateway.requests.length, 1);
  });

  it("stops without an error on its signal, while it listens and while it waits", async () => {
    const stop = new AbortController();
    let left: Promise<unknown> | undefined;
    await using gateway = await FakeGateway.start([
      async function* (context) {
        left = once(context.signal, "abort");
        yield opened("c1");
        yield bookmark("c2");
        await left;
      },
      async function* () {
        yield opened("c1");
        yield bookmark("c2");
        yield closing("c2", 3_600_000);
        throw UNAVAILABLE;
      },
    ]);
    const client = gateway.connect();
    for await (const item of client.watch({}, { signal: stop.signal })) if (item.kind === "bookmark") stop.abort();
    await left;

    const later = new AbortController();
    for await (const item of client.watch({}, { signal: later.signal }))
      if (item.kind === "bookmark")
        setImmediate(() => {
          later.abort();
        });
    assert.equal(gateway.requests.length, 2);
    assert.equal(new Set(gateway.sessions).size, 1);
  });

  it("ends with its client, as many as there are", async () => {
    const count = 20;
    const answers = Array.from(
      { length: count },
      (): Answer =>
        async function* (context) {
          yield opened("c1");
          yield bookmark("c2");
          await untilLeft(context);
        },
    );
    await using gateway = await FakeGateway.start(answers);
    const client = gateway.connect();
    const { signal } = new AbortController();
    const watches = Array.from({ length: count }, (_, index) => client.watch({}, index % 2 ? { signal } : {}));
    await Promise.all(watches.map((watch) => watch.next()));
    const ends = watches.map((watch) => watch.next());
    client.close();
    assert.ok((await Promise.all(ends)).every((end) => end.done));
    await assert.rejects(client.calls.getCall({}), { code: Code.Canceled });
  });
});

describe("the progress of a watch", () => {
  const backoff = { initialMs: 100, maxMs: 1000 };
  const lost = new ConnectError("lost", Code.Unavailable);

  it("waits up to twice as long from failure to failure, until something comes", () => {
    const progress = new Progress({}, backoff);
    for (const bound of [100, 200, 400, 800, 1000, 1000]) {
      progress.take(opened("c1"));
      progress.fail(lost);
      assert.ok(progress.waitMs >= 0 && progress.waitMs <= bound);
    }
    progress.take(bookmark("c2"));
    progress.fail(lost);
    assert.ok(progress.waitMs <= 100);
  });

  it("waits as long as the gateway asks at least, once", () => {
    const progress = new Progress({}, backoff);
    progress.take(closing("c1", 5000));
    progress.fail(lost);
    assert.ok(progress.waitMs >= 5000 && progress.waitMs <= 5100);
    progress.fail(lost);
    assert.ok(progress.waitMs <= 200);
    progress.fail(refusal(Code.Unavailable, "RELAY_DISCONNECTED", 3000));
    assert.ok(progress.waitMs >= 3000 && progress.waitMs <= 3400);
  });

  it("takes the interval of bookmarks from the request until the gateway tells it", () => {
    const progress = new Progress({ bookmarkInterval: durationFromMs(2000) }, backoff);
    assert.equal(progress.bookmarkIntervalMs, 2000);
    progress.take(opened("c1", 1500));
    assert.equal(progress.bookmarkIntervalMs, 1500);
    progress.fail(lost);
    assert.equal(progress.bookmarkIntervalMs, 2000);
    assert.equal(new Progress({}, backoff).bookmarkIntervalMs, 15_000);
  });

  it("leaves the caller's request as it is", () => {
    const request = create(WatchEventsRequestSchema, { includeSnapshot: true });
    new Progress(request, backoff).take(events("c1", 1));
    assert.deepEqual(request, create(WatchEventsRequestSchema, { includeSnapshot: true }));
  });
});
