// The views: films, failures, doubts, times, credits. Each has `open(place)`, which returns how it is brought up to date.

const empty = (name, title, text) => el("div", { class: "empty" }, icon(name), el("h2", {}, title), el("p", {}, text));

// --- films

function filmsView(place) {
  const input = el("input", { type: "search", placeholder: "Search prompts, keys, models", "aria-label": "Search prompts, keys, models, tasks", "aria-keyshortcuts": "/", value: chosen.text, spellcheck: "false", autocomplete: "off", id: "search" });
  const models = el("select", { class: "select", "aria-label": "Model" });
  const order = el("select", { class: "select", "aria-label": "Order" }, Object.entries(ORDERS).map(([name, [words]]) => el("option", { value: name, selected: chosen.order === name }, words)));
  const found = el("p", { role: "status", id: "found" });
  const copyAll = el("button", { class: "button", type: "button", onclick: () => copyLines(selected()) }, icon("copy"), "Copy as JSONL");
  const grid = el("div", { id: "films" });
  const nothing = el("div");
  put(place, el("div", { class: "tools", role: "search" }, el("div", { class: "search" }, icon("search"), input, el("kbd", { "aria-hidden": "true" }, "/")), models, order),
    el("div", { class: "found" }, found, copyAll), grid, nothing);
  const list = new LongList(grid, "cards", card);

  const update = () => {
    const some = selected();
    const all = jobs.size;
    found.textContent = some.length === all ? many(all, "job") : `${whole.format(some.length)} of ${many(all, "job")}`;
    copyAll.hidden = !some.length;
    list.show(some);
    nothing.replaceChildren(...(some.length ? [] : [all ? noMatch() : noJobs()]));
  };
  const listModels = () => {
    const names = [...new Set([...jobs.values()].map((job) => job.model))].sort();
    if (models.options.length === names.length + 1) return;
    models.replaceChildren(el("option", { value: "" }, "All models"), ...names.map((name) => el("option", { value: name, selected: chosen.model === name }, short(name))));
    models.hidden = names.length < 2;
  };
  input.addEventListener("input", () => { chosen.text = input.value; update(); });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== "ArrowDown") return;
    event.preventDefault();
    grid.querySelector(".open")?.focus();
  });
  models.addEventListener("change", () => { chosen.model = models.value; update(); });
  order.addEventListener("change", () => { chosen.order = order.value; update(); });
  grid.addEventListener("click", (event) => {
    const place = event.target.closest(".card")?.dataset.place;
    if (place !== undefined) openJob(jobs.get(Number(place)), selected());
  });
  grid.addEventListener("keydown", walk);
  grid.addEventListener("pointerover", (event) => hover(event, grid));
  listModels();
  update();
  return { update: () => { listModels(); update(); }, fill: () => list.fill(), close: () => list.drop() };
}

const noMatch = () => put(empty("search", "No job matches", "Try fewer words, or another state or model."),
  el("p", {}, el("button", { class: "button", type: "button", onclick: () => choose({ state: "all", text: "", model: "" }) }, "Show all jobs")));
const noJobs = () => empty("film", "No jobs yet", page.is_live ? "They appear here as soon as the first one is sent." : "This journal holds no job. Run some, then make the report again.");

/** The arrow keys go from card to card. */
function walk(event) {
  const steps = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
  const step = steps[event.key];
  const here = event.target.closest(".card");
  if (!step || !here) return;
  event.preventDefault();
  const columns = getComputedStyle(here.parentElement).gridTemplateColumns.split(" ").length;
  const cards = [...document.querySelectorAll("#films .card")];
  const next = cards[cards.indexOf(here) + step[0] + step[1] * columns];
  if (next) next.querySelector(".open").focus();
  else if (event.key === "ArrowUp") byId("search").focus();
}

let hovered = null;

function hover(event, grid) {
  const screen = event.pointerType === "mouse" ? event.target.closest(".card")?.querySelector(".screen") ?? null : null;
  if (screen === hovered) return;
  if (hovered) endPreview(hovered);
  hovered = screen;
  if (screen) setTimeout(() => screen === hovered && screen.isConnected && preview(screen, jobs.get(Number(screen.closest(".card").dataset.place))), 220);
  grid.onpointerleave = () => { if (hovered) endPreview(hovered); hovered = null; };
}

// --- failures

function failuresView(place) {
  let shown = null;
  const update = () => {
    const failed = inState("failed");
    if (same(failed, shown)) return;
    shown = failed;
    const groups = new Map();
    for (const job of failed) {
      const code = job.problem?.code ?? "unknown";
      groups.set(code, [...(groups.get(code) ?? []), job]);
    }
    const sorted = [...groups].sort(([, one], [, other]) => other.length - one.length);
    place.replaceChildren(sorted.length ? el("div", { class: "groups" }, sorted.map(([code, some]) => failureGroup(code, some)))
      : empty("ready", "Nothing failed", "Jobs whose task fails are shown here, by reason, with what helps."));
  };
  update();
  return { update };
}

const SHOWN_KEYS = 24;

function failureGroup(code, some) {
  const messages = [...new Set(some.map((job) => job.problem?.message ?? ""))];
  const advices = [...new Set(some.map((job) => job.problem?.advice ?? ""))].filter(Boolean);
  return el("section", { class: "group failed" },
    el("header", {}, el("h2", {}, code.replaceAll("_", " ")), el("span", { class: "count" }, `${many(some.length, "job")} · ${some.some((job) => job.problem?.may_be_charged) ? "may have been charged" : "not charged"}`)),
    messages.slice(0, 3).map((text) => el("p", {}, text)),
    messages.length > 3 && el("p", { class: "soft" }, `and ${many(messages.length - 3, "other message")}`),
    advices.slice(0, 2).map((text) => el("p", { class: "advice" }, el("b", {}, "What to do: "), text)),
    el("div", { class: "keys" }, some.slice(0, SHOWN_KEYS).map((job) => el("button", { type: "button", class: "mono", onclick: () => openJob(job, some) }, job.key)),
      some.length > SHOWN_KEYS && el("span", { class: "soft" }, `and ${whole.format(some.length - SHOWN_KEYS)} more`)),
    el("div", { class: "row" }, el("button", { class: "button", type: "button", onclick: () => copyLines(some) }, icon("copy"), `Copy ${many(some.length, "job")} as JSONL`)));
}
