// The rail and the queue: rows and counts are read again, with this person's own rights, when ids say so.

import { VirtualList } from "./virtual-list.js";

const SOON = 250;
const RAIL_EVERY = 1000;
const MOST_MARKED = 200;

export class Queue {
  constructor(desk, { isOpen }) {
    Object.assign(this, { desk, isOpen, waiting: new Map(), railTimer: null, marked: new Set(), anchor: null });
    setInterval(() => this.tick(), 60_000);
    this.open();
  }

  get rows() {
    return document.getElementById("rows");
  }

  get scroller() {
    return document.getElementById("queue");
  }

  address(number = "") {
    return this.desk.dataset.rows.replace("VIEW", this.desk.dataset.view) + (number && `${number}/`);
  }

  // --- the list ----------------------------------------------------------------------------------------
  open() {
    this.list?.end();
    this.list = null;
    this.clear();
    if (this.rows?.tagName !== "UL") return;
    const rows = [...this.rows.querySelectorAll(":scope > li[id]")];
    const more = this.rows.querySelector(":scope > .more");
    more?.remove();
    this.list = new VirtualList({
      list: this.rows, scroller: this.scroller, rows, next: more?.dataset.next ?? "",
      oldestFirst: this.rows.dataset.order === "oldest", load: (after, until) => this.load(after, until),
    });
    this.list.drawn = () => this.mark();
    this.mark();
  }

  async load(after, until) {
    const answer = await fetch(`${this.address()}?${new URLSearchParams({ after, until })}`).catch(() => null);
    if (!answer?.ok) return null;
    const made = document.createElement("template");
    made.innerHTML = await answer.text();
    const rows = [...made.content.querySelectorAll("li[id]")];
    for (const row of rows) this.prepare(row);
    return { rows, next: made.content.querySelector(".more")?.dataset.next ?? "" };
  }

  prepare(row) {
    document.adoptNode(row);
    globalThis.htmx.process(row);
    const mark = row.querySelector("[data-mark]");
    if (mark) mark.checked = this.marked.has(mark.dataset.mark);
  }

  // --- one row -----------------------------------------------------------------------------------------
  changed(number) {
    clearTimeout(this.waiting.get(number));
    this.waiting.set(number, setTimeout(() => this.renew(number), SOON));
  }

  async renew(number) {
    this.waiting.delete(number);
    const asked = this.desk.dataset.view;
    const answer = await fetch(this.address(number)).catch(() => null);
    if (!answer?.ok || asked !== this.desk.dataset.view) return;
    if (answer.status === 204) return this.remove(number);
    if (!this.list) return this.all();
    this.place(await answer.text(), number);
  }

  remove(number) {
    this.list?.remove(`row-${number}`);
    if (this.list?.length === 0) this.all();
  }

  place(html, number) {
    const made = document.createElement("template");
    made.innerHTML = html.trim();
    const row = made.content.firstElementChild;
    const stands = document.activeElement?.closest("li")?.id === row.id && document.activeElement.matches("a");
    this.prepare(row);
    this.list.place(row);
    if (stands) this.list.get(`row-${number}`)?.querySelector("a").focus({ preventScroll: true });
  }

  all() {
    globalThis.htmx.ajax("GET", this.address(), { source: "#queue", target: "#queue", swap: "innerHTML" });
  }

  mark() {
    for (const link of document.querySelectorAll("[data-opens-case]")) {
      if (this.isOpen(link.dataset.opensCase)) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }

  // Business minutes go by while the calendar is open; what was rendered says how many were left.
  tick() {
    for (const chip of this.rows?.querySelectorAll(".due[data-runs]") ?? []) {
      const left = Number(chip.dataset.left) - 1;
      chip.dataset.left = left;
      if (left < 60 && left >= 0) chip.querySelector("[data-said]").textContent = chip.querySelector("[data-said]").textContent.replace(/\d+/, left);
      if (left === 59 || left === 9 || left === -1) this.changed(chip.closest("li").id.slice(4));
    }
  }

  // --- marks -------------------------------------------------------------------------------------------
  async toggle(number, { range = false } = {}) {
    const on = !this.marked.has(number);
    const numbers = range && this.anchor ? await this.between(this.anchor, number) : [number];
    for (const each of numbers) {
      if (on && this.marked.size < MOST_MARKED) this.marked.add(each);
      else if (!on) this.marked.delete(each);
    }
    this.anchor = number;
    this.showMarks();
  }

  async between(one, other) {
    const [from, to] = [one, other].map((number) => this.list?.find(`row-${number}`)?.index ?? -1).sort((a, b) => a - b);
    if (from < 0) return [other];
    const found = [];
    for (let at = from; at <= to && found.length < MOST_MARKED; at += 1) found.push((await this.list.at(at))?.id.slice(4));
    return found.filter(Boolean);
  }

  showMarks() {
    for (const box of this.rows?.querySelectorAll("[data-mark]") ?? []) box.checked = this.marked.has(box.dataset.mark);
    for (const page of this.list?.pages ?? []) {
      for (const row of page.rows ?? []) {
        const box = row.querySelector("[data-mark]");
        if (box) box.checked = this.marked.has(box.dataset.mark);
      }
    }
    const bar = document.querySelector("[data-bulk-bar]");
    if (!bar) return;
    const said = bar.querySelector("[data-bulk-said]");
    bar.hidden = this.marked.size === 0;
    said.textContent = this.marked.size === 1 ? said.dataset.one : said.dataset.many.replace("COUNT", this.marked.size);
  }

  clear() {
    this.marked.clear();
    this.anchor = null;
    this.showMarks();
  }

  // --- the rail ----------------------------------------------------------------------------------------
  counted() {
    this.railTimer ??= setTimeout(() => {
      this.railTimer = null;
      globalThis.htmx.ajax("GET", `${this.desk.dataset.rail}?view=${this.desk.dataset.view}`, { source: "#rail", target: "#rail", swap: "innerHTML" });
    }, RAIL_EVERY);
  }

  showCounts(counts) {
    for (const [code, count] of Object.entries(counts)) {
      const place = document.querySelector(`[data-count="${code}"]`);
      if (place) place.textContent = count >= 100 ? "99+" : count || "";
    }
    this.title();
  }

  title() {
    const unread = document.querySelector('[data-count="unread"]')?.textContent ?? "";
    const bare = document.title.replace(/^\(\d+\+?\) /, "");
    document.title = unread ? `(${unread}) ${bare}` : bare;
  }

  serves(conversation) {
    return Boolean(conversation && document.querySelector(`#rail [data-conversation="${CSS.escape(conversation)}"]`));
  }

  // --- moving ------------------------------------------------------------------------------------------
  get here() {
    const link = this.rows?.querySelector("a[aria-current]") ?? document.activeElement?.closest?.("#rows li")?.querySelector("a");
    return link?.dataset.opensCase ?? this.last ?? null;
  }

  async move(step) {
    if (!this.list) return;
    const open = this.here;
    const found = open && this.list.find(`row-${open}`);
    const row = await this.list.show(found ? found.index + step : Math.max(0, this.lastIndex ?? 0));
    const link = row?.querySelector("a[data-opens-case]");
    if (!link) return;
    this.last = link.dataset.opensCase;
    this.lastIndex = this.list.find(row.id)?.index ?? 0;
    link.focus({ preventScroll: true });
    link.click();
  }

  markHere(event) {
    if (this.here) this.toggle(this.here, event);
  }
}
