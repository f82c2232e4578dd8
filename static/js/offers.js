// What is held out to this agent, at the foot of the rail. A frame says that something changed; what is shown is
// read again with this person's own rights. y accepts the first, d declines it, q asks for the next contact.

import { announce, csrfToken, toast } from "./base.js";
import { typing } from "./keys.js";

const EVERY = 10_000;
const TICK = 1000;

export class Offers {
  constructor(place, { words, opens, ring }) {
    Object.assign(this, { place, words, opens, ring, known: new Set() });
  }

  start() {
    document.addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("offers-changed", ({ detail }) => this.changed(detail));
    setInterval(() => this.read(), EVERY);
    setInterval(() => this.count(), TICK);
    this.read();
  }

  heard({ state, mine, number }) {
    if (!mine) toast((this.words[`offer-${state}`] ?? "").replace("NUMBER", number ?? ""));
    this.read();
  }

  changed(detail) {
    document.getElementById("work")?.close();
    this.read();
    if (detail?.opens) this.opens(detail.opens);
  }

  async read() {
    const answer = await fetch(this.place.dataset.offers).catch(() => null);
    if (!answer?.ok) return;
    const html = (await answer.text()).trim();
    if (html === this.shown) return;
    const at = this.place.contains(document.activeElement) ? document.activeElement.closest("[data-offer]")?.dataset.offer : null;
    this.place.innerHTML = this.shown = html;
    globalThis.htmx?.process(this.place);
    if (at) this.place.querySelector(`[data-offer="${CSS.escape(at)}"] button`)?.focus();
    this.tell();
    this.count();
  }

  // Said and rung once for each offer.
  tell() {
    const held = [...this.place.querySelectorAll("[data-offer]")];
    const fresh = held.filter(({ dataset }) => !this.known.has(dataset.offer));
    this.known = new Set(held.map(({ dataset }) => dataset.offer));
    if (!fresh.length) return;
    announce(fresh.map((one) => one.querySelector("h2").textContent.trim()).join(". "));
    this.ring(this.words["offer-open"]);
  }

  count() {
    for (const place of this.place.querySelectorAll("[data-until]")) {
      const left = Math.max(0, Math.round((new Date(place.dataset.until) - Date.now()) / 1000));
      place.textContent = left < 600 ? `${left} s` : "";
    }
  }

  key(event) {
    const { key, target, ctrlKey, metaKey, altKey } = event;
    if (event.defaultPrevented || event.repeat || ctrlKey || metaKey || altKey || typing(target) || this.resting()) return;
    const button = { y: "[data-accepts]", d: "[data-declines]" }[key];
    const found = button && this.place.querySelector(button);
    if (found) found.click();
    else if (key === "q") this.next();
    else return;
    event.preventDefault();
  }

  resting() {
    const off = document.querySelector("[data-preferences]")?.dataset.shortcuts === "no";
    return off || Boolean(document.querySelector("dialog[open]"));
  }

  async next() {
    const answer = await fetch(this.place.dataset.next, { method: "POST", headers: { "X-CSRFToken": csrfToken() } }).catch(() => null);
    const events = JSON.parse(answer?.headers.get("HX-Trigger") ?? "{}");
    for (const [name, detail] of Object.entries(events)) document.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
