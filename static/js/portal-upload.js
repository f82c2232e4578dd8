// Files chosen or dropped on a <form data-upload>, several at a time, each with its progress. What was not
// finished before a reload is named, and goes on when the same file is chosen again.

import { announce, csrfToken } from "./base.js";
import { sendFile } from "./upload.js";

const AT_ONCE = 2;

class Sender {
  constructor(form) {
    this.form = form;
    this.words = form.dataset;
    this.list = form.querySelector("[data-upload-list]");
    this.input = form.querySelector("input[type=file]");
    this.waiting = [];
    this.running = 0;
    this.unfinished = [];
    this.sent = 0;
  }

  begin() {
    for (const place of this.form.querySelectorAll("[data-script-only]")) place.hidden = false;
    for (const place of this.form.querySelectorAll("[data-plain-only]")) place.hidden = true;
    this.input.multiple = true;
    this.input.required = false;
    this.input.addEventListener("change", () => this.chosen());
    const drop = this.form.querySelector(".drop");
    for (const kind of ["dragover", "drop"]) drop.addEventListener(kind, (event) => event.preventDefault());
    drop.addEventListener("drop", (event) => this.take(event.dataTransfer.files));
    this.form.addEventListener("submit", (event) => { if (!this.form.hasAttribute("data-upload-within")) event.preventDefault(); });
    if (!this.form.hasAttribute("data-upload-within")) this.findUnfinished();
    if (this.input.files.length) this.chosen();  // before this script had come
  }

  chosen() {
    this.take([...this.input.files]);
    this.input.value = "";
  }

  headers() {
    return { "X-CSRFToken": csrfToken() };
  }

  async findUnfinished() {
    const answer = await fetch(this.words.base, { headers: { Accept: "application/json" } }).catch(() => null);
    this.unfinished = answer?.ok ? (await answer.json()).uploads : [];
    for (const upload of this.unfinished) {
      const row = this.row(upload.filename);
      row.dataset.resumes = upload.upload;
      this.say(row, this.words.resume, Math.round((100 * upload.offset) / upload.size));
      row.querySelector("[data-stop-upload]").addEventListener("click", () => this.giveUp(row, upload.upload));
    }
  }

  async giveUp(row, ref) {
    await fetch(`${this.words.base}${ref}/withdraw/`, { method: "POST", headers: this.headers() }).catch(() => null);
    row.remove();
  }

  row(name) {
    const row = document.getElementById("upload-row").content.cloneNode(true).firstElementChild;
    row.querySelector("[data-name]").textContent = name;
    row.setAttribute("aria-label", name);
    this.list.append(row);
    return row;
  }

  say(row, text, percent) {
    row.querySelector("[data-state]").textContent = text;
    if (percent !== undefined) row.querySelector("progress").value = percent;
  }

  kind() {
    return this.form.elements.kind?.value ?? this.words.kind;
  }

  take(files) {
    const kind = this.kind();
    if (!kind) {
      announce(this.words.choose);
      this.form.elements.kind.setCustomValidity(this.words.choose);
      this.form.elements.kind.reportValidity();
      this.form.elements.kind.addEventListener("change", (event) => event.target.setCustomValidity(""), { once: true });
      return;
    }
    for (const file of files) this.waiting.push({ file, kind, resume: this.known(file) });
    this.next();
  }

  known(file) {
    const found = this.unfinished.find((upload) => upload.filename === file.name && upload.size === file.size);
    if (!found) return null;
    this.list.querySelector(`[data-resumes="${found.upload}"]`)?.remove();
    return found.upload;
  }

  next() {
    while (this.running < AT_ONCE && this.waiting.length) {
      this.running += 1;
      this.send(this.waiting.shift()).finally(() => { this.running -= 1; this.next(); });
    }
    if (!this.running && this.sent && !this.form.hasAttribute("data-upload-within")) location.reload();
  }

  async send({ file, kind, resume }) {
    const row = this.row(file.name);
    const stop = new AbortController();
    const button = row.querySelector("[data-stop-upload]");
    let ref = resume;
    button.addEventListener("click", () => { stop.abort(); if (ref) this.giveUp(row, ref); else row.remove(); });
    try {
      const done = await sendFile({
        file, base: this.words.base, headers: this.headers(), resume, signal: stop.signal,
        about: { kind, patient: this.words.patient },
        onProgress: (sent, size, upload) => { ref = upload; this.say(row, `${Math.round((100 * sent) / size)} %`, (100 * sent) / size); },
      });
      this.arrived(row, done);
    } catch (failure) {
      if (failure.code !== "stopped") this.say(row, failure.message === failure.code ? this.words.failed : failure.message, 0);
      announce(this.words.failed);
    }
  }

  arrived(row, done) {
    this.sent += 1;
    this.say(row, this.words.sent, 100);
    announce(this.words.sent);
    if (!this.form.hasAttribute("data-upload-within")) return;
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: "documents", value: done.document.ref });
    row.append(field);
    row.querySelector("[data-stop-upload]").addEventListener("click", () => row.remove());
  }
}

for (const form of document.querySelectorAll("[data-upload]")) new Sender(form).begin();
