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

// A part the server has no use for is answered with where it is; the same answer again and again is no way on.
function nextOffset(answer, offset) {
  const said = answer.body.error?.offset;
  return answer.status === 409 && said >= 0 && said !== offset ? said : orFail(answer).offset;
}

/** Resolves to what the server says of the finished upload: `{upload, state, document}`. */
export async function sendFile({ file, base, headers = {}, about = {}, resume = null, onProgress = () => {}, signal }) {
  const within = base.replace(/\/?$/, "/");
  const plain = { ...headers, Accept: "application/json" };
  const json = { ...plain, "Content-Type": "application/json" };
  const described = { filename: file.name, size: file.size, type: file.type, ...about };
  const begun = resume
    ? orFail(await ask(`${within}${resume}/`, { headers: plain, signal }))
    : orFail(await ask(base, { method: "POST", headers: json, body: JSON.stringify(described), signal }));
  const type = { ...plain, "Content-Type": "application/octet-stream" };
  let { offset } = begun;
  while (offset < file.size) {
    onProgress(offset, file.size, begun.upload);
    const body = file.slice(offset, offset + PART);
    const answer = await ask(`${within}${begun.upload}/?offset=${offset}`, { method: "PUT", headers: type, body, signal });
    offset = nextOffset(answer, offset);
  }
  onProgress(file.size, file.size, begun.upload);
  return orFail(await ask(`${within}${begun.upload}/finish/`, { method: "POST", headers: json, body: "{}", signal }));
}
