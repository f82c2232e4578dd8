// One conversation of the chat protocol: what was received, in order, and what waits to be stored.

export const LONGEST_BODY = 10_000;
export const TIMES = {
  ackWait: 10_000, resumeWait: 10_000, echoWait: 2_000, ping: 25_000, silence: 45_000, poll: 4_000,
  typingEvery: 3_000, typingLasts: 6_000,
};
const PIPELINE = 8;

/** Full jitter: somewhere between nothing and a ceiling that doubles. */
export class Backoff {
  constructor({ base = 500, most = 30_000, random = Math.random } = {}) {
    Object.assign(this, { base, most, random, tries: 0 });
  }

  next(least = 0) {
    const ceiling = Math.min(this.most, this.base * 2 ** this.tries);
    this.tries += 1;
    return least + this.random() * ceiling;
  }

  reset() {
    this.tries = 0;
  }
}

export class Conversation {
  constructor(client, id, { after = 0, staffAfter = null, join = false } = {}) {
    Object.assign(this, { client, id, join, last: after, lastStaff: staffAfter });
    this.outbox = [];
    this.failed = new Map();
    this.forms = new Map();
    this.early = new Map();
    this.earlyStaff = new Map();
    this.lastAcked = null;
    this.caughtUp = false;
    this.careful = false;
    this.waiting = false;
    this.readUpTo = 0;
    this.typingSentAt = -Infinity;
    this.typingTimers = new Map();
    this.backoff = client.newBackoff();
  }

  // --- saying ----------------------------------------------------------------------------------------
  send(body, { kind = "reply", attachments = [], choice, madeFrom } = {}) {
    const clean = String(body).replaceAll("\0", "").toWellFormed?.() ?? String(body);
    const entry = { client_id: this.client.uuid(), body: clean, kind, attachments, choice, madeFrom, state: "waiting" };
    if (clean.length > LONGEST_BODY) this.#fail(entry, { code: "too_large" });
    else this.#enqueue(entry);
    return entry;
  }

  retry(clientId) {
    const entry = this.failed.get(clientId);
    if (!entry) return;
    this.failed.delete(clientId);
    if (entry.error?.code === "conflict") entry.client_id = this.client.uuid();
    this.#enqueue(Object.assign(entry, { state: "waiting", error: null }));
  }

  discard(clientId) {
    this.failed.delete(clientId);
  }

  submitForm(form, values) {
    const frame = { type: "form.submit", conversation: this.id, client_id: this.client.uuid(), form, values };
    this.forms.set(frame.client_id, frame);
    if (this.client.live && this.caughtUp) this.client.transmit(frame);
    return frame.client_id;
  }

  read(seq) {
    if (seq <= this.readUpTo) return;
    this.readUpTo = seq;
    this.client.transmit({ type: "read", conversation: this.id, seq });
  }

  typing(on) {
    const now = this.client.clock.now();
    if (on && now - this.typingSentAt < TIMES.typingEvery) return;
    this.typingSentAt = on ? now : -Infinity;
    this.client.transmit({ type: "typing", conversation: this.id, on });
  }

  #enqueue(entry) {
    this.outbox.push(entry);
    this.client.tell("entry", { conversation: this.id, entry });
    this.pump();
  }

  #frame(entry) {
    const place = this.outbox.indexOf(entry);
    const prev = place > 0 ? this.outbox[place - 1].client_id : this.lastAcked;
    const frame = { type: "message.send", conversation: this.id, client_id: entry.client_id, body: entry.body };
    if (prev) frame.prev = prev;
    if (entry.kind !== "reply") frame.kind = entry.kind;
    if (entry.attachments.length) frame.attachments = entry.attachments;
    if (entry.madeFrom) frame.made_from = entry.madeFrom;
    if (entry.choice !== undefined) frame.choice = entry.choice;
    return frame;
  }

  /** Send what may go: a few at once while all is well, the oldest alone after a refusal. */
  pump() {
    if (this.waiting) return;
    if (this.client.polling) return void this.#post();
    if (!this.client.live || !this.caughtUp) return;
    const flying = this.outbox.filter((entry) => entry.state === "sent").length;
    const room = (this.careful ? 1 : PIPELINE) - flying;
    for (const entry of this.outbox.filter((each) => each.state === "waiting").slice(0, Math.max(0, room))) {
      entry.state = "sent";
      this.client.transmit(this.#frame(entry));
      entry.timer = this.client.clock.set(() => this.client.drop(), TIMES.ackWait);
    }
  }

  async #post() {
    const entry = this.outbox[0];
    if (!entry || this.posting) return;
    this.posting = true;
    entry.state = "sent";
    const answer = await this.client.request("POST", `${this.id}/messages`, this.#frame(entry));
    this.posting = false;
    if (answer.status === 200 || answer.status === 201) this.#stored(answer.body);
    else this.#refused({ ...(answer.body?.error ?? answer.body), client_id: entry.client_id }, answer);
    if (this.client.polling && !this.waiting) this.#post();
    else this.pump();
  }

  #stored({ client_id: clientId, seq, staff_seq: staffSeq = null, sent_at: sentAt, redactions = 0, id }) {
    const place = this.outbox.findIndex((entry) => entry.client_id === clientId);
    if (place < 0) return;
    const [entry] = this.outbox.splice(place, 1);
    this.client.clock.clear(entry.timer);
    this.lastAcked = clientId;
    this.careful = false;
    this.backoff.reset();
    Object.assign(entry, { state: "stored", seq, staff_seq: staffSeq, sent_at: sentAt, redactions, id });
    this.client.tell("entry", { conversation: this.id, entry });
    this.client.clock.set(() => this.#missed(seq, staffSeq), TIMES.echoWait);
    this.pump();
  }

  #missed(seq, staffSeq) {
    const unseen = seq !== null && seq > this.last;
    if (unseen || (staffSeq !== null && this.lastStaff !== null && staffSeq > this.lastStaff)) this.resume();
  }

  #refused(error, answer = {}) {
    const entry = this.outbox.find((each) => each.client_id === error.client_id);
    if (!entry) return;
    this.client.clock.clear(entry.timer);
    const permanent = error.permanent ?? [400, 403, 404, 413].includes(answer.status);
    if (permanent) {
      this.outbox.splice(this.outbox.indexOf(entry), 1);
      this.#fail(entry, error);
      return this.pump();
    }
    entry.state = "waiting";
    this.careful = true;
    this.#pause(error.retry_after_s ?? answer.retryAfter ?? 0);
  }

  #fail(entry, error) {
    Object.assign(entry, { state: "failed", error });
    this.failed.set(entry.client_id, entry);
    this.client.tell("entry", { conversation: this.id, entry });
  }

  #pause(seconds) {
    if (this.waiting) return;
    this.waiting = true;
    this.client.clock.set(() => {
      this.waiting = false;
      this.pump();
    }, this.backoff.next(seconds * 1000));
  }

  // --- hearing ---------------------------------------------------------------------------------------
  receive(frame) {
    if (frame.type === "message.new") this.#arrived(frame);
    else if (frame.type === "message.ack") this.#stored(frame);
    else if (frame.type === "error") this.#error(frame);
    else if (frame.type === "resume.done") this.#resumed(frame);
    else if (frame.type === "form.result") this.#formResult(frame);
    else if (frame.type === "typing") this.#typing(frame);
    else this.client.tell(frame.type, frame);
  }

  #arrived(frame) {
    const staff = frame.seq === null;
    const number = staff ? frame.staff_seq : frame.seq;
    const early = staff ? this.earlyStaff : this.early;
    const last = staff ? this.lastStaff ?? number - 1 : this.last;
    if (number <= last) return;
    early.set(number, frame);
    if (number > last + 1) this.resume();
    this.#show(staff, early, last);
  }

  #show(staff, early, last) {
    for (let next = last + 1; early.has(next); next += 1) {
      const frame = early.get(next);
      early.delete(next);
      if (staff) this.lastStaff = next;
      else this.last = next;
      this.#typing({ role: frame.author?.role, on: false });
      this.client.tell("message", frame);
      if (frame.client_id) this.#stored(frame);
    }
  }

  #error(frame) {
    if (this.forms.delete(frame.client_id)) return this.client.tell("form", { ...frame, ok: false });
    if (frame.client_id) return this.#refused(frame);
    if (!frame.permanent && !this.caughtUp) return this.#askAgain(frame.retry_after_s ?? 0);
    this.client.tell("error", frame);
  }

  #formResult(frame) {
    this.forms.delete(frame.client_id);
    this.client.tell("form", frame);
  }

  #typing({ role, on }) {
    this.client.clock.clear(this.typingTimers.get(role));
    const before = this.typingTimers.delete(role);
    if (on) {
      const expire = () => this.#typing({ role, on: false });
      this.typingTimers.set(role, this.client.clock.set(expire, TIMES.typingLasts));
    }
    if (on || before) this.client.tell("typing", { conversation: this.id, role, on });
  }

  // --- becoming whole --------------------------------------------------------------------------------
  opened() {
    this.resuming = false;
    if (this.join) this.client.transmit({ type: "join", conversation: this.id });
    this.resume();
    if (this.readUpTo) this.client.transmit({ type: "read", conversation: this.id, seq: this.readUpTo });
  }

  resume() {
    if (!this.client.live) return this.client.poll();
    if (this.resuming) return;
    this.resuming = true;
    const frame = { type: "resume", conversation: this.id, after: this.last };
    if (this.lastStaff !== null) frame.staff_after = this.lastStaff;
    this.askedFrom = this.last;
    this.client.transmit(frame);
    this.resumeTimer = this.client.clock.set(() => this.client.drop(), TIMES.resumeWait);
  }

  #askAgain(seconds) {
    this.client.clock.clear(this.resumeTimer);
    this.resuming = false;
    this.client.clock.set(() => this.resume(), this.backoff.next(seconds * 1000));
  }

  #resumed(frame) {
    this.client.clock.clear(this.resumeTimer);
    this.resuming = false;
    if (frame.last_seq > this.last) {
      if (this.last === this.askedFrom) return this.#askAgain(0);
      return this.resume();
    }
    const first = !this.caughtUp;
    this.caughtUp = true;
    this.client.healthy();
    if (first) {
      for (const form of this.forms.values()) this.client.transmit(form);
      this.client.tell("caught-up", { conversation: this.id });
    }
    this.pump();
  }

  /** The socket is gone: what flew is not known to be stored, and goes again. */
  closed() {
    this.caughtUp = this.resuming = false;
    this.client.clock.clear(this.resumeTimer);
    for (const entry of this.outbox) {
      this.client.clock.clear(entry.timer);
      entry.state = "waiting";
    }
  }

  async poll() {
    const answer = await this.client.request("GET", `${this.id}/messages?after=${this.last}`);
    if (answer.status !== 200) return;
    for (const frame of answer.body.messages) this.receive(frame);
    if (answer.body.state) this.client.tell("state", answer.body.state);
    if (answer.body.messages.length && answer.body.last_seq > this.last) await this.poll();
    this.pump();
  }
}
