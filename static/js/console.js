// The agents' desk: joins the socket, the queue, the thread, the composer and the keys on one page.

import { csrfToken, toast } from "./base.js";
import { ChatClient } from "./chat-core.js";
import { Composer } from "./composer.js";
import { Queue } from "./console-queue.js";
import { chime } from "./console-sound.js";
import { Thread } from "./console-thread.js";
import { Keys, listen as listenForKeys } from "./keys.js";
import { Palette } from "./palette.js";
import { sendFile } from "./upload.js";

const POLL_EVERY = 10_000;

const desk = document.querySelector("[data-desk]");
const phrases = kebabs(document.querySelector("[data-phrases]"));
const client = new ChatClient({ socket: desk.dataset.socket, http: overHttp, listen: heard });
const thread = new Thread(desk, { client, phrases });
const queue = new Queue(desk, { isOpen: (number) => thread.isOpen(number) });
const composer = new Composer({ thread, phrases, preferences, upload });
const does = {
  next: () => queue.move(1),
  previous: () => queue.move(-1),
  reply: () => composer.write("reply"),
  note: () => composer.write("note"),
  assign: () => press("assign"),
  transfer: () => press("transfer"),
  close: () => press("close"),
  find: () => palette.open(),
  "new-case": () => palette.open(),
  keys: () => document.querySelector('[data-key="?"]').click(),
};
const palette = new Palette(document.getElementById("palette"), { does });
const keys = new Keys({ does, goes, enabled: () => preferences().shortcuts });

function kebabs(place) {
  return Object.fromEntries([...place.attributes].filter(({ name }) => name.startsWith("data-")).map(({ name, value }) => [name.slice(5), value]));
}

function preferences() {
  const kept = document.querySelector("[data-preferences]")?.dataset ?? {};
  return { shortcuts: kept.shortcuts !== "no", enterSends: kept.enterSends === "yes", sounds: kept.sounds ?? "mine" };
}

function press(act) {
  const button = document.querySelector(`[data-case-actions] [data-act="${act}"]`);
  if (button) button.click();
}

function goes(letter) {
  const link = document.querySelector(`#rail [data-goes="${CSS.escape(letter)}"]`);
  link?.click();
  return Boolean(link);
}

// --- the socket, and what stands in for it -------------------------------------------------------------
async function overHttp(method, path, body) {
  const headers = { "X-CSRFToken": csrfToken(), ...(body ? { "Content-Type": "application/json" } : {}) };
  const answer = await fetch(`/chat/${path}`, { method, headers, body: body && JSON.stringify(body) });
  const retryAfter = Number(answer.headers.get("Retry-After")) || 0;
  return { status: answer.status, retryAfter, body: await answer.json().catch(() => null) };
}

async function upload(file, conversation, onPart) {
  const done = await sendFile({
    file, base: desk.dataset.uploads.replace(desk.dataset.nobody, conversation), headers: { "X-CSRFToken": csrfToken() },
    about: { kind: "other" }, onProgress: (sent, size) => onPart(size ? sent / size : 0),
  });
  return done.document ?? done.upload;
}

const FRAMES = {
  connection: ({ state }) => connection(state),
  message: (frame) => message(frame),
  entry: (detail) => thread.entry(detail),
  read: (frame) => thread.readBy(frame),
  typing: (frame) => thread.typing(frame),
  viewing: (frame) => thread.viewing(frame),
  state: (frame) => stateOf(frame),
  "queue.changed": (frame) => queueChanged(frame),
  "case.changed": (frame) => caseChanged(frame),
  error: (frame) => composer.say(frame.detail ?? ""),
};

function heard(name, detail) {
  FRAMES[name]?.(detail);
}

function connection(state) {
  const told = document.getElementById("connection");
  told.hidden = ["live", "connecting", "idle"].includes(state);
  told.textContent = state === "signed-out" ? phrases["signed-out"] : phrases.offline;
  if (state === "signed-out") location.reload();
}

function message(frame) {
  thread.arrived(frame);
  composer.forward();
}

let waitingChats = null;

function queueChanged({ counts }) {
  queue.counted();
  if (waitingChats !== null && counts.queued > waitingChats && preferences().sounds === "all") ring();
  waitingChats = counts.queued;
}

function caseChanged({ number, what, conversation }) {
  queue.changed(number);
  queue.counted();
  const { sounds } = preferences();
  const open = thread.isOpen(number);
  if (what === "message") {
    const hidden = document.visibilityState === "hidden" || !open;
    if (hidden && (sounds === "all" || (sounds === "mine" && queue.serves(conversation)))) ring();
    if (open && conversation !== thread.talk?.id) thread.refresh();
  } else if (open) renewHead();
}

function stateOf({ conversation }) {
  if (conversation === thread.talk?.id) renewHead();
}

function ring() {
  chime({ onBlocked: () => toast(phrases.blocked) });
}

let headTimer = null;

function renewHead() {
  headTimer ??= setTimeout(async () => {
    headTimer = null;
    const head = document.getElementById("case-head");
    if (!head) return;
    const answer = await fetch(head.dataset.head).catch(() => null);
    if (!answer?.ok || head !== document.getElementById("case-head")) return;
    const before = thread.facts.caseState;
    head.innerHTML = await answer.text();
    globalThis.htmx.process(head);
    thread.follow();
    await thread.refresh();
    if ((before === "closed") !== (thread.facts.caseState === "closed")) openCase(head.dataset.case);
  }, 150);
}

function openCase(number) {
  globalThis.htmx.ajax("GET", desk.dataset.case.replace("NUMBER", number), { target: "#main", swap: "innerHTML" });
}

async function poll() {
  if (client.state === "live") return;
  const body = new URLSearchParams({ view: desk.dataset.view });
  const answer = await fetch(desk.dataset.poll, { method: "POST", body, headers: { "X-CSRFToken": csrfToken() } }).catch(() => null);
  if (!answer?.ok) return;
  const { counts, stamp } = await answer.json();
  queue.showCounts(counts);
  if (queue.rows && queue.rows.dataset.stamp !== stamp) queue.all();
}

// --- what is clicked and typed -------------------------------------------------------------------------
function show(pane) {
  desk.dataset.pane = pane;
  for (const button of document.querySelectorAll("[data-show]")) {
    button.setAttribute("aria-pressed", String(button.dataset.show === pane));
  }
}

async function openDialog(address) {
  const dialog = document.getElementById("work");
  await globalThis.htmx.ajax("GET", address, { target: dialog.querySelector("[data-dialog-body]"), swap: "innerHTML" });
  if (!dialog.open) dialog.showModal();
  dialog.querySelector("form :is(input:not([type=hidden]), select, textarea)")?.focus();
}

function clicked(event) {
  const at = (selector) => event.target.closest?.(selector);
  if (at("[data-show]")) show(at("[data-show]").dataset.show);
  else if (at("[data-toggle-beside]")) show(desk.dataset.pane === "context" ? "thread" : "context");
  else if (at("[data-dialog]")) openDialog(at("[data-dialog]").dataset.dialog);
  else if (at(".compose-tabs [data-kind]")) composer.write(at("[data-kind]").dataset.kind);
  else if (at("[data-send-anyway]")) composer.send(true);
  else if (at("[data-fill]")) composer.fill(at("[data-fill]"));
  else if (at("[data-sound-test]")) ring();
  else if (at("[data-retry]")) thread.retry(event);
  if (at("[data-opens-case]")) document.getElementById("work").close();
}

function submitted(event) {
  if (!event.target.matches?.("[data-composer]")) return;
  event.preventDefault();
  composer.send();
}

function typed(event) {
  if (event.target.id === "composer-body") composer.input();
}

function swapped({ detail: { target } }) {
  if (target.id === "main") {
    show("thread");
    thread.open();
    composer.open();
    queue.mark();
    document.getElementById("beside").replaceChildren();
  } else if (target.id === "queue") {
    desk.dataset.view = queue.rows?.dataset.list ?? desk.dataset.view;
    for (const link of document.querySelectorAll("[data-view-link]")) {
      if (link.dataset.viewLink === desk.dataset.view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    queue.mark();
  } else if (target.id === "rail") {
    queue.mark();
    queue.title();
  }
}

// Forms that come back to be corrected, and conflicts, are shown like any other answer.
function beforeSwap({ detail }) {
  if ([409, 422].includes(detail.xhr.status) && detail.target.matches("[data-dialog-body]")) {
    detail.shouldSwap = true;
    detail.isError = false;
  }
}

function acted({ detail: { number } }) {
  document.getElementById("work").close();
  queue.changed(number);
  queue.counted();
  if (thread.isOpen(number)) openCase(number);
}

function pasted(event) {
  const files = [...(event.clipboardData ?? event.dataTransfer)?.files ?? []];
  if (!files.length || !event.target.closest?.("#composer, #thread")) return;
  event.preventDefault();
  composer.attach(files);
}

document.addEventListener("click", clicked);
document.addEventListener("submit", submitted);
document.addEventListener("input", typed);
document.addEventListener("keydown", (event) => composer.key(event));
document.addEventListener("paste", pasted);
document.addEventListener("drop", pasted);
document.addEventListener("dragover", (event) => event.target.closest?.("#composer, #thread") && event.preventDefault());
document.addEventListener("change", (event) => event.target.matches?.("[data-attach]") && composer.attach(event.target.files));
document.addEventListener("visibilitychange", () => thread.seen());
document.addEventListener("htmx:afterSwap", swapped);
document.addEventListener("htmx:beforeSwap", beforeSwap);
document.addEventListener("case-acted", acted);
document.addEventListener("queue-changed", () => queue.counted());
document.addEventListener("preferences-changed", () => {
  document.getElementById("work").close();
  queue.counted();
});
listenForKeys(keys);
setInterval(poll, POLL_EVERY);
thread.open();
composer.open();
queue.mark();
queue.title();
client.start();
