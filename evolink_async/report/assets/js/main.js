// The frame of the page: title, states, tabs, keys.

const VIEWS = {
  films: ["Films", filmsView, () => jobs.size],
  failures: ["Failures", failuresView, () => counts().failed],
  doubts: ["Doubts", doubtsView, () => counts().doubt],
  times: ["Times", timesView, null],
  credits: ["Credits", creditsView, null],
};
let view = null;
let current = "";

function headline(found) {
  const total = Math.max(jobs.size, page.total ?? 0);
  if (!total) return "No films yet";
  if (found.ready === total) return total === 1 ? "The film is ready" : `All ${whole.format(total)} films are ready`;
  return `${whole.format(found.ready)} of ${many(total, "film")} ${total === 1 || found.ready === 1 ? "is" : "are"} ready`;
}

/** The sentence under the title: what it cost, how long it took. */
function lede() {
  const { charged, held } = credits();
  const fact = (value, words) => el("span", {}, el("b", {}, value), ` ${words} `);
  const between = span();
  const facts = [fact(exact.format(charged), "credits charged")];
  if (held) facts.push(fact(exact.format(held), "held"));
  if (page.left !== undefined && page.left !== null) facts.push(fact(exact.format(page.left), "left of the budget"));
  if (between && between.last > between.first) facts.push(fact(lasting(between.last - between.first), "from first to last"));
  if (page.rate) facts.push(fact(exact.format(page.rate), "films a minute"));
  if (page.eta) facts.push(fact(`about ${lasting(page.eta)}`, "to go"));
  return facts;
}

const chipList = new Map();

/** Title, bar and chips, brought up to date in place, so that the focus stays. */
function drawTop() {
  const found = counts();
  const title = headline(found);
  if (byId("headline").textContent !== title) byId("headline").textContent = title;
  byId("lede").replaceChildren(...lede());
  const bar = byId("bar");
  for (const [state, words] of [["all", "All"], ...Object.entries(STATES)]) {
    const count = state === "all" ? jobs.size : found[state];
    if (state !== "all") {
      const piece = bar.querySelector(`.${state}`) ?? bar.appendChild(el("i", { class: state }));
      piece.style.flexGrow = count;
      piece.hidden = !count;
    }
    let chip = chipList.get(state);
    if (!chip) {
      chip = { number: el("b") };
      chip.button = el("button", { class: `chip ${state}`, type: "button", onclick: () => choose({ state }) }, words, chip.number);
      chipList.set(state, chip);
      byId("chips").append(chip.button);
    }
    chip.number.textContent = whole.format(count);
    chip.button.hidden = !count && state !== "all";
    chip.button.setAttribute("aria-pressed", String(chosen.state === state && current === "films"));
  }
  drawBanner(found.doubt);
  for (const [name, [, , number]] of Object.entries(VIEWS)) {
    if (number) byId(`tab-${name}`).lastElementChild.textContent = number() ? whole.format(number()) : "";
  }
}

function drawBanner(count) {
  const place = byId("banner");
  if (Number(place.dataset.count ?? 0) === count) return;
  place.dataset.count = count;
  place.replaceChildren(...(count ? [el("p", { class: "banner doubt" }, el("span", {}, el("b", {}, many(count, "job")), " may have been paid for without a film."),
    el("button", { class: "button", type: "button", onclick: () => openView("doubts") }, "See what to look for"))] : []));
}

/** Choose which films are shown, and show them. */
function choose(some) {
  Object.assign(chosen, some);
  openView("films", { again: true });
}

function openView(name, { again = false, focus = false } = {}) {
  if (name === current && !again) return;
  view?.close?.();
  current = name;
  for (const other of Object.keys(VIEWS)) {
    const tab = byId(`tab-${other}`);
    tab.setAttribute("aria-selected", String(other === name));
    tab.tabIndex = other === name ? 0 : -1;
  }
  const panel = byId("panel");
  const place = el("div", { role: "tabpanel", "aria-labelledby": `tab-${name}`, id: "view" });
  panel.replaceChildren(place);
  view = VIEWS[name][1](place);
  view.drawn = performance.now();
  byId(`tab-${name}`).scrollIntoView({ block: "nearest", inline: "nearest" });
  if (focus) byId(`tab-${name}`).focus();
  drawTop();
  tick();
}

/** Bring all that is shown up to date. */
function redraw({ isLast = false } = {}) {
  drawTop();
  // Charts are drawn as a whole, so less often.
  const now = performance.now();
  if (now - (view.drawn ?? 0) >= (view.pause ?? 0) || isLast) {
    view.drawn = now;
    view.update();
  }
  refreshPlayer();
  tick();
}

function tabs() {
  const names = Object.keys(VIEWS);
  for (const [name, [words]] of Object.entries(VIEWS)) {
    byId("tabs").append(el("button", { class: "tab", role: "tab", type: "button", id: `tab-${name}`, "aria-controls": "panel", onclick: () => openView(name) }, words, el("small")));
  }
  byId("tabs").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) openView(names[(names.indexOf(current) + step + names.length) % names.length], { focus: true });
  });
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, select, textarea, dialog");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  if (current !== "films") openView("films");
  byId("search").focus();
});
addEventListener("beforeprint", () => view.fill?.());

for (const job of page.cards) take(job);
page.cards = [];
byId("made").textContent = when(page.made_at);
byId("journal").textContent = page.journal;
tabs();
openView("films");
if (page.is_live) listen();
setInterval(tick, 1000);
