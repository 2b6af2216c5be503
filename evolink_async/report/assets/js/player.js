// The window of one job: its film, and all that is known of it.

const player = { dialog: null, list: [], at: 0, opener: null };

/** Open the window of a job; `list` is what "next" goes through. */
function openJob(job, list = [job]) {
  player.opener = document.activeElement;
  player.list = list;
  player.at = Math.max(0, list.findIndex((one) => one.place === job.place));
  player.dialog = el("dialog", { "aria-labelledby": "player-title", onclose: closed, onclick: aside, onkeydown: arrows });
  document.body.append(player.dialog);
  player.dialog.showModal();
  show();
}

function closed() {
  const { dialog, opener } = player;
  // A film that was removed while it plays would go on in some browsers.
  for (const video of dialog.querySelectorAll("video")) video.pause();
  dialog.remove();
  player.dialog = null;
  const job = player.list[player.at];
  const place = job && document.querySelector(`.card[data-place="${job.place}"] button`);
  (place ?? opener)?.focus?.();
}

function aside(event) {
  if (event.target === player.dialog) player.dialog.close();
}

function arrows(event) {
  if (event.target.tagName === "VIDEO" || event.target.tagName === "INPUT") return;
  if (event.key === "ArrowRight") go(1);
  if (event.key === "ArrowLeft") go(-1);
}

function go(step) {
  const next = player.at + step;
  if (!player.list[next]) return;
  player.at = next;
  show();
}

/** Show the job again if it has changed while its window is open, but do not disturb a film that plays. */
function refreshPlayer() {
  if (!player.dialog) return;
  player.list = player.list.map((job) => jobs.get(job.place) ?? job);
  if (!player.dialog.querySelector("video")) show();
}

function show() {
  const job = player.list[player.at];
  const focused = player.dialog.contains(document.activeElement) ? document.activeElement.dataset.act : null;
  player.dialog.className = job.state;
  player.dialog.replaceChildren(el("div", { class: "player" }, stage(job), about(job)));
  const video = player.dialog.querySelector("video");
  const again = focused && player.dialog.querySelector(`[data-act="${focused}"]:not(:disabled)`);
  (again || video || player.dialog.querySelector('[data-act="close"]')).focus();
  tick();
}

function stage(job) {
  const film = filmOf(job);
  if (film) {
    const label = `Film of ${job.key}`;
    const video = el("video", { src: film.href, controls: true, loop: true, playsinline: true, poster: job.poster, "aria-label": label });
    // Where a browser wants a click before there is sound, the controls are there.
    video.play().catch(() => {});
    return el("div", { class: "stage" }, video);
  }
  const [word, more] = standing(job);
  return el("div", { class: "stage none" }, icon(job.state === "ready" ? "film" : job.state), el("b", {}, word), clockOf(job),
    more && el("p", {}, more), job.problem && el("p", { class: "soft" }, job.problem.advice));
}

function about(job) {
  const button = (act, name, label, step, disabled) =>
    el("button", { class: "round", type: "button", "data-act": act, "aria-label": label, title: label, disabled, onclick: () => (step ? go(step) : player.dialog.close()) }, icon(name));
  return el("div", { class: "about" },
    el("header", {},
      el("h2", { id: "player-title", class: "mono" }, job.key),
      el("span", { class: "row" },
        button("previous", "left", "Previous job", -1, player.at === 0),
        button("next", "right", "Next job", 1, player.at >= player.list.length - 1),
        button("close", "close", "Close", 0, false))),
    el("p", { class: "text" }, promptOf(job), job.is_cut && el("span", { class: "soft" }, " … (cut: too long for this page)")),
    el("dl", { class: "pairs" }, [...pairs(job)].flat()),
    times(job),
    el("div", { class: "row" },
      el("button", { class: "button", type: "button", "data-act": "copy", onclick: () => copyLines([job]) }, icon("copy"), "Copy as JSONL"),
      filmOf(job) && el("a", { class: "button", href: filmOf(job).href, download: filmOf(job).name }, "Save a copy")));
}

function* pairs(job) {
  const pair = (name, value) => (value === null || value === undefined || value === "" ? [] : [el("dt", {}, name), el("dd", {}, value)]);
  const { prompt, model, ...rest } = job.body ?? {};
  yield pair("State", STATES[job.state]);
  yield pair("Model", job.model);
  yield pair("Credits", job.credits === undefined ? "" : `${exact.format(job.credits)} ${job.state === "ready" ? "charged" : "held"}`);
  for (const [name, value] of Object.entries(rest)) {
    yield pair(name[0].toUpperCase() + name.slice(1).replaceAll("_", " "), valueOf(value));
  }
  for (const address of job.links ?? []) yield pair("Link", el("span", {}, link(address, "Open the result"), ` · ${expiry(job)}`));
  for (const film of job.films ?? []) yield pair("File", el("span", { title: film.path }, film.name, film.size_bytes ? ` · ${size(film.size_bytes)}` : ""));
  yield pair("Task", job.task_id && el("span", { class: "mono" }, job.task_id));
  if (job.earlier_tasks) yield pair("Tasks that failed before", job.earlier_tasks.join(", "));
  yield pair("Sent", job.sent_at ? exactly(job.sent_at) : "");
  yield pair("Polls", job.polls);
  if (job.problem && filmOf(job) === undefined) yield pair("Code", job.problem.code);
}

/** A parameter: a link as one, named like its file; anything else as its text. */
function valueOf(value) {
  if (Array.isArray(value)) return value.slice(0, 20).map((one) => el("span", { class: "item" }, valueOf(one)));
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (/^https?:/i.test(text)) return link(text, decoded(text.split(/[?#]/)[0].split("/").pop()) || text);
  return text.length > 300 ? `${text.slice(0, 300)} …` : text;
}

function decoded(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

/** What the time of a job went into, as a bar and in words. */
function times(job) {
  const found = phases(job);
  if (!found.length) return null;
  return el("div", {},
    el("div", { class: "phases", "aria-hidden": "true" }, found.map(([name, seconds]) => {
      const piece = el("i", { class: `p-${name}` });
      piece.style.flexGrow = seconds;
      return piece;
    })),
    el("p", { class: "legend" }, found.map(([name, seconds]) => el("span", { class: `p-${name}` }, `${PHASES[name]} `, el("b", {}, lasting(seconds))))));
}
