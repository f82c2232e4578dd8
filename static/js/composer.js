// The composer of the open case: reply, note or whisper; replies kept ready by "/"; files; what was sent.

import { csrfToken, toast } from "./base.js";
import { settled } from "./draft.js";

const MOST_TO_OUTLIVE = 5_000; // letters of a reply that a browser sends on after its page is gone
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
    this.files = [...this.form?.querySelectorAll("[data-file]") ?? []].map((item) => ({ name: item.textContent, id: item.dataset.file, part: 1 }));
    this.ready = {};
    if (!this.form) return;
    this.kind(this.form.dataset.kind);
    this.drawFiles();
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
  send({ throughPortal = false } = {}) {
    const form = this.form;
    const body = this.text.value;
    if (!body.trim() && !this.files.length) return;
    if (form.dataset.kind === "reply" && SLOT.test(body)) return this.pointAtSlot();
    if (this.files.some((file) => !file.id)) return this.say(this.phrases.uploading);
    const later = Boolean(form.elements.at?.value);
    if (form.dataset.kind === "whisper" || (this.thread.live && !later)) this.bySocket(body);
    else this.byForm(throughPortal);
  }

  // A colleague's reply was shown, and is no news any more; one that comes after it is.
  sendDespite(reply, options) {
    this.form.elements.despite.value = reply;
    this.send(options);
  }

  bySocket(body) {
    if (!this.thread.talk) return this.say(this.phrases.failed);
    this.thread.talk.send(body, { kind: this.form.dataset.kind, attachments: this.files.map((file) => file.id), madeFrom: this.form.elements.made_from.value });
    this.form.dispatchEvent(new Event("composer:sends"));
    this.clear();
    this.endDraft(this.form);
  }

  async byForm(throughPortal) {
    const form = this.form;
    if (form.hasAttribute("aria-busy")) return;
    form.setAttribute("aria-busy", "true");
    form.elements.client_id.value ||= crypto.randomUUID();
    const sent = { body: this.text.value, files: this.files, madeFrom: form.elements.made_from.value };
    const data = new FormData(form);
    if (throughPortal) data.set("through_portal", "on");
    form.dispatchEvent(new Event("composer:sends"));
    await settled(form);
    const keepalive = sent.body.length < MOST_TO_OUTLIVE;
    const answer = await fetch(form.action, { method: "POST", body: data, headers: { "X-CSRFToken": csrfToken() }, keepalive }).catch(() => null);
    const said = [201, 202, 409, 422].includes(answer?.status) ? await answer.text().catch(() => null) : null;
    form.removeAttribute("aria-busy");
    this.answered(form, sent, said === null ? 0 : answer.status, said);
  }

  // Without an answer nobody knows whether it was sent: its id stays, and what was not saved is a draft.
  answered(form, sent, status, html) {
    const done = [201, 202].includes(status);
    form.toggleAttribute("data-unsure", !status);
    if (!status) form.dispatchEvent(new Event("input"));
    if (form !== this.form) {
      if (!done) toast(this.phrases["not-sent"]);
      return;
    }
    if (!done) return this.show(html, status);
    this.clear(sent);
    if (status === 201) this.thread.insert(html);
    else this.held.show(html);
  }

  show(html, status) {
    const place = document.getElementById("composer-says");
    if (!status) return void (place.textContent = this.phrases["not-sent"]);
    place.innerHTML = html;
    if (!place.querySelector("[data-twice]")) return;
    this.form.elements.client_id.value = "";
    this.thread.refresh();
    this.held.refresh();
  }

  say(words) {
    document.getElementById("composer-says").textContent = words;
  }

  // What was sent goes; what was typed or added while it was under way stays.
  clear(sent = { body: this.text.value, files: this.files, madeFrom: this.form.elements.made_from.value }) {
    const { client_id: name, made_from: madeFrom, despite, at, even_if: evenIf } = this.form.elements;
    name.value = despite.value = at.value = "";
    evenIf.checked = false;
    if (madeFrom.value === sent.madeFrom) madeFrom.value = "";
    this.form.querySelector("details.later")?.removeAttribute("open");
    this.text.value = typedOn(this.text.value, sent.body);
    this.files = this.files.filter((file) => !sent.files.includes(file));
    this.drawFiles();
    document.getElementById("composer-says").replaceChildren();
    document.getElementById("draft-status").textContent = "";
    this.forward();
    if (this.text.value) this.text.dispatchEvent(new Event("input", { bubbles: true }));
    if (document.activeElement === document.body || this.form.contains(document.activeElement)) this.text.focus();
  }

  async endDraft(form) {
    await settled(form);
    if (form === this.form && this.text.value) return; // begun anew: its own draft takes the place
    const data = new FormData(form);
    data.set("body", "");
    fetch(form.dataset.draft, { method: "POST", body: data, headers: { "X-CSRFToken": csrfToken() }, keepalive: true }).catch(() => null);
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
    this.changed();
    if (!this.text.value.trim()) this.form.elements.made_from.value = "";
    this.thread.typedAt = Date.now();
    this.thread.talk?.typing(this.form.dataset.kind === "reply" && this.text.value !== "");
    this.suggest();
  }

  // Other words are another reply; but what may have been sent keeps its id, so that it can't go twice.
  changed() {
    if (!this.form.matches("[aria-busy], [data-unsure]")) this.form.elements.client_id.value = "";
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
    const form = this.form;
    const answer = await fetch(item.dataset.fill).catch(() => null);
    if (!answer?.ok) return toast(this.phrases["not-sent"]);
    const { body, made_from: madeFrom, language } = await answer.json();
    if (form !== this.form) return; // another customer's case stands open now
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

  // Words that were taken back stand before what was begun meanwhile, with their files.
  giveBack({ body, files, made_from: madeFrom }) {
    if (!this.form) return;
    const begun = this.text.value.trim() !== "";
    if (!begun) this.kind("reply");
    this.form.elements.made_from.value = begun ? "" : madeFrom;
    this.text.value = begun ? `${body}\n\n${this.text.value}` : body;
    this.files = [...files.map((file) => ({ ...file, part: 1 })), ...this.files];
    this.drawFiles();
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
    place.replaceChildren(...this.files.map((file) => this.chip(file, place.dataset.remove)));
    const named = this.files.filter((file) => file.id).map((file) => file.id).join(",");
    const { attachments } = this.form.elements;
    if (attachments.value === named) return;
    attachments.value = named;
    this.changed();
    this.form.dispatchEvent(new Event("input"));
  }

  chip(file, remove) {
    const item = document.createElement("li");
    item.className = "chip";
    const words = document.createElement("span");
    words.textContent = file.id ? file.name : `${file.name} ${Math.round(file.part * 100)} %`;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-quiet btn-small";
    button.textContent = "×";
    button.setAttribute("aria-label", `${remove}: ${file.name}`);
    button.addEventListener("click", () => {
      this.drop(file);
      this.drawFiles();
      this.text.focus();
    });
    item.append(words, button);
    return item;
  }
}

function typedOn(now, sent) {
  return now.startsWith(sent) ? now.slice(sent.length).trimStart() : now;
}
