// Files that are to go with the next message: checked, sent in parts, shown with their progress.

import { sendFile } from "./upload.js";

const MEGABYTE = 1024 * 1024;
const KINDS = /^(image\/(jpeg|png|heic|heif|tiff)|application\/pdf|video\/(mp4|quicktime))$/;
const ENDINGS = /\.(jpe?g|png|heic|heif|tiff?|pdf|mp4|mov)$/i;

export class Attachments {
  constructor(list, { words, base, headers, announce }) {
    Object.assign(this, { list, words, base, headers, announce });
    this.items = new Set();
  }

  get busy() {
    return [...this.items].some((each) => !each.upload && !each.failed);
  }

  add(files) {
    for (const file of files) this.#one(file);
  }

  /** The upload ids that are ready; the list is empty after. */
  take() {
    const ready = [...this.items].map((each) => each.upload).filter(Boolean);
    this.clear();
    return ready;
  }

  clear() {
    for (const each of this.items) each.stop.abort();
    this.items.clear();
    this.list.replaceChildren();
  }

  #refusal(file) {
    if (!KINDS.test(file.type) && !ENDINGS.test(file.name)) return this.words("file_kind");
    const most = file.type.startsWith("video/") ? 500 : 25;
    if (file.size > most * MEGABYTE) return this.words("file_size", { most });
    return file.size ? "" : this.words("file_empty");
  }

  #one(file) {
    const item = this.#draw(file);
    this.items.add(item);
    const why = this.#refusal(file);
    if (why) this.#fail(item, why);
    else this.#send(item, file);
  }

  #draw(file) {
    const row = document.getElementById("file").content.firstElementChild.cloneNode(true);
    row.querySelector("[data-name]").textContent = file.name;
    const item = { row, stop: new AbortController(), upload: null, failed: false };
    const drop = row.querySelector("button");
    drop.setAttribute("aria-label", this.words("remove_file", { name: file.name }));
    drop.addEventListener("click", () => {
      item.stop.abort();
      this.items.delete(item);
      row.remove();
    });
    this.list.append(row);
    return item;
  }

  async #send(item, file) {
    const bar = item.row.querySelector("progress");
    const onProgress = (done, all) => { bar.value = done / all; };
    const base = `${this.base()}`;
    const answer = await sendFile({ file, base, headers: this.headers(), onProgress, signal: item.stop.signal }).catch((error) => error);
    if (item.stop.signal.aborted) return;
    if (answer instanceof Error) return this.#fail(item, answer.message);
    item.upload = answer.upload;
    bar.hidden = true;
    this.announce(this.words("file_ready", { name: file.name }));
  }

  #fail(item, why) {
    item.failed = true;
    item.row.classList.add("bad");
    item.row.querySelector("progress").hidden = true;
    const place = item.row.querySelector("[data-why]");
    place.textContent = why;
    this.announce(why);
  }
}
