// The composer of the open case: reply, note or whisper; replies kept ready by "/"; files; what was sent.

import { csrfToken, toast } from "./base.js";

const SLOT = /\{(?:\s*\.\.\.[^{}]*|[a-z_]+)\}/;

export class Composer {
  constructor({ thread, held, phrases, preferences, upload }) {
    Object.assign(this, { thread, held, phrases, preferences, upload, files: [] });
  }

  get form() {
    return document.getElementById("composer");
  }

  get text() {
    return document.getElementById("composer-body");
  }

  open() {
    this.files = [];
    this.ready = {};
    if (this.form) this.kind(this.form.dataset.kind);
  }

  write(kind) {
    if (!this.form) return;
    this.kind(kind);
    this.text.focus();
  }

  kind(kind) {
    const form = this.form;
    form.dataset.kind = kind;
    form.elements.kind.value = kind;
    this.text.placeholder = this.text.dataset[`${kind}Hint`];
    for (const tab of document.querySelectorAll(".compose-tabs [data-kind]")) {
      tab.setAttribute("aria-pressed", String(tab.dataset.kind === kind));
    }
  }

  // --- sending ---------------------------------------------------------------------------------------
  send(anyway = false, throughPortal = false) {
    const form = this.form;
    const body = this.text.value;
    if (!body.trim() && !this.files.length) return;
    if (form.dataset.kind === "reply" && SLOT.test(body)) return this.pointAtSlot();
    if (this.files.some((file) => !file.id)) return this.say(this.phrases.uploading);
    const later = Boolean(form.elements.at?.value);
    if (form.dataset.kind === "whisper" || (this.thread.live && !later)) this.bySocket(body);
    else this.byForm(anyway, throughPortal);
  }

  bySocket(body) {
    if (!this.thread.talk) return this.say(this.phrases.failed);
    this.thread.talk.send(body, { kind: this.form.dataset.kind, attachments: this.files.map((file) => file.id), madeFrom: this.form.elements.made_from.value });
    this.clear();
    this.endDraft();
  }

  async byForm(anyway, throughPortal) {
    const form = this.form;
    if (form.hasAttribute("aria-busy")) return;
    form.setAttribute("aria-busy", "true");
    form.elements.client_id.value ||= crypto.randomUUID();
    const data = new FormData(form);
    if (anyway) data.set("anyway", "on");
    if (throughPortal) data.set("through_portal", "on");
    data.set("attachments", this.files.map((file) => file.id).join(","));
    const now = Date.now();
    const answer = await fetch(form.action, { method: "POST", body: data, headers: { "X-CSRFToken": csrfToken() } }).catch(() => null);
    form.removeAttribute("aria-busy");
    if (form !== this.form) return;
    if (answer?.status === 201) {
      this.clear();
      this.thread.insert(await answer.text());
    } else if (answer?.status === 202) {
      this.clear();
      this.held.show(await answer.text(), now);
    } else {
      this.show(answer ? await answer.text() : "", answer?.status);
    }
  }

  show(html, status) {
    const place = document.getElementById("composer-says");
    if ([409, 422].includes(status)) place.innerHTML = html;
    else place.textContent = this.phrases["not-sent"];
  }

  say(words) {
    document.getElementById("composer-says").textContent = words;
  }

  clear() {
    this.form.elements.client_id.value = "";
    this.form.elements.made_from.value = "";
    this.text.value = "";
    if (this.form.elements.at) this.form.elements.at.value = "";
    this.form.querySelector("details.later")?.removeAttribute("open");
    this.files = [];
    this.drawFiles();
    document.getElementById("composer-says").replaceChildren();
    document.getElementById("draft-status").textContent = "";
    this.forward();
    this.text.focus();
  }

  endDraft() {
    const data = new FormData(this.form);
    data.set("body", "");
    fetch(this.form.dataset.draft, { method: "POST", body: data, headers: { "X-CSRFToken": csrfToken() }, keepalive: true }).catch(() => null);
  }

  // A draft knows the last message that stood there when it began.
  forward() {
    if (this.form && !this.text.value.trim()) this.form.elements.seen.value = this.thread.newest;
  }

  // --- keys ------------------------------------------------------------------------------------------
  key(event) {
    if (event.target !== this.text || event.isComposing) return;
    if (this.choosing(event)) return;
    const modified = event.ctrlKey || event.metaKey;
    const sends = event.key === "Enter" && (modified || (this.preferences().enterSends && !event.shiftKey));
    if (sends) {
      event.preventDefault();
      this.form.requestSubmit();
    } else if (event.key === "Escape") {
      this.text.blur();
    }
  }

  input() {
    this.form.elements.client_id.value = "";
    if (!this.text.value.trim()) this.form.elements.made_from.value = "";
    this.thread.typedAt = Date.now();
    this.thread.talk?.typing(this.form.dataset.kind === "reply" && this.text.value !== "");
    this.suggest();
  }

  // --- replies kept ready, and colleagues ---------------------------------------------------------------
  async suggest() {
    const menu = document.getElementById("canned");
    const before = this.text.value.slice(0, this.text.selectionStart);
    const [sign, pattern, kind] = this.form.dataset.kind === "reply" ? ["canned", /(?:^|\n)\/([\w-]*)$/, "reply"] : ["people", /(?:^|\s)@([\w.-]*)$/, "note"];
    const asked = pattern.exec(before);
    if (!asked || this.form.dataset.kind !== kind || !this.form.dataset[sign]) return void (menu.hidden = true);
    this.ready[sign] ??= fetch(this.form.dataset[sign]).then((answer) => (answer.ok ? answer.text() : ""));
    const html = await this.ready[sign];
    if (menu.dataset.shows !== sign) menu.innerHTML = html;
    menu.dataset.shows = sign;
    const fit = [...menu.querySelectorAll("[data-fill]")].filter((item) => {
      item.hidden = !item.dataset.words.includes(asked[1].toLowerCase());
      return !item.hidden;
    });
    menu.hidden = false;
    this.mark(fit[0]);
  }

  mark(item) {
    for (const other of document.querySelectorAll("#canned [aria-selected='true']")) other.setAttribute("aria-selected", "false");
    item?.setAttribute("aria-selected", "true");
    item?.scrollIntoView({ block: "nearest" });
  }

  choosing(event) {
    const menu = document.getElementById("canned");
    if (!menu || menu.hidden) return false;
    const fit = [...menu.querySelectorAll("[data-fill]:not([hidden])")];
    const at = fit.findIndex((item) => item.getAttribute("aria-selected") === "true");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") menu.hidden = true;
    else if (step && fit.length) this.mark(fit[(at + step + fit.length) % fit.length]);
    else if (["Enter", "Tab"].includes(event.key) && fit[at]) this.fill(fit[at]);
    else return false;
    event.preventDefault();
    return true;
  }

  async fill(item) {
    if (item.dataset.mention) return this.mention(item.dataset.mention);
    const answer = await fetch(item.dataset.fill).catch(() => null);
    if (!answer?.ok) return toast(this.phrases["not-sent"]);
    const { body, made_from: madeFrom, language } = await answer.json();
    const end = this.text.selectionStart;
    const begin = item.closest("#canned") ? this.text.value.lastIndexOf("/", end - 1) : end;
    this.text.setRangeText(body, begin, end, "end");
    this.form.elements.made_from.value = madeFrom;
    this.text.lang = language;
    document.getElementById("canned").hidden = true;
    this.text.dispatchEvent(new Event("input", { bubbles: true }));
    this.pointAtSlot();
  }

  mention(name) {
    const end = this.text.selectionStart;
    this.text.setRangeText(`@${name} `, this.text.value.lastIndexOf("@", end - 1), end, "end");
    document.getElementById("canned").hidden = true;
    this.text.dispatchEvent(new Event("input", { bubbles: true }));
    this.text.focus();
  }

  // Words that were taken back stand before what was begun meanwhile.
  giveBack(body) {
    if (!this.form) return;
    this.kind("reply");
    this.text.value = this.text.value.trim() ? `${body}\n\n${this.text.value}` : body;
    this.text.dispatchEvent(new Event("input", { bubbles: true }));
    this.text.focus();
  }

  pointAtSlot() {
    const slot = SLOT.exec(this.text.value);
    if (!slot) return this.say("");
    this.text.focus();
    this.text.setSelectionRange(slot.index, slot.index + slot[0].length);
    this.say(`${this.phrases.unresolved} ${slot[0]}`);
  }

  // --- files -----------------------------------------------------------------------------------------
  attach(list) {
    for (const chosen of list) {
      const file = { name: chosen.name, id: null, part: 0 };
      this.files.push(file);
      this.upload(chosen, this.thread.talk?.id, (part) => { file.part = part; this.drawFiles(); })
        .then((id) => { file.id = id; }, (error) => { this.drop(file); toast(error.message || this.phrases.failed); })
        .finally(() => this.drawFiles());
    }
    this.drawFiles();
  }

  drop(file) {
    this.files = this.files.filter((other) => other !== file);
  }

  drawFiles() {
    const place = this.form?.querySelector("[data-attached]");
    if (!place) return;
    place.hidden = !this.files.length;
    place.replaceChildren(...this.files.map((file) => {
      const item = document.createElement("li");
      item.className = "chip";
      item.textContent = file.id ? file.name : `${file.name} ${Math.round(file.part * 100)} %`;
      return item;
    }));
  }
}
