// The chat inside the widget's frame: notice first, then the thread. Nothing of what is said stays in the
// browser: the tab remembers the conversation's id and its ticket, the server the rest.

import { announce } from "./base.js";
import { ChatClient } from "./chat-core.js";
import { ask } from "./dialog.js";
import { ThreadView, readWords } from "./thread-view.js";
import { Attachments } from "./widget-files.js";

const KEY = "chat";
const page = document.getElementById("chat");
const { start, base, socket, identity, host } = page.dataset;
const words = readWords();
const part = (name) => page.querySelector(`[data-part="${name}"]`);
const thread = part("thread");
const composer = part("composer");
const field = composer.querySelector("textarea");

let client = null;
let talk = null;
let unread = 0;
let shown = window.parent === window;
let state = { state: "bot", queue: null, agent: null };

// --- what the tab remembers --------------------------------------------------------------------------
// A browser may deny a foreign page's frame any storage; then the chat lasts as long as that page.
const store = (() => {
  const kept = new Map();
  const own = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key) };
  try { return globalThis.sessionStorage ?? own; } catch { return own; }
})();

function recall() {
  const kept = JSON.parse(store.getItem(KEY) ?? "null");
  if (kept?.identity === identity) return kept;
  store.removeItem(KEY);
  return null;
}

function remember(begun) {
  store.setItem(KEY, JSON.stringify({ conversation: begun.conversation, socket: begun.socket, ticket: begun.ticket, identity }));
}

/** Somebody who signed in is known by their cookie; a proof beside it need not lie in the tab. */
const known = (begun) => (identity === "guest" ? begun : { ...begun, ticket: "" });
const ticket = () => recall()?.ticket ?? "";
const bearer = () => (ticket() ? { Authorization: `Bearer ${ticket()}` } : {});

// --- the page round it -------------------------------------------------------------------------------
function tell(type, more = {}) {
  if (window.parent !== window) window.parent.postMessage({ dme: 1, type, ...more }, host);
}

window.addEventListener("message", (event) => {
  if (event.origin !== host || event.source !== window.parent || event.data?.dme !== 1) return;
  shown = event.data.type === "open";
  if (shown) seen();
  if (shown) (talk ? field : part("begin").querySelector("input, select, button"))?.focus();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) tell("close");
});

// --- HTTP --------------------------------------------------------------------------------------------
async function http(method, path, body) {
  const headers = { ...bearer(), "Content-Type": "application/json" };
  const answer = await fetch(base + path, { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(12_000) });
  const retryAfter = Number(answer.headers.get("Retry-After")) || 0;
  const status = method === "GET" && answer.status === 403 ? 401 : answer.status; // no longer ours: as signed out
  return { status, body: await answer.json().catch(() => ({})), retryAfter };
}

// --- showing -----------------------------------------------------------------------------------------
const view = new ThreadView(thread, {
  words,
  onRetry: (entry) => { view.drop(entry); talk.retry(entry.client_id); },
  onDiscard: (entry) => talk.discard(entry.client_id),
  onChoice: (choice) => talk.send(choice.label, { choice: choice.value }),
  onForm: (form) => drawForm(form),
  onFile: (file) => fetchFile(file),
});
const files = new Attachments(part("pending"), { words, base: () => `${base}${talk.id}/uploads/`, headers: bearer, announce });

// A link could not carry the ticket, so the file is fetched and handed to the browser to keep.
async function fetchFile({ id, name }) {
  const answer = await fetch(`${base}${talk.id}/files/${id}`, { headers: bearer() }).catch(() => null);
  if (!answer?.ok) return announce(words("file_unread", { name }));
  const address = URL.createObjectURL(await answer.blob());
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function show(name) {
  for (const each of ["begin", "talk"]) part(each).hidden = each !== name;
  for (const each of page.querySelectorAll("[data-talking]")) each.hidden = name !== "talk";
}

function seen() {
  unread = 0;
  tell("unread", { count: 0 });
  if (talk && shown && !document.hidden) talk.read(talk.last);
}

function drawState() {
  const queued = state.state === "queued";
  const closed = state.state === "closed";
  const card = part("queue");
  card.hidden = !queued;
  if (queued && state.queue) {
    const { position, wait_low_s: low, wait_high_s: high } = state.queue;
    const minutes = { low: Math.max(1, Math.floor(low / 60)), high: Math.max(1, Math.ceil(high / 60)) };
    card.querySelector("[data-place]").textContent = words("place", { position });
    card.querySelector("[data-wait]").textContent = words(minutes.low === minutes.high ? "wait_one" : "wait", minutes);
  }
  part("with").textContent = state.agent ? words("with", { name: state.agent.name }) : words(closed ? "closed" : queued ? "queued" : "bot");
  part("person").hidden = closed;
  part("end").hidden = closed;
  composer.hidden = closed;
  part("ended").hidden = !closed;
  if (closed) client?.stop();
}

function drawConnection(name) {
  const line = part("connection");
  const said = { connecting: "", live: "", stopped: "" }[name] ?? words(`connection_${name}`);
  line.textContent = said;
  line.hidden = !said;
}

function heard(name, detail) {
  if (name === "message") message(detail);
  else if (name === "entry") view.entry(detail.entry);
  else if (name === "state") { state = detail; drawState(); }
  else if (name === "read" && !view.mine.has(detail.role)) view.read(detail.seq);
  else if (name === "typing" && !view.mine.has(detail.role)) part("typing").hidden = !detail.on;
  else if (name === "form") formResult(detail);
  else if (name === "connection") connection(detail.state);
}

function message(frame) {
  const { own } = view.message(frame);
  if (own) return;
  if (shown && !document.hidden) return talk.read(frame.seq);
  unread += 1;
  tell("unread", { count: unread });
}

function connection(name) {
  drawConnection(name);
  if (name === "signed-out" || name === "refused") forget(words("signed_out"));
}

// --- forms that a message carries --------------------------------------------------------------------
const formsOut = new Map();

function drawForm(form) {
  const drawn = document.createElement("form");
  drawn.className = "form";
  for (const each of form.fields ?? []) {
    const label = Object.assign(document.createElement("label"), { className: "field", textContent: each.label });
    label.append(Object.assign(document.createElement("input"), { name: each.name, type: each.type ?? "text", required: each.required ?? true, autocomplete: "off", min: each.min ?? "", max: each.max ?? "" }));
    drawn.append(label);
  }
  const answer = Object.assign(document.createElement("p"), { className: "small" });
  answer.setAttribute("role", "status");
  drawn.append(answer, Object.assign(document.createElement("button"), { className: "btn btn-primary", textContent: form.submit ?? words("send") }));
  drawn.addEventListener("submit", (event) => {
    event.preventDefault();
    const [name, values] = [form.form ?? form.name, Object.fromEntries(new FormData(drawn))];
    if (state.state === "closed") formAfterEnd(name, values, { drawn, answer });
    else formsOut.set(talk.submitForm(name, values), { drawn, answer });
  });
  return drawn;
}

// The socket is shut once a conversation has ended; what is asked at its end goes by itself.
async function formAfterEnd(name, values, out) {
  const clientId = crypto.randomUUID();
  formsOut.set(clientId, out);
  const told = await http("POST", `${talk.id}/forms`, { client_id: clientId, form: name, values }).catch(() => null);
  formResult(told?.status === 200 ? told.body : { client_id: clientId, ok: false, detail: words("error_unavailable") });
}

function formResult({ client_id: clientId, ok, detail }) {
  const out = formsOut.get(clientId);
  if (!out) return;
  formsOut.delete(clientId);
  out.drawn.removeAttribute("aria-busy");
  out.answer.textContent = detail ?? "";
  if (ok) for (const each of out.drawn.elements) each.disabled = true;
}

// --- beginning and ending ----------------------------------------------------------------------------
function connect({ conversation, socket: address, ticket: mine }) {
  show("talk");
  drawState();
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  client = new ChatClient({
    socket: `${scheme}//${location.host}${address ?? `${socket}${conversation}/`}`,
    protocols: mine ? [`ticket.${mine}`] : [], http, listen: heard,
  });
  talk = client.follow(conversation);
  client.start();
}

async function begin(event) {
  event.preventDefault();
  const form = event.target;
  const asked = Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
  asked.notice_accepted = form.elements.notice_accepted.checked;
  const body = JSON.stringify(asked);
  const headers = { "Content-Type": "application/json", "Accept-Language": document.documentElement.lang };
  const answer = await fetch(start, { method: "POST", headers, body }).catch(() => null);
  form.removeAttribute("aria-busy");
  const begun = answer?.ok ? await answer.json() : null;
  part("trouble").hidden = Boolean(begun);
  if (!begun) {
    const why = answer?.status === 429 ? "error_rate_limited" : answer?.status === 400 ? "error_notice" : "error_unavailable";
    part("trouble").textContent = words(why);
    return;
  }
  remember(known(begun));
  connect(known(begun));
  field.focus();
}

function forget(why = "") {
  store.removeItem(KEY);
  client?.stop();
  client = talk = null;
  state = { state: "bot", queue: null, agent: null };
  view.clear();
  files.clear();
  show("begin");
  part("trouble").hidden = !why;
  part("trouble").textContent = why;
}

async function end() {
  if (!(await ask(words("really_close"), words("yes_close")))) return;
  const answer = await http("POST", `${talk.id}/close`, {}).catch(() => ({ status: 0 }));
  if (answer.status >= 200 && answer.status < 300) {
    state = { ...state, state: "closed" };
    drawState();
  } else announce(words("error_unavailable"));
}

function saveTranscript() {
  const address = URL.createObjectURL(new Blob([view.transcript()], { type: "text/plain" }));
  Object.assign(document.createElement("a"), { href: address, download: "chat.txt" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

// --- writing -----------------------------------------------------------------------------------------
function send(event) {
  event?.preventDefault();
  composer.removeAttribute("aria-busy");
  const body = field.value.trim();
  if (files.busy) return announce(words("still_sending"));
  const attachments = files.take();
  if (!body && !attachments.length) return;
  talk.send(body || words("sent_files"), { attachments });
  field.value = "";
  talk.typing(false);
  view.toEnd();
}

const others = new BroadcastChannel("idle");
field.addEventListener("input", () => {
  talk.typing(Boolean(field.value));
  others.postMessage("active");
});
field.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send(event);
});
field.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) files.add(event.clipboardData.files);
});
composer.addEventListener("submit", send);
composer.addEventListener("dragover", (event) => event.preventDefault());
composer.addEventListener("drop", (event) => { event.preventDefault(); files.add(event.dataTransfer.files); });
part("files").addEventListener("change", (event) => { files.add(event.target.files); event.target.value = ""; });
part("begin").addEventListener("submit", begin);
part("end").addEventListener("click", end);
part("again").addEventListener("click", () => forget());
part("transcript").addEventListener("click", saveTranscript);
part("person").addEventListener("click", () => {
  if (state.state === "bot") talk.send(words("person"), { choice: "person" });
  else announce(part("with").textContent);
});
part("call-back").addEventListener("click", () => talk.send(words("call_back"), { choice: "call_back" }));
part("shut").addEventListener("click", () => tell("close"));
document.addEventListener("visibilitychange", seen);

const before = recall();
if (before) connect(before);
else show("begin");
tell("ready");
