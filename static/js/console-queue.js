// The rail and the queue: rows and counts are read again, with this person's own rights, when ids say so.

const SOON = 250;
const RAIL_EVERY = 1000;

export class Queue {
  constructor(desk, { isOpen }) {
    Object.assign(this, { desk, isOpen, waiting: new Map(), railTimer: null });
  }

  get rows() {
    return document.getElementById("rows");
  }

  address(number = "") {
    return this.desk.dataset.rows.replace("VIEW", this.desk.dataset.view) + (number && `${number}/`);
  }

  // --- one row ---------------------------------------------------------------------------------------
  changed(number) {
    clearTimeout(this.waiting.get(number));
    this.waiting.set(number, setTimeout(() => this.renew(number), SOON));
  }

  async renew(number) {
    this.waiting.delete(number);
    const asked = this.desk.dataset.view;
    const answer = await fetch(this.address(number)).catch(() => null);
    if (!answer?.ok || asked !== this.desk.dataset.view) return;
    const shown = document.getElementById(`row-${number}`);
    if (answer.status === 204) return this.remove(shown);
    if (this.rows?.tagName !== "UL") return this.all();
    this.place(await answer.text(), shown);
  }

  remove(shown) {
    shown?.remove();
    if (this.rows?.tagName === "UL" && !this.rows.querySelector("li[id]")) this.all();
  }

  place(html, shown) {
    const made = document.createElement("template");
    made.innerHTML = html.trim();
    const row = made.content.firstElementChild;
    const stands = document.activeElement === shown?.querySelector("a");
    if (shown && this.rows.dataset.order === "oldest") shown.replaceWith(row);
    else if (this.rows.dataset.order === "oldest") this.atEnd(row);
    else {
      shown?.remove();
      this.rows.prepend(row);
    }
    globalThis.htmx.process(row);
    this.mark();
    if (stands) row.querySelector("a").focus({ preventScroll: true });
  }

  // A list that goes on below is not at its end here.
  atEnd(row) {
    if (!this.rows.querySelector(".more")) this.rows.append(row);
  }

  all() {
    globalThis.htmx.ajax("GET", this.address(), { target: "#queue", swap: "innerHTML" });
  }

  mark() {
    for (const link of document.querySelectorAll("[data-opens-case]")) {
      if (this.isOpen(link.dataset.opensCase)) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }

  // --- the rail --------------------------------------------------------------------------------------
  counted() {
    this.railTimer ??= setTimeout(() => {
      this.railTimer = null;
      globalThis.htmx.ajax("GET", `${this.desk.dataset.rail}?view=${this.desk.dataset.view}`, { target: "#rail", swap: "innerHTML" });
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

  // --- moving ----------------------------------------------------------------------------------------
  move(step) {
    const links = [...(this.rows?.querySelectorAll("a[data-opens-case]") ?? [])];
    const open = links.findIndex((link) => link.hasAttribute("aria-current"));
    const next = links[open < 0 ? 0 : open + step];
    next?.focus();
    next?.click();
    next?.scrollIntoView({ block: "nearest" });
  }
}
