// The browser's side of the chat protocol against a small server that drops, refuses and forgets.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ChatClient } from "../../static/js/chat-core.js";
import { Backoff } from "../../static/js/chat-conversation.js";

const TALK = "11111111-1111-4111-8111-111111111111";

/** Mulberry32: dice with a seed. */
function dice(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Time that moves only when told to. */
class Clock {
  constructor() { this.time = 0; this.timers = new Map(); this.count = 0; }
  now() { return this.time; }
  set(action, wait) { this.count += 1; this.timers.set(this.count, { at: this.time + wait, action }); return this.count; }
  clear(timer) { this.timers.delete(timer); }
  async run(span) {
    const end = this.time + span;
    for (;;) {
      await new Promise(setImmediate);
      const due = [...this.timers].filter(([, each]) => each.at <= end).sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.time = Math.max(this.time, due[1].at);
      due[1].action();
    }
    this.time = end;
  }
}

/** A server of the protocol in miniature: one log, idempotent by client_id, strict about prev. */
class Server {
  constructor(clock, { random = () => 1, loss = 0, refuse = 0, lossEcho = 0 } = {}) {
    Object.assign(this, { clock, random, loss, refuse, lossEcho, log: [], up: true, poison: new Set(), sockets: new Set() });
    this.received = [];
    this.opened = 0;
  }

  open() {
    this.opened += 1;
    const ws = { send: (text) => this.later(() => this.take(ws, JSON.parse(text))), close: () => this.sockets.delete(ws) };
    this.later(() => {
      if (!this.up) return ws.onclose?.({ code: 1006 });
      if (this.closeWith) return (ws.onopen?.(), ws.onclose?.({ code: this.closeWith }));
      this.sockets.add(ws);
      ws.onopen?.();
    });
    return ws;
  }

  later(action) { this.clock.set(action, 5); }
  say(ws, frame) { this.later(() => this.sockets.has(ws) && ws.onmessage?.({ data: JSON.stringify(frame) })); }

  cut(code = 1006) {
    for (const ws of [...this.sockets]) { this.sockets.delete(ws); ws.onclose?.({ code }); }
  }

  take(ws, frame) {
    if (!this.sockets.has(ws)) return;
    this.received.push(frame);
    if (frame.type === "resume") return this.resume(ws, frame);
    if (frame.type === "ping") return this.say(ws, { type: "pong" });
    if (frame.type !== "message.send") return;
    if (this.random() < this.loss) return this.cut();
    const answer = this.store(frame);
    if (this.random() < this.loss) return this.cut();
    this.say(ws, answer);
    if (answer.type === "message.ack" && !answer.again && this.random() >= this.lossEcho) {
      for (const each of this.sockets) this.say(each, this.log[answer.seq - 1]);
    }
  }

  store(frame) {
    const error = (code, permanent) => ({ type: "error", conversation: TALK, code, permanent, client_id: frame.client_id, retry_after_s: null });
    const known = this.log.find((each) => each.client_id === frame.client_id);
    if (known) return { ...this.ack(known), again: true };
    if (this.poison.has(frame.body)) return error("invalid", true);
    if (this.random() < this.refuse) return error("unavailable", false);
    if (frame.prev && !this.log.some((each) => each.client_id === frame.prev)) return error("out_of_order", false);
    this.add(frame.body, frame.client_id);
    return this.ack(this.log.at(-1));
  }

  add(body, clientId = null, role = "customer") {
    const seq = this.log.length + 1;
    this.log.push({ type: "message.new", conversation: TALK, id: seq, seq, staff_seq: null, kind: "reply", author: { role, name: "x" }, body, client_id: clientId });
    return this.log.at(-1);
  }

  ack(row) {
    return { type: "message.ack", conversation: TALK, client_id: row.client_id, id: row.id, seq: row.seq, staff_seq: null, redactions: 0 };
  }

  resume(ws, { after }) {
    for (const row of this.log.slice(after, after + 50)) this.say(ws, row);
    this.say(ws, { type: "resume.done", conversation: TALK, last_seq: this.log.length });
  }

  async http(method, path, body) {
    if (this.httpDown) throw new Error("no answer");
    if (method === "GET") {
      const after = Number(path.split("after=")[1]);
      return { status: 200, body: { messages: this.log.slice(after), last_seq: this.log.length, state: { type: "state", state: "bot" } } };
    }
    const answer = this.store(body);
    if (answer.type === "message.ack") return { status: answer.again ? 200 : 201, body: answer };
    return { status: answer.permanent ? 400 : 503, body: answer };
  }
}

function stage(options = {}, seed = 1) {
  const clock = new Clock();
  const server = new Server(clock, { random: dice(seed), ...options });
  const heard = [];
  let ids = 0;
  const client = new ChatClient({
    socket: "/ws", clock, random: dice(seed + 1000), open: () => server.open(), uuid: () => `id-${seed}-${(ids += 1)}`,
    http: (...args) => server.http(...args), listen: (name, detail) => heard.push({ name, detail }),
  });
  const talk = client.follow(TALK, {});
  client.start();
  const shown = () => heard.filter((each) => each.name === "message").map((each) => each.detail.seq);
  return { clock, server, client, talk, heard, shown };
}

const bodies = (server) => server.log.map((row) => row.body);
const upTo = (count) => Array.from({ length: count }, (_, index) => index + 1);

test("what is said before the socket opens goes out in order", async () => {
  const { clock, server, talk } = stage();
  for (const body of ["a", "b", "c"]) talk.send(body);
  await clock.run(1000);
  assert.deepEqual(bodies(server), ["a", "b", "c"]);
  assert.equal(talk.outbox.length, 0);
  const sent = server.received.filter((frame) => frame.type === "message.send");
  assert.deepEqual(sent.map((frame) => frame.prev), [undefined, "id-1-1", "id-1-2"]);
});

test("through lost frames, cut sockets and refusals nothing is lost, doubled or reordered", async () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const { clock, server, talk, shown } = stage({ loss: 0.15, refuse: 0.2, lossEcho: 0.3 }, seed);
    for (let count = 1; count <= 30; count += 1) {
      talk.send(`m${count}`);
      await clock.run(200);
    }
    await clock.run(600_000);
    assert.deepEqual(bodies(server), upTo(30).map((count) => `m${count}`), `seed ${seed}`);
    assert.deepEqual(shown(), upTo(30), `seed ${seed}`);
  }
});

test("a permanent error blocks nothing behind it, and the chain names the last that was stored", async () => {
  const { clock, server, talk } = stage();
  server.poison.add("bad");
  await clock.run(100);
  for (const body of ["a", "bad", "b", "c"]) talk.send(body);
  await clock.run(60_000);
  assert.deepEqual(bodies(server), ["a", "b", "c"]);
  assert.deepEqual([...talk.failed.values()].map((entry) => entry.error.code), ["invalid"]);
  const resent = server.received.filter((frame) => frame.body === "b").at(-1);
  assert.equal(resent.prev, "id-1-1");
});

test("after a refusal only the oldest is sent until it is stored", async () => {
  const { clock, server, talk } = stage();
  await clock.run(100);
  server.refuse = 1;
  for (const body of ["a", "b", "c"]) talk.send(body);
  await clock.run(50);
  server.received.length = 0;
  await clock.run(20_000);
  assert.ok(server.received.length > 2);
  assert.deepEqual([...new Set(server.received.filter((f) => f.type === "message.send").map((f) => f.body))], ["a"]);
  server.refuse = 0;
  await clock.run(60_000);
  assert.deepEqual(bodies(server), ["a", "b", "c"]);
});

test("a retry of a failed message keeps its id", async () => {
  const { clock, server, talk } = stage();
  server.poison.add("late");
  const entry = talk.send("late");
  await clock.run(1000);
  assert.equal(entry.state, "failed");
  server.poison.clear();
  talk.retry(entry.client_id);
  await clock.run(1000);
  assert.equal(entry.state, "stored");
  assert.equal(server.log[0].client_id, "id-1-1");
});

test("a jump in seq asks for what is missing and shows it in order", async () => {
  const { clock, server, shown } = stage();
  await clock.run(100);
  server.add("one");
  server.add("two");
  const late = server.add("three");
  for (const ws of server.sockets) server.say(ws, late);
  await clock.run(1000);
  assert.deepEqual(shown(), [1, 2, 3]);
});

test("a longer past than one answer holds is fetched whole", async () => {
  const { clock, server, client, talk, shown } = stage();
  for (let count = 0; count < 180; count += 1) server.add("x");
  await clock.run(2000);
  assert.deepEqual(shown(), upTo(180));
  assert.equal(talk.caughtUp, true);
  assert.equal(client.state, "live");
});

test("where no socket opens it goes by plain HTTP, and back when one does", async () => {
  const { clock, server, client, talk, shown } = stage();
  server.up = false;
  talk.send("a");
  talk.send("b");
  await clock.run(20_000);
  assert.equal(client.state, "polling");
  assert.deepEqual(bodies(server), ["a", "b"]);
  server.add("hello", null, "agent");
  await clock.run(10_000);
  assert.deepEqual(shown(), [1, 2, 3]);
  server.up = true;
  await clock.run(60_000);
  assert.equal(client.state, "live");
  talk.send("c");
  await clock.run(1000);
  assert.deepEqual(bodies(server), ["a", "b", "hello", "c"]);
  assert.deepEqual(shown(), [1, 2, 3, 4]);
});

test("with neither socket nor HTTP it says so, keeps everything and sends it later", async () => {
  const { clock, server, client, talk } = stage();
  server.up = false;
  server.httpDown = true;
  const entry = talk.send("kept");
  await clock.run(120_000);
  assert.equal(client.state, "offline");
  assert.notEqual(entry.state, "failed");
  server.up = true;
  await clock.run(120_000);
  assert.deepEqual(bodies(server), ["kept"]);
});

test("signed out and not yours end it for good", async () => {
  for (const [code, state] of [[4401, "signed-out"], [4403, "refused"]]) {
    const { clock, server, client } = stage();
    await clock.run(100);
    server.cut(code);
    await clock.run(600_000);
    assert.equal(client.state, state);
    assert.equal(server.opened, 1);
  }
});

test("a socket that falls silent is given up and opened again", async () => {
  const { clock, server, client } = stage();
  await clock.run(100);
  server.take = () => {};
  await clock.run(120_000);
  assert.ok(server.opened > 1);
  assert.notEqual(client.state, "stopped");
});

test("waits double, are random from nothing up, and stay under the ceiling", () => {
  const waits = new Backoff({ random: () => 0.999 });
  const found = upTo(9).map(() => Math.round(waits.next()));
  assert.deepEqual(found.slice(0, 3).map((each) => Math.round(each / 500)), [1, 2, 4]);
  assert.ok(Math.max(...found) <= 30_000);
  assert.equal(new Backoff({ random: () => 0 }).next(), 0);
  const many = Array.from({ length: 50 }, (_, index) => new Backoff({ random: dice(index) }).next());
  assert.ok(new Set(many.map(Math.round)).size > 40);
});

test("what is too long never leaves, and what can't be stored is cleaned", async () => {
  const { clock, server, talk } = stage();
  assert.equal(talk.send("x".repeat(10_001)).error.code, "too_large");
  talk.send("a\0b\ud800");
  await clock.run(1000);
  assert.deepEqual(bodies(server), ["ab\ufffd"]);
});

test("typing expires by itself, and a message ends it", async () => {
  const { clock, server, heard } = stage();
  await clock.run(100);
  const typing = () => heard.filter((each) => each.name === "typing").map((each) => each.detail.on);
  for (const ws of server.sockets) server.say(ws, { type: "typing", conversation: TALK, role: "agent", on: true });
  await clock.run(3000);
  assert.deepEqual(typing(), [true]);
  await clock.run(4000);
  assert.deepEqual(typing(), [true, false]);
});

test("a form is answered again after a reconnect until its result comes", async () => {
  const { clock, server, talk } = stage();
  await clock.run(100);
  talk.submitForm("verify", { order_number: "1" });
  await clock.run(50);
  server.cut();
  await clock.run(60_000);
  assert.equal(server.received.filter((frame) => frame.type === "form.submit").length, 2);
});

test("notes count apart, and leave what customers see without a gap", async () => {
  const { clock, server, client, heard } = stage();
  await clock.run(100);
  const note = { type: "message.new", conversation: TALK, id: 9, seq: null, staff_seq: 4, kind: "note", author: { role: "agent", name: "A" }, body: "n", client_id: null };
  for (const ws of server.sockets) { server.say(ws, note); server.say(ws, note); }
  await clock.run(100);
  assert.equal(heard.filter((each) => each.name === "message").length, 1);
  assert.equal(client.follow(TALK).last, 0);
});
