// The chat protocol's client, without a page: what was said is kept until the server has it, sent again in
// order, and never shown twice. The widget, the portal and the console all speak through it.
//
//   const client = new ChatClient({ socket: "/ws/chat/<id>/", http, listen });
//   const talk = client.follow("<id>", { after: 0 });
//   client.start();  talk.send("Hello");
//
// `listen(name, detail)` hears: connection, message, entry, state, read, typing, presence, form, caught-up, error.

import { Backoff, Conversation, TIMES } from "./chat-conversation.js";

const POLL_AFTER_FAILURES = 2;
const CLOSED_FOR_GOOD = { 4401: "signed-out", 4403: "refused" };
const TOO_MANY = 4429;

const CLOCK = {
  now: () => Date.now(),
  set: (action, wait) => setTimeout(action, wait),
  clear: (timer) => clearTimeout(timer),
};

/** One socket and the conversations on it; plain HTTP while no socket opens. */
export class ChatClient {
  constructor({ socket, protocols = [], http, listen, open, clock = CLOCK, random = Math.random, uuid }) {
    Object.assign(this, { address: socket, protocols, http, listen, clock, random });
    this.open = open ?? ((address, names) => new WebSocket(address, names));
    this.uuid = uuid ?? (() => crypto.randomUUID());
    this.conversations = new Map();
    this.backoff = this.newBackoff();
    this.state = "idle";
    this.live = this.polling = false;
    this.failures = 0;
  }

  newBackoff() {
    return new Backoff({ random: this.random });
  }

  tell(name, detail) {
    this.listen(name, detail);
  }

  follow(id, options) {
    const talk = this.conversations.get(id) ?? new Conversation(this, id, options);
    this.conversations.set(id, talk);
    if (this.live) talk.opened();
    return talk;
  }

  unfollow(id) {
    const talk = this.conversations.get(id);
    if (talk?.join) this.transmit({ type: "leave", conversation: id });
    this.conversations.delete(id);
  }

  start() {
    this.stopped = false;
    this.#connect();
  }

  stop(state = "stopped") {
    this.stopped = true;
    this.#endPolling();
    for (const timer of [this.reconnectTimer, this.pingTimer]) this.clock.clear(timer);
    this.drop();
    this.#become(state);
  }

  transmit(frame) {
    if (this.live) this.ws.send(JSON.stringify(frame));
  }

  /** Something answered: the connection is good. */
  healthy() {
    this.failures = 0;
    this.backoff.reset();
    this.#endPolling();
    this.#become("live");
  }

  /** Give the socket up, as when it no longer answers. */
  drop() {
    const old = this.ws;
    if (!old) return;
    old.onopen = old.onmessage = old.onclose = old.onerror = null;
    old.close();
    this.#lost({ code: 1006 });
  }

  #become(state) {
    if (state === this.state) return;
    this.state = state;
    this.tell("connection", { state });
  }

  #connect() {
    if (this.ws || this.stopped) return;
    if (!this.polling) this.#become("connecting");
    const ws = this.open(this.address, this.protocols);
    this.ws = ws;
    ws.onopen = () => this.#opened();
    ws.onmessage = (event) => this.#heard(JSON.parse(event.data));
    ws.onclose = (event) => this.#lost(event);
    ws.onerror = () => {};
  }

  #opened() {
    this.live = true;
    this.heardAt = this.clock.now();
    this.#watch();
    for (const talk of this.conversations.values()) talk.opened();
    if (!this.conversations.size) this.healthy();
  }

  #heard(frame) {
    this.heardAt = this.clock.now();
    if (frame.type === "pong") return;
    const talk = this.conversations.get(frame.conversation) ?? this.#only(frame);
    if (talk) talk.receive(frame);
    else this.tell(frame.type === "message.new" ? "message" : frame.type, frame);
  }

  /** An error may name a client_id alone. */
  #only(frame) {
    if (frame.conversation || frame.type !== "error") return undefined;
    const talks = [...this.conversations.values()];
    if (talks.length === 1) return talks[0];
    const sentBy = (talk) => talk.forms.has(frame.client_id) || talk.outbox.some((each) => each.client_id === frame.client_id);
    return talks.find(sentBy);
  }

  #watch() {
    this.pingTimer = this.clock.set(() => {
      if (this.clock.now() - this.heardAt > TIMES.silence) return this.drop();
      this.transmit({ type: "ping" });
      this.#watch();
    }, TIMES.ping);
  }

  #lost({ code }) {
    this.ws = null;
    this.live = false;
    this.clock.clear(this.pingTimer);
    for (const talk of this.conversations.values()) talk.closed();
    if (this.stopped) return;
    if (CLOSED_FOR_GOOD[code]) return this.stop(CLOSED_FOR_GOOD[code]);
    this.failures += 1;
    if (this.failures >= POLL_AFTER_FAILURES) this.#beginPolling();
    else this.#become("connecting");
    const wait = this.backoff.next(code === TOO_MANY ? 10_000 : 0);
    this.reconnectTimer = this.clock.set(() => this.#connect(), wait);
  }

  // --- without a socket ------------------------------------------------------------------------------
  #beginPolling() {
    if (this.polling || !this.http) return;
    this.polling = true;
    this.poll();
  }

  #endPolling() {
    this.polling = false;
    this.clock.clear(this.pollTimer);
  }

  async poll() {
    if (!this.polling) return;
    this.clock.clear(this.pollTimer);
    this.pollTimer = this.clock.set(() => this.poll(), TIMES.poll * (0.75 + this.random() / 2));
    await Promise.all([...this.conversations.values()].map((talk) => talk.poll()));
  }

  /** `{status, body, retryAfter}`; status 0 where nothing answered. */
  async request(method, path, body) {
    const answer = await this.http(method, path, body).catch(() => ({ status: 0 }));
    if (answer.status === 401) this.stop("signed-out");
    else if (answer.status === 0) this.#become("offline");
    else if (this.polling) this.#become("polling");
    return answer;
  }
}
