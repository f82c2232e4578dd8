// Replies on their way: a strip under the thread that counts down, and takes back what was said too soon.

import { csrfToken, toast } from "./base.js";

const AFTER = 900;

export class Held {
  constructor({ phrases, back, left }) {
    Object.assign(this, { phrases, back, left, timer: null });
    setInterval(() => this.count(), 500);
  }

  get place() {
    return document.getElementById("held");
  }

  open() {
    clearTimeout(this.timer);
    return this.refresh();
  }

  stand() {
    this.count();
    this.await();
  }

  show(html) {
    if (!this.place) return;
    this.place.innerHTML = html;
    globalThis.htmx.process(this.place);
    this.stand();
  }

  async refresh() {
    const place = this.place;
    if (!place) return;
    const before = place.childElementCount;
    const answer = await fetch(place.dataset.held).catch(() => null);
    if (!answer?.ok || place !== this.place) return;
    this.show(await answer.text());
    if (place.childElementCount < before) this.left();
  }

  get next() {
    const times = [...this.place?.querySelectorAll("[data-release]") ?? []].map((one) => Date.parse(one.dataset.release));
    return times.length ? Math.min(...times) : null;
  }

  await() {
    clearTimeout(this.timer);
    if (this.next === null) return;
    const wait = Math.min(Math.max(this.next - Date.now(), 0) + AFTER, 2 ** 30);
    this.timer = setTimeout(() => this.refresh(), wait);
  }

  count() {
    for (const one of this.place?.querySelectorAll("[data-state=held]") ?? []) {
      const left = Math.max(0, Math.ceil((Date.parse(one.dataset.release) - Date.now()) / 1000));
      const said = one.querySelector("[data-countdown]");
      if (said) said.textContent = `${left} s`;
    }
  }

  undoLast() {
    const buttons = this.place?.querySelectorAll("[data-undo]") ?? [];
    if (buttons.length) this.undo(buttons[buttons.length - 1]);
  }

  async undo(button) {
    if (button.disabled) return;
    button.disabled = true;
    const { place } = this;
    const answer = await this.post(button.dataset.undo);
    const kept = answer?.ok && !answer.redirected ? await answer.json() : null;
    if (!answer) toast(this.phrases["not-taken-back"]);
    else if (!kept) toast(this.phrases["has-left"]);
    if (place !== this.place) return; // another case stands open now: the words are the draft of theirs
    if (kept) this.back(kept);
    button.disabled = false;
    await this.refresh();
  }

  async sendNow(button) {
    const answer = await this.post(button.dataset.sendNow);
    if (answer?.status === 409) toast(this.phrases["held-refused"]);
    await this.refresh();
  }

  post(address) {
    return fetch(address, { method: "POST", headers: { "X-CSRFToken": csrfToken() } }).catch(() => null);
  }
}
