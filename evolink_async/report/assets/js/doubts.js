// Jobs that may have been paid for: what to look for, and how to settle them.

const quoted = (text) => (/^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`);

function doubtsView(place) {
  let shown = null;
  const update = () => {
    const some = inState("doubt");
    // What a person reads or fills in stays as it is while nothing of it changes.
    if (same(some, shown) || document.querySelector("dialog.ask")) return;
    shown = some;
    place.replaceChildren(some.length ? el("div", { class: "groups" }, some.map(doubtCard))
      : empty("ready", "Nothing is in doubt", "A job whose submit had no readable answer would be shown here: a task may exist, and may have been paid for."));
  };
  update();
  return { update };
}

function doubtCard(job) {
  const { search } = job;
  const fact = (name, value) => (value === undefined ? [] : [el("dt", {}, name), el("dd", { class: "mono" }, String(value))]);
  const prompt = promptOf(job);
  return el("section", { class: "group doubt" },
    el("header", {}, el("h2", { class: "mono" }, job.key), el("span", { class: "count" }, job.sent_at ? `sent ${exactly(job.sent_at)}` : "")),
    el("p", {}, job.problem?.message ?? ""),
    el("ol", { class: "steps" },
      el("li", {}, el("p", {}, search ? search.check.join(`${exactly(search.begin)} and ${exactly(search.end)}`) : "Look in the dashboard for its task."), prompt && el("p", { class: "soft" }, `“${prompt.slice(0, 200)}${prompt.length > 200 ? " …" : ""}”`),
        el("p", {}, link("https://evolink.ai/dashboard", "Open the dashboard"))),
      el("li", {}, el("p", {}, "Say what you found. Nothing is sent to the service by that."), settling(job))),
    el("details", {}, el("summary", {}, "All that is known of the submit"), el("dl", { class: "pairs" },
      fact("Model", job.model), fact("API key", search?.account), fact("Idempotency key", search?.idempotency_key),
      fact("Request id", search?.request_id ?? "none arrived"), fact("HTTP status", search?.http_status ?? "none arrived"), fact("Task", job.task_id))));
}

const WAYS = {
  found: ["I found its task", "The next run waits for this task and saves its film. Nothing is bought."],
  resubmit: ["There is none: buy it again", "The next run buys the job anew. If a task exists all the same, it is paid for twice."],
  abandon: ["Give it up", "The next run reports it as failed and sends nothing. A task that exists stays paid for."],
};

function settling(job) {
  if (page.settles) {
    return el("div", { class: "row" }, Object.entries(WAYS).map(([way, [words]]) => el("button", { class: "button", type: "button", onclick: () => ask(job, way) }, words)));
  }
  const dashes = [page.word, job.key].some((word) => word.startsWith("-")) ? "-- " : ""; // else it would be an option
  const start = `evolink-async settle ${dashes}${quoted(page.word)} ${quoted(job.key)}`;
  return Object.entries({ found: "TASK_ID", resubmit: "resubmit", abandon: "abandon" }).map(([way, word]) =>
    el("div", {}, el("p", { class: "soft" }, `${WAYS[way][0]}. ${WAYS[way][1]}`), command(`${start} ${word}`)));
}

const command = (text) => el("div", { class: "command" }, el("code", {}, text), el("button", { class: "button", type: "button", onclick: () => copy(text, "Command copied") }, "Copy"));

/** Ask before anything is written. */
function ask(job, way) {
  const [words, effect] = WAYS[way];
  const id = way === "found" ? el("input", { name: "task", required: true, placeholder: "task-unified-…", "aria-label": "Id of the task", class: "mono", autocomplete: "off" }) : null;
  const said = el("p", { role: "alert" });
  const dialog = el("dialog", { class: "ask doubt", "aria-labelledby": "ask-title", onclose: () => { dialog.remove(); redraw(); } },
    el("form", { method: "dialog", onsubmit: (event) => { event.preventDefault(); settle(); } },
      el("h2", { id: "ask-title" }, `${words}?`), el("p", { class: "mono" }, job.key), el("p", {}, effect), id, said,
      el("div", { class: "row" }, el("button", { class: "button", type: "button", onclick: () => dialog.close() }, "Cancel"),
        el("button", { class: "button main", type: "submit" }, "Yes, write it down"))));
  const settle = async () => {
    const how = id ? id.value.trim() : way;
    const answer = await fetch("settle", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ key: job.key, how, confirmed: true }) }).catch(() => null);
    const result = answer ? await answer.json().catch(() => ({})) : {};
    if (!answer?.ok) { said.textContent = result.message ?? "The page's server does not answer."; return; }
    dialog.close();
    toast(result.message);
  };
  document.body.append(dialog);
  dialog.showModal();
}
