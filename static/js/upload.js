// Sends a file in parts of at most 2 MiB that may be sent again: begin, parts, finish.
// `base` is an address such as /uploads/ or /chat/<id>/uploads/; answers are those of portal/views/uploads.py.

const PART = 2 * 1024 * 1024;
const TRIES = 5;

export class UploadFailed extends Error {
  constructor(code, detail) {
    super(detail || code);
    this.code = code;
  }
}

const wait = (span) => new Promise((resolve) => { setTimeout(resolve, span); });

async function ask(address, options, tries = TRIES) {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await fetch(address, options).catch((error) => {
      if (options.signal?.aborted) throw new UploadFailed("stopped");
      return { ok: false, status: 0, error };
    });
    const body = answer.status ? await answer.json().catch(() => ({})) : {};
    const passing = answer.status === 0 || answer.status === 503 || answer.status === 429;
    if (!passing || attempt >= tries) return { ok: answer.ok, status: answer.status, body };
    await wait(Math.random() * 500 * 2 ** attempt);
  }
}

function orFail(answer) {
  if (answer.ok) return answer.body;
  throw new UploadFailed(answer.body.error?.code ?? "unavailable", answer.body.error?.detail);
}

/** Resolves to what the server says of the finished upload: `{upload, state, document}`. */
export async function sendFile({ file, base, headers = {}, about = {}, resume = null, onProgress = () => {}, signal }) {
  const json = { ...headers, "Content-Type": "application/json" };
  const described = { filename: file.name, size: file.size, type: file.type, ...about };
  const begun = resume
    ? orFail(await ask(`${base}${resume}/`, { headers, signal }))
    : orFail(await ask(base, { method: "POST", headers: json, body: JSON.stringify(described), signal }));
  let { offset } = begun;
  while (offset < file.size) {
    onProgress(offset, file.size, begun.upload);
    const body = file.slice(offset, offset + PART);
    const type = { ...headers, "Content-Type": "application/octet-stream" };
    const answer = await ask(`${base}${begun.upload}/?offset=${offset}`, { method: "PUT", headers: type, body, signal });
    offset = answer.status === 409 && answer.body.error?.offset >= 0 ? answer.body.error.offset : orFail(answer).offset;
  }
  onProgress(file.size, file.size, begun.upload);
  return orFail(await ask(`${base}${begun.upload}/finish/`, { method: "POST", headers: json, body: "{}", signal }));
}
