// Times and credits, drawn by uPlot. What a canvas shows is also in a table, for those who cannot see it.

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const TONES = { sending: "submitting", making: "making", noticing: "doubt", saving: "ready" };

const tile = (name, value, unit) => el("div", { class: "tile" }, el("dt", {}, name), el("dd", {}, value, unit && el("small", {}, ` ${unit}`)));
const axis = (more) => ({ stroke: colour("soft"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, font: "12px ui-sans-serif, system-ui, sans-serif", ...more });

/** A chart as wide as its place; it is drawn anew when the place or the theme changes. */
function chart(place, label, options, data) {
  const box = el("div", { class: "chart", role: "img", "aria-label": label });
  place.append(box);
  let drawn = null;
  const draw = () => {
    drawn?.destroy();
    const width = Math.max(240, Math.floor(box.clientWidth));
    drawn = new uPlot({ width, height: width < 500 ? 180 : 240, legend: { show: false }, cursor: { drag: { x: false, y: false } }, ...options() }, data, box);
  };
  let width = 0;
  const sized = new ResizeObserver(() => { if (box.isConnected && box.clientWidth && box.clientWidth !== width) { width = box.clientWidth; draw(); } });
  sized.observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => box.isConnected && draw());
  return box;
}

// --- times

function timesView(place) {
  let list = null;
  const update = () => {
    list?.drop();
    const some = [...jobs.values()].filter((job) => job.sent_at).sort(ORDERS.sent[1]);
    place.replaceChildren();
    if (!some.length) { put(place, empty("making", "No times yet", "When jobs are sent and end, this shows what their time went into.")); return; }
    const ended = some.filter((job) => job.state === "ready");
    const making = ended.map(took).filter(Boolean), lags = ended.map((job) => job.lag).filter((lag) => lag !== undefined);
    const polls = ended.map((job) => job.polls).filter((count) => count !== undefined);
    const value = (number) => (number === null ? "–" : lasting(number));
    put(place, el("dl", { class: "tiles" }, tile("Making, median", value(quantile(making))), tile("Making, 95 of 100", value(quantile(making, 0.95))),
      tile("Unnoticed, median", value(quantile(lags))), tile("Polls per film", polls.length ? exact.format(sum(polls) / polls.length) : "–"),
      tile("Submits and polls", whole.format(some.length + sum(polls)), "at least")));
    const sheet = el("figure", { class: "panel" }, el("header", {}, el("h2", {}, "Jobs at the same time"), phaseLegend()));
    put(place, sheet);
    alive(sheet, some);
    const rows = el("div", { class: "times" });
    put(place, el("section", { class: "panel" }, el("header", {}, el("h2", {}, "What each job's time went into"), el("span", { class: "soft" }, "longest = full width")), rows));
    const timed = some.map((job) => [job, phases(job)]).filter(([, found]) => found.length);
    const longest = Math.max(...timed.map(([, found]) => sum(found.map(([, seconds]) => seconds))), 1);
    const line = ([job, found]) => timeLine(job, found, longest);
    list = new LongList(rows, "lines", line);
    list.show(timed);
  };
  update();
  return { update, fill: () => list?.fill(), close: () => list?.drop(), pause: 5000 };
}

const phaseLegend = () => el("p", { class: "legend" }, Object.entries(PHASES).map(([name, words]) => el("span", { class: `p-${name}` }, words)));

function timeLine(job, found, longest) {
  const total = sum(found.map(([, seconds]) => seconds));
  const words = found.map(([name, seconds]) => `${PHASES[name]} ${lasting(seconds)}`).join(", ");
  return el("li", {}, el("button", { type: "button", class: "line", title: words, "aria-label": `${job.key}: ${words}`, onclick: () => openJob(job) },
    el("span", { class: "key mono" }, job.key),
    el("span", { class: "track" }, found.map(([name, seconds]) => { const piece = el("i", { class: `p-${name}` }); piece.style.width = `${(100 * seconds) / longest}%`; return piece; })),
    el("span", { class: "number soft" }, lasting(total))));
}

const STEPS = 240;

/** How many jobs are in each phase at each of some moments. */
function alive(place, some) {
  const { first, last } = span();
  const step = (last - first) / STEPS || 1;
  const moments = Array.from({ length: STEPS + 2 }, (_, at) => first + at * step);
  const names = Object.keys(PHASES);
  const changes = names.map(() => new Float64Array(STEPS + 3));
  for (const job of some) {
    let at = job.sent_at;
    for (const [name, seconds] of openPhases(job)) {
      const from = Math.max(0, Math.ceil((at - first) / step)), to = Math.max(0, Math.ceil((at + seconds - first) / step));
      if (from <= STEPS) { changes[names.indexOf(name)][from] += 1; changes[names.indexOf(name)][Math.min(to, STEPS + 2)] -= 1; }
      at += seconds;
    }
  }
  const levels = changes.map((change) => { let level = 0; return moments.map((_, at) => (level += change[at])); });
  // Stacked: each series is drawn to the sum of those below it, the highest first.
  const stacked = levels.map((_, index) => moments.map((__, at) => sum(levels.slice(0, index + 1).map((level) => level[at])))).reverse();
  const most = Math.max(...stacked[0]);
  const options = () => ({
    scales: { x: { time: true }, y: { range: [0, Math.max(1, Math.ceil(most * 1.08))] } },
    series: [{}, ...names.toReversed().map((name) => ({ stroke: colour(TONES[name]), fill: colour(TONES[name]), width: 0, points: { show: false } }))],
    axes: [axis({ grid: { show: false } }), axis({ size: 46, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000] })],
  });
  chart(place, `Up to ${many(most, "job")} at the same time, between ${exactly(first)} and ${exactly(last)}.`, options, [moments, ...stacked]);
}

/** The phases of a job, with the one that goes on. */
function openPhases(job) {
  if (job.state !== "making" || !job.accepted_at) return phases(job);
  return [["sending", Math.max(0, job.accepted_at - job.sent_at)], ["making", Math.max(0, (page.is_live ? Date.now() / 1000 : page.made_at) - job.accepted_at)]];
}

// --- credits

function creditsView(place) {
  const update = () => {
    place.replaceChildren();
    const paid = inState("ready").filter((job) => job.credits !== undefined);
    const { charged, held } = credits();
    if (!paid.length && !held) { put(place, empty("film", "No credits yet", "What films cost is shown here, by model and by time.")); return; }
    put(place, el("dl", { class: "tiles" }, tile("Charged", exact.format(charged), "credits"), tile("Held", exact.format(held), "credits"),
      tile("Per film", paid.length ? exact.format(charged / paid.length) : "–", "credits"), tile("Films", whole.format(paid.length))));
    put(place, byModel(paid));
    if (paid.length) byTime(place, paid);
  };
  update();
  return { update, pause: 5000 };
}

function byModel(paid) {
  const models = new Map();
  for (const job of paid) models.set(job.model, [...(models.get(job.model) ?? []), job.credits]);
  const rows = [...models].map(([model, costs]) => [model, costs.length, sum(costs)]).sort((one, other) => other[2] - one[2]);
  const most = Math.max(...rows.map((row) => row[2]), 1);
  const cents = aligned(rows.map((row) => row[2]));
  const meter = (total) => { const made = el("span", { class: "meter" }); made.style.width = `${(100 * total) / most}%`; return made; };
  return el("section", { class: "panel" }, el("header", {}, el("h2", {}, "Credits by model")), el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Credits by model" }, el("table", {},
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Model"), ["Films", "Credits", "Per film"].map((word) => el("th", { scope: "col", class: "number" }, word)), el("th", { scope: "col", class: "wide" }, el("span", { class: "unseen" }, "Share")))),
    el("tbody", {}, rows.map(([model, count, total]) => el("tr", {}, el("td", {}, short(model)), [whole.format(count), cents(total), cents(total / count)].map((text) => el("td", { class: "number" }, text)), el("td", { class: "wide" }, meter(total))))))));
}

function byTime(place, paid) {
  const dated = paid.filter((job) => job.ended_at);
  if (!dated.length) return;
  const ends = dated.map((job) => job.ended_at);
  const first = Math.min(...ends), last = Math.max(...ends);
  const [step, word] = last - first > 7 * 86400 ? [86400, "day"] : last - first > 2 * 3600 ? [3600, "hour"] : last - first > 240 ? [60, "minute"] : [5, "five seconds"];
  // Days and hours begin as the clock on the wall says.
  const shift = new Date(first * 1000).getTimezoneOffset() * 60;
  const start = Math.floor((first - shift) / step) * step + shift;
  const slots = Array.from({ length: Math.floor((last - start) / step) + 1 }, (_, at) => start + at * step);
  const totals = slots.map(() => 0);
  for (const job of dated) totals[Math.floor((job.ended_at - start) / step)] += job.credits;
  const sheet = el("figure", { class: "panel" }, el("header", {}, el("h2", {}, step < 60 ? "Credits over time" : `Credits by ${word}`)));
  put(place, sheet);
  const options = () => ({
    scales: { x: { time: true, range: [start - step / 2, slots.at(-1) + step / 2] }, y: { range: [0, Math.max(1, Math.max(...totals) * 1.08)] } },
    series: [{}, { fill: colour("accent"), stroke: colour("accent"), width: 0, paths: uPlot.paths.bars({ size: [0.7, 48], radius: 0.15 }), points: { show: false } }],
    axes: [axis({ grid: { show: false } }), axis({ size: 52 })],
  });
  chart(sheet, `Credits by ${word}: ${exact.format(sum(totals))} in all.`, options, [slots, totals]);
  const filled = slots.map((slot, at) => [slot, totals[at]]).filter(([, total]) => total);
  put(sheet, el("details", {}, el("summary", {}, "As a table"), el("table", {}, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "From"), el("th", { scope: "col", class: "number" }, "Credits"))),
    el("tbody", {}, filled.slice(-400).map(([slot, total]) => el("tr", {}, el("td", {}, exactly(slot)), el("td", { class: "number" }, exact.format(total))))))));
}
