// A list of any length in a bounded page: only what is near the window stands in the document, the rest is
// two spacers. Pages come by their place in the list (`load(after, until)` gives { rows, next }), those that were
// scrolled far away are let go and asked for again. Rows are `li`s of one height with an id and a data-place.

const AROUND = 12;
const KEPT = 4;

export class VirtualList {
  constructor({ list, scroller, rows, next, load, oldestFirst }) {
    Object.assign(this, { list, scroller, load, oldestFirst, loading: null, goneFor: false });
    this.pages = [{ after: "", until: next, rows, count: rows.length }];
    this.next = next;
    this.height = rows[0]?.getBoundingClientRect().height || 90;
    this.top = this.spacer();
    this.bottom = this.spacer();
    this.scrolled = () => { this.frame ??= requestAnimationFrame(() => { this.frame = null; this.draw(); }); };
    scroller.addEventListener("scroll", this.scrolled, { passive: true });
    this.watch = new ResizeObserver(this.scrolled);
    this.watch.observe(scroller);
    this.draw();
  }

  end() {
    this.goneFor = true;
    this.watch.disconnect();
    this.scroller.removeEventListener("scroll", this.scrolled);
  }

  spacer() {
    const made = document.createElement("li");
    made.className = "spacer";
    made.setAttribute("role", "presentation");
    made.ariaHidden = "true";
    return made;
  }

  get length() {
    return this.pages.reduce((sum, page) => sum + page.count, 0);
  }

  // --- what stands in the window -------------------------------------------------------------------------
  window() {
    const above = this.scroller.scrollTop - (this.list.offsetTop - this.scroller.offsetTop);
    const first = Math.max(0, Math.floor(above / this.height) - AROUND);
    const last = Math.ceil((above + this.scroller.clientHeight) / this.height) + AROUND;
    return [Math.min(first, Math.max(0, this.length - 1)), Math.min(last, this.length)];
  }

  draw() {
    if (this.goneFor) return;
    const [first, last] = this.window();
    const shown = [];
    let at = 0;
    for (const [number, page] of this.pages.entries()) {
      const [from, to] = [Math.max(first - at, 0), Math.min(last - at, page.count)];
      if (from < to) {
        if (page.rows) shown.push(...page.rows.slice(from, to).map((row, place) => [row, at + from + place]));
        else this.again(number);
      } else if (page.rows && this.farFrom(at, page.count, first, last)) page.rows = null;
      at += page.count;
    }
    this.put(shown, first, last);
    if (this.next && last >= this.length - AROUND) this.more();
  }

  farFrom(at, count, first, last) {
    const far = KEPT * Math.max(count, AROUND);
    return count > 0 && (at + count < first - far || at > last + far);
  }

  put(shown, first, last) {
    const rows = shown.map(([row]) => row);
    const stay = new Set(rows);
    for (const row of [...this.list.children]) if (!stay.has(row) && row !== this.top && row !== this.bottom) row.remove();
    let before = this.top;
    if (this.list.firstChild !== before) this.list.prepend(before);
    for (const row of rows) {
      if (before.nextSibling !== row) before.after(row);
      before = row;
    }
    if (before.nextSibling !== this.bottom) before.after(this.bottom);
    const drawn = shown.length ? shown[0][1] : first;
    this.top.style.blockSize = `${drawn * this.height}px`;
    this.bottom.style.blockSize = `${Math.max(0, this.length - drawn - shown.length) * this.height}px`;
    const size = this.next ? -1 : this.length;
    for (const [row, at] of shown) {
      row.setAttribute("aria-setsize", size);
      row.setAttribute("aria-posinset", at + 1);
    }
    this.drawn?.(rows);
  }

  // --- pages ---------------------------------------------------------------------------------------------
  more() {
    this.loading ??= this.load(this.next, "").then((page) => {
      this.loading = null;
      if (!page || this.goneFor) return;
      const known = new Set(this.pages.flatMap(({ rows }) => (rows ?? []).map(({ id }) => id)));
      const rows = page.rows.filter(({ id }) => !known.has(id));
      this.pages.push({ after: this.next, until: page.next, rows, count: rows.length });
      this.next = page.next;
      this.draw();
    }, () => { this.loading = null; });
    return this.loading;
  }

  again(number) {
    const page = this.pages[number];
    page.coming ??= this.load(page.after, page.until).then((found) => {
      page.coming = null;
      if (!found || this.goneFor) return;
      page.rows = found.rows;
      page.count = found.rows.length;
      this.draw();
    }, () => { page.coming = null; });
    return page.coming;
  }

  // --- one row -------------------------------------------------------------------------------------------
  find(id) {
    let at = 0;
    for (const page of this.pages) {
      const place = page.rows?.findIndex((row) => row.id === id) ?? -1;
      if (place >= 0) return { page, place, index: at + place };
      at += page.count;
    }
    return null;
  }

  get(id) {
    const found = this.find(id);
    return found && found.page.rows[found.place];
  }

  // What was read keeps its place under the reader's eyes, whatever comes and goes above it.
  hold(change) {
    const kept = [...this.list.children].find((row) => row.id && row.getBoundingClientRect().top >= this.scroller.getBoundingClientRect().top);
    const was = this.scroller.scrollTop > this.height ? kept?.getBoundingClientRect().top : null;
    change();
    this.draw();
    if (was !== null && kept?.isConnected) this.scroller.scrollTop += kept.getBoundingClientRect().top - was;
  }

  remove(id) {
    const found = this.find(id);
    if (found) this.hold(() => { found.page.rows.splice(found.place, 1); found.page.count -= 1; });
  }

  place(row) {
    const found = this.find(row.id);
    if (found && found.page.rows[found.place].dataset.place === row.dataset.place) {
      found.page.rows[found.place].replaceWith(row);
      found.page.rows[found.place] = row;
      return this.draw();
    }
    return this.hold(() => {
      if (found) { found.page.rows.splice(found.place, 1); found.page.count -= 1; }
      this.insert(row);
    });
  }

  insert(row) {
    const page = this.pages.find(({ until }) => !until || !this.isBefore(until, row.dataset.place));
    if (!page) return;
    page.count += 1;
    if (!page.rows) return;
    const at = page.rows.findIndex((other) => this.isBefore(row.dataset.place, other.dataset.place));
    page.rows.splice(at < 0 ? page.rows.length : at, 0, row);
  }

  isBefore(one, other) {
    const [[at, pk], [otherAt, otherPk]] = [one.split("."), other.split(".")];
    if (at === otherAt) return this.oldestFirst ? Number(pk) < Number(otherPk) : Number(pk) > Number(otherPk);
    return this.oldestFirst ? at < otherAt : at > otherAt;
  }

  // --- moving --------------------------------------------------------------------------------------------
  async show(index) {
    while (index >= this.length && this.next) await this.more();
    if (index < 0 || index >= this.length) return null;
    const top = this.list.offsetTop - this.scroller.offsetTop + index * this.height;
    const head = this.scroller.querySelector(".pane-head")?.offsetHeight ?? 0;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop + head) this.scroller.scrollTop = top - head;
    else if (top + this.height > scrollTop + clientHeight) this.scroller.scrollTop = top + this.height - clientHeight;
    this.draw();
    return this.at(index);
  }

  async at(index) {
    let first = 0;
    for (const [number, page] of this.pages.entries()) {
      if (index < first + page.count) {
        if (!page.rows) await this.again(number);
        this.draw();
        return page.rows?.[index - first] ?? null;
      }
      first += page.count;
    }
    return null;
  }
}
