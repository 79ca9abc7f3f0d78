import { Code, ConnectError } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { once } from "node:events";
import { constants, createSecureServer, createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { describe, it } from "node:test";
import { connect, reasonOf, retryDelayOf } from "../src/index.js";
import { FakeGateway, refusal } from "./fake_gateway.js";

const UNAVAILABLE = refusal(Code.Unavailable, "RELAY_DISCONNECTED", 0);

describe("a client", () => {
  it("sends no token unencrypted to another machine", () => {
    for (const target of ["gateway.example.com:443", "127.0.0.1.example.com:443", "localhost.example.com:443"]) {
      assert.throws(() => connect(target, { token: "t1" }), /without encryption/);
    }
    connect("gateway.example.com:443", { token: "t1", tls: true }).close();
  });

  it("sends its token with every request", async () => {
    const seen: (string | null)[] = [];
    await using gateway = await FakeGateway.start([], {
      getCall: (_, { requestHeader }) => {
        seen.push(requestHeader.get("authorization"));
        return {};
      },
    });
    await gateway.connect({ token: "t1" }).calls.getCall({});
    await gateway.connect().calls.getCall({});
    assert.deepEqual(seen, ["Bearer t1", null]);
  });

  it("repeats what is safe to repeat while the gateway is UNAVAILABLE, within the time that is left", async () => {
    const timeouts: number[] = [];
    await using gateway = await FakeGateway.start([], {
      getCall: (_, { requestHeader }) => {
        timeouts.push(Number.parseInt(requestHeader.get("grpc-timeout") ?? ""));
        if (timeouts.length < 4) throw refusal(Code.Unavailable, "RELAY_DISCONNECTED", 20);
        return { call: { callId: "k" } };
      },
    });
    assert.equal((await gateway.connect().calls.getCall({}, { timeoutMs: 60_000 })).call?.callId, "k");
    assert.equal(timeouts.length, 4);
    timeouts.reduce((before, after) => {
      assert.ok(after <= before - 20);
      return after;
    });
  });

  it("gives up after four attempts, and at once if the deadline would pass", async () => {
    let attempts = 0;
    let delayMs = 0;
    await using gateway = await FakeGateway.start([], {
      getCall: () => {
        attempts++;
        throw refusal(Code.Unavailable, "RELAY_DISCONNECTED", delayMs);
      },
    });
    const { calls } = gateway.connect();
    await assert.rejects(calls.getCall({}), { code: Code.Unavailable });
    assert.equal(attempts, 4);
    delayMs = 3_600_000;
    await assert.rejects(calls.getCall({}, { timeoutMs: 60_000 }), (error) => {
      assert.equal(reasonOf(error), "RELAY_DISCONNECTED");
      assert.equal(retryDelayOf(error), delayMs);
      return true;
    });
    assert.equal(attempts, 5);
  });

  it("repeats neither what has no idempotency key nor what was refused for another reason", async () => {
    const attempts = { dial: 0, passCall: 0, getCall: 0 };
    await using gateway = await FakeGateway.start([], {
      dial: () => {
        attempts.dial++;
        throw UNAVAILABLE;
      },
      passCall: () => {
        attempts.passCall++;
        throw UNAVAILABLE;
      },
      getCall: () => {
        attempts.getCall++;
        throw refusal(Code.NotFound, "CALL_NOT_FOUND");
      },
    });
    const { calls } = gateway.connect();
    await assert.rejects(calls.dial({}), { code: Code.Unavailable });
    await assert.rejects(calls.passCall({}), { code: Code.Unavailable });
    await assert.rejects(calls.getCall({}), { code: Code.NotFound });
    assert.deepEqual(attempts, { dial: 1, passCall: 1, getCall: 1 });
    await assert.rejects(calls.dial({ tag: "t" }), { code: Code.Unavailable });
    assert.equal(attempts.dial, 5);
  });

  it("calls a lost connection UNAVAILABLE, however it was lost", async () => {
    const head = { ":status": 200, "content-type": "application/grpc+proto" };
    const losses: Record<string, (stream: ServerHttp2Stream, socket: Socket) => void> = {
      end: (_, socket) => socket.end(),
      destroy: (_, socket) => socket.destroy(),
      reset: (_, socket) => socket.resetAndDestroy(),
      "stream cancelled": (stream) => {
        stream.close(constants.NGHTTP2_CANCEL);
      },
      "stream failed": (stream) => {
        stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      },
      "no status": (stream) => {
        stream.respond(head);
        stream.end();
      },
      "half a head": (stream) => {
        stream.respond(head);
        stream.end(Buffer.from([0, 0]));
      },
      "half a message": (stream) => {
        stream.respond(head);
        stream.end(Buffer.from([0, 0, 0, 0, 9, 1]));
      },
    };
    for (const [name, lose] of Object.entries(losses)) {
      const server = createServer();
      const sockets: Socket[] = [];
      server.on("connection", (socket: Socket) => sockets.push(socket));
      server.on("stream", (stream) => {
        stream.on("error", () => undefined);
        const [socket] = sockets;
        if (socket) lose(stream, socket);
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const client = connect(`127.0.0.1:${(server.address() as AddressInfo).port}`);
      await assert.rejects(client.calls.passCall({}), { code: Code.Unavailable }, name);
      client.close();
      server.close();
      await once(server, "close");
    }
  });

  it("leaves the gateway's own ABORTED and CANCELLED as they are", async () => {
    let code = Code.Aborted;
    await using gateway = await FakeGateway.start([], {
      passCall: () => {
        throw refusal(code, "OUTCOME_UNKNOWN");
      },
    });
    const { calls } = gateway.connect();
    await assert.rejects(calls.passCall({}), { code });
    code = Code.Canceled;
    await assert.rejects(calls.passCall({}), { code });
  });

  it("does not take a wrong certificate for a lost connection", async () => {
    const server = createSecureServer({ ciphers: "aNULL:@SECLEVEL=0", maxVersion: "TLSv1.2" });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const client = connect(`127.0.0.1:${(server.address() as AddressInfo).port}`, { tls: true });
    await assert.rejects(client.calls.getCall({}), { code: Code.Internal });
    client.close();
    server.close();
  });

  it("calls a deadline and a cancel what they are", async () => {
    await using gateway = await FakeGateway.start([], { getCall: () => new Promise(() => undefined) });
    const { calls } = gateway.connect();
    await assert.rejects(calls.getCall({}, { timeoutMs: 20 }), { code: Code.DeadlineExceeded });
    const cancel = new AbortController();
    const call = calls.getCall({}, { signal: cancel.signal });
    cancel.abort();
    await assert.rejects(call, { code: Code.Canceled });
  });
});

describe("an error", () => {
  it("has no reason and no delay if it is not the gateway's", () => {
    const error = new ConnectError("no", Code.Unavailable);
    assert.equal(reasonOf(error), undefined);
    assert.equal(retryDelayOf(error), 0);
  });
});
