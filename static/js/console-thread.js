// The thread of the open case: what the server rendered, what arrives by the socket, what waits to be stored.

import { announce } from "./base.js";

const NEAR = 160;
const HERE_EVERY = 30_000;
const HERE_LASTS = 75_000;
const OWN_TYPING = 8_000;

export class Thread {
  constructor(desk, { client, phrases }) {
    Object.assign(this, { desk, client, phrases, talk: null, number: null, typedAt: 0 });
    this.others = new Map();
    const { zone: timeZone } = desk.dataset;
    this.clock = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "numeric", minute: "2-digit", timeZone });
    setInterval(() => this.here(), HERE_EVERY);
  }

  get list() {
    return document.getElementById("thread");
  }

  get facts() {
    return document.querySelector("#case-head [data-speaking]")?.dataset ?? {};
  }

  get newest() {
    return Number(this.list?.dataset.newest ?? 0);
  }

  // --- opening ---------------------------------------------------------------------------------------
  open() {
    this.leave();
    const head = document.getElementById("case-head");
    if (!head) return;
    this.number = head.dataset.case;
    this.follow();
    this.toEnd();
    this.seen();
  }

  follow() {
    const { speaking, lastSeq, lastStaffSeq } = this.facts;
    if (!speaking || this.talk?.id === speaking) return;
    this.talk = this.client.follow(speaking, { after: Number(lastSeq), staffAfter: Number(lastStaffSeq), join: true });
    for (const entry of [...this.talk.outbox, ...this.talk.failed.values()]) this.pending(entry);
  }

  // A conversation with something unsent is kept until it is stored.
  leave() {
    if (this.talk && !this.talk.outbox.length && !this.talk.failed.size) this.client.unfollow(this.talk.id);
    this.talk = this.number = null;
    this.others.clear();
  }

  isOpen(number) {
    return number !== null && number === this.number;
  }

  get live() {
    return Boolean(this.facts.live);
  }

  // --- what arrives ----------------------------------------------------------------------------------
  arrived(frame) {
    if (!this.list || frame.conversation !== this.talk?.id) return;
    this.forget(frame.client_id);
    this.list.dataset.newest = Math.max(this.newest, frame.id);
    if (document.getElementById(`m${frame.id}`)) return;
    const end = this.atEnd();
    this.list.append(this.article(frame));
    if (end) this.toEnd();
    if (this.fromCustomer(frame)) announce(`${frame.author.name || this.phrases.customer}: ${frame.body}`);
    this.seen();
  }

  fromCustomer(frame) {
    return ["customer", "caregiver"].includes(frame.author.role);
  }

  article(frame) {
    if (frame.kind === "event" || frame.author.role === "system") return this.doneLine(frame);
    const made = document.getElementById("one-message").content.firstElementChild.cloneNode(true);
    const ours = !this.fromCustomer(frame);
    made.id = `m${frame.id}`;
    made.dataset.client = frame.client_id ?? "";
    if (frame.seq) made.dataset.seq = frame.seq;
    made.classList.add(`kind-${frame.kind}`, `role-${frame.author.role}`, ...(ours ? ["mine"] : []));
    const words = [frame.author.name || this.phrases.customer, this.phrases[`kind-${frame.kind}`], this.phrases[`role-${frame.author.role}`]];
    made.querySelector(".by").textContent = words.filter(Boolean).join(" · ");
    made.querySelector(".body").textContent = frame.body;
    this.files(made.querySelector(".files"), frame.attachments);
    this.when(made.querySelector("time"), frame.sent_at);
    return made;
  }

  doneLine(frame) {
    const made = document.getElementById("one-event").content.firstElementChild.cloneNode(true);
    made.id = `m${frame.id}`;
    made.querySelector("span").textContent = frame.body;
    this.when(made.querySelector("time"), frame.sent_at);
    return made;
  }

  files(place, attachments) {
    for (const file of attachments ?? []) {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = file.url ?? this.desk.dataset.document.replace("00000000-0000-0000-0000-000000000000", file.id);
      link.target = "_blank";
      link.rel = "noopener";
      link.textContent = file.name ?? file.kind ?? this.phrases.file;
      item.append(link);
      place.append(item);
    }
    if (!attachments?.length) place.remove();
  }

  when(place, at) {
    place.dateTime = at;
    place.textContent = this.clock.format(new Date(at)).toLowerCase();
  }

  // Fragments of the server's, in which what stands here already is passed over.
  insert(html) {
    const made = document.createElement("template");
    made.innerHTML = html;
    const newest = made.content.querySelector("[data-newest]");
    const end = this.atEnd();
    for (const item of [...made.content.children]) {
      if (!item.id || document.getElementById(item.id)) continue;
      this.forget(item.dataset.client);
      this.list.append(item);
    }
    if (newest) this.list.dataset.newest = Math.max(this.newest, Number(newest.dataset.newest));
    if (end) this.toEnd();
  }

  async refresh() {
    const list = this.list;
    if (!list) return;
    const answer = await fetch(`${list.dataset.new}?after=${this.newest}`).catch(() => null);
    if (answer?.ok && list === this.list) this.insert(await answer.text());
  }

  // --- what waits ------------------------------------------------------------------------------------
  entry({ conversation, entry }) {
    if (conversation !== this.talk?.id) return;
    if (entry.state === "stored") this.forget(entry.client_id, true);
    else this.pending(entry);
  }

  pending(entry) {
    let shown = this.find(entry.client_id);
    if (!shown) {
      shown = document.getElementById("pending-message").content.firstElementChild.cloneNode(true);
      shown.dataset.client = entry.client_id;
      shown.classList.add(`kind-${entry.kind}`);
      shown.querySelector(".body").textContent = entry.body;
      this.list?.append(shown);
      this.toEnd();
    }
    const failed = entry.state === "failed";
    shown.classList.toggle("failed", failed);
    shown.querySelector("[data-state]").textContent = failed ? `${this.phrases.failed} ${entry.error?.detail ?? ""}` : this.phrases.sending;
    shown.querySelector("[data-retry]").hidden = !failed;
  }

  find(clientId) {
    return clientId ? this.list?.querySelector(`.pending[data-client="${CSS.escape(clientId)}"]`) : null;
  }

  forget(clientId, stored = false) {
    const shown = this.find(clientId);
    if (stored && shown) shown.querySelector("[data-state]").textContent = this.phrases.sent;
    else shown?.remove();
  }

  retry(event) {
    const shown = event.target.closest?.("[data-retry]")?.closest("[data-client]");
    if (shown) this.talk?.retry(shown.dataset.client);
  }

  // --- reading ---------------------------------------------------------------------------------------
  seen() {
    if (document.visibilityState !== "visible" || !this.talk) return;
    const customers = [...this.list.querySelectorAll("[data-seq]:not(.mine)")];
    const last = Math.max(0, ...customers.map((item) => Number(item.dataset.seq)));
    if (last) this.talk.read(last);
  }

  readBy({ conversation, role, seq }) {
    if (conversation !== this.talk?.id || !["customer", "caregiver"].includes(role)) return;
    for (const item of this.list.querySelectorAll(".mine[data-seq]")) {
      if (Number(item.dataset.seq) <= seq) item.querySelector("[data-tick]").textContent = this.phrases.read;
    }
  }

  typing({ conversation, role, on }) {
    const place = document.getElementById("typing");
    if (!place || conversation !== this.talk?.id) return;
    const customer = ["customer", "caregiver"].includes(role);
    // What one types oneself comes back as any agent's.
    if (!customer && (!this.others.size || Date.now() - this.typedAt < OWN_TYPING)) return;
    place.hidden = !on;
    const who = customer ? this.phrases.customer : this.phrases.colleague;
    place.querySelector("span").textContent = this.phrases.typing.replace("NAME", who);
  }

  here() {
    if (this.talk && document.visibilityState === "visible") this.client.transmit({ type: "here", conversation: this.talk.id });
    this.showOthers();
  }

  viewing({ conversation, user, name, on, asks }) {
    if (conversation !== this.talk?.id || user === this.desk.dataset.me) return;
    if (on) this.others.set(user, { name, until: Date.now() + HERE_LASTS });
    else this.others.delete(user);
    if (asks) this.here();
    this.showOthers();
  }

  showOthers() {
    for (const [user, { until }] of this.others) {
      if (until < Date.now()) this.others.delete(user);
    }
    const place = document.getElementById("viewing");
    const names = [...this.others.values()].map(({ name }) => name).join(", ");
    if (place) place.textContent = names && this.phrases.viewing.replace("NAME", names);
  }

  // --- scrolling -------------------------------------------------------------------------------------
  atEnd() {
    const list = this.list;
    return !list || list.scrollHeight - list.scrollTop - list.clientHeight < NEAR;
  }

  toEnd() {
    const list = this.list;
    if (list) list.scrollTop = list.scrollHeight;
  }
}
