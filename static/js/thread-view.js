// Draws a conversation's messages, once each and in order, from <template id="message"> of the page.
// Texts stand in <template id="words"> as <span data-word="name">.

const LINK = /https:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/g;
const MINE = new Set(["customer", "caregiver"]);
const TOGETHER = 3 * 60_000;

export function readWords(id = "words") {
  const found = document.getElementById(id).content.querySelectorAll("[data-word]");
  const words = Object.fromEntries([...found].map((each) => [each.dataset.word, each.textContent.trim()]));
  return (name, values = {}) => (words[name] ?? "").replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

function withLinks(text) {
  const parts = document.createDocumentFragment();
  let from = 0;
  for (const found of text.matchAll(LINK)) {
    const link = Object.assign(document.createElement("a"), { href: found[0], textContent: found[0], target: "_blank", rel: "noopener noreferrer" });
    parts.append(text.slice(from, found.index), link);
    from = found.index + found[0].length;
  }
  parts.append(text.slice(from));
  return parts;
}

export class ThreadView {
  constructor(thread, { words, mine = MINE, onRetry, onDiscard, onChoice, onForm, onFile, file }) {
    Object.assign(this, { thread, words, mine, onRetry, onDiscard, onChoice, onForm, onFile, file });
    this.template = document.getElementById("message");
    this.rows = new Map();
    this.clock = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "numeric", minute: "2-digit" });
    this.days = new Intl.DateTimeFormat(document.documentElement.lang, { weekday: "long", day: "numeric", month: "long" });
    this.said = [];
    this.atEnd = true;
    thread.addEventListener("scroll", () => { this.atEnd = this.#isAtEnd(); });
    new ResizeObserver(() => this.atEnd && this.toEnd()).observe(thread);
  }

  #isAtEnd() {
    return this.thread.scrollHeight - this.thread.scrollTop - this.thread.clientHeight < 80;
  }

  /** A message of the server's. What was shown as waiting turns into it. */
  message(frame) {
    const own = this.mine.has(frame.author.role);
    const waiting = frame.client_id && this.rows.get(frame.client_id);
    const row = waiting || this.#row(frame.client_id ?? `m${frame.id}`);
    row.className = `msg role-${frame.author.role} kind-${frame.kind}${own ? " mine" : ""}`;
    row.dataset.seq = frame.seq;
    row.dataset.at = Date.parse(frame.sent_at);
    row.dataset.by = `${frame.author.role} ${frame.author.name}`;
    row.querySelector(".by").textContent = own ? this.words("you") : frame.author.name || this.words(frame.author.role);
    this.#fill(row, frame);
    this.#time(row, frame.sent_at);
    this.#ticks(row, own ? "stored" : "");
    this.#put(row);
    this.said.push({ at: frame.sent_at, name: row.querySelector(".by").textContent, body: frame.body });
    return { own, row };
  }

  /** A message of ours on its way. */
  entry(entry) {
    let row = this.rows.get(entry.client_id);
    if (row?.dataset.seq) return row;
    if (!row) {
      row = this.#row(entry.client_id);
      row.className = "msg mine";
      row.querySelector(".by").textContent = this.words("you");
      this.#fill(row, entry);
      this.thread.append(row);
    }
    row.classList.toggle("failed", entry.state === "failed");
    this.#ticks(row, entry.state === "failed" ? "failed" : "waiting");
    if (entry.state === "failed") this.#explain(row, entry);
    this.toEnd();
    return row;
  }

  /** The others have seen what stands up to `seq`. */
  read(seq) {
    for (const row of this.thread.querySelectorAll(".msg.mine[data-seq]")) {
      if (Number(row.dataset.seq) <= seq) this.#ticks(row, "read");
    }
  }

  /** Take a message of ours off the page. */
  drop(entry) {
    this.rows.get(entry.client_id)?.remove();
    this.rows.delete(entry.client_id);
  }

  toEnd() {
    this.thread.scrollTop = this.thread.scrollHeight;
  }

  transcript() {
    const when = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
    return this.said.map(({ at, name, body }) => `[${when.format(new Date(at))}] ${name}: ${body}`).join("\n");
  }

  clear() {
    this.thread.replaceChildren();
    this.rows.clear();
    this.said = [];
  }

  #row(key) {
    const row = this.template.content.firstElementChild.cloneNode(true);
    this.rows.set(key, row);
    return row;
  }

  #fill(row, { body, attachments = [], choices = [], form = null }) {
    row.querySelector(".body").replaceChildren(withLinks(body));
    row.querySelector(".body").hidden = !body;
    row.querySelector(".files").replaceChildren(...attachments.map((each) => this.#attachment(each)));
    row.querySelector(".choices").replaceChildren(...choices.map((each) => this.#choice(each)));
    row.querySelector(".form-place")?.replaceChildren(...(form ? [this.onForm(form)] : []));
  }

  #attachment(each) {
    const item = document.createElement("li");
    const address = this.file?.(each);
    const name = document.createElement(address ? "a" : this.onFile ? "button" : "span");
    name.textContent = each.name ?? each.filename ?? this.words("file");
    if (!address && this.onFile) {
      Object.assign(name, { type: "button", className: "link", onclick: () => this.onFile(each) });
    }
    if (address) Object.assign(name, { href: address, target: "_blank", rel: "noopener" });
    item.append(name);
    return item;
  }

  #choice(each) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-small", textContent: each.label });
    button.addEventListener("click", () => {
      for (const other of button.parentElement.children) other.disabled = true;
      this.onChoice?.(each);
    });
    return button;
  }

  #time(row, sentAt) {
    const time = row.querySelector("time");
    time.dateTime = sentAt;
    time.textContent = this.clock.format(new Date(sentAt));
  }

  #ticks(row, state) {
    for (const tick of row.querySelectorAll("[data-tick]")) tick.hidden = tick.dataset.tick !== state;
  }

  #explain(row, entry) {
    row.querySelector("[data-why]").textContent = this.words(`error_${entry.error?.code}`) || this.words("error_invalid");
    const again = row.querySelector("[data-retry]");
    again.hidden = ["closed", "forbidden"].includes(entry.error?.code);
    again.onclick = () => this.onRetry?.(entry);
    row.querySelector("[data-discard]").onclick = () => {
      this.drop(entry);
      this.onDiscard?.(entry);
    };
  }

  #put(row) {
    const stayed = this.#isAtEnd();
    const waiting = this.thread.querySelector(".msg:not([data-seq])");
    this.thread.insertBefore(row, waiting);
    const before = this.#before(row);
    const day = this.days.format(Number(row.dataset.at));
    if (!before || this.days.format(Number(before.dataset.at)) !== day) this.#dayLine(row, day);
    const close = before && before.dataset.by === row.dataset.by && row.dataset.at - before.dataset.at < TOGETHER;
    row.classList.toggle("follows", Boolean(close));
    if (stayed) this.toEnd();
  }

  #before(row) {
    let each = row.previousElementSibling;
    while (each && !each.dataset.seq) each = each.previousElementSibling;
    return each;
  }

  #dayLine(row, day) {
    const line = Object.assign(document.createElement("div"), { className: "day", textContent: day });
    row.before(line);
  }
}
