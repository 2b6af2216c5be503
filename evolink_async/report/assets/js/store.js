// The jobs of the page, what is chosen of them, and what they come to.

const page = JSON.parse(byId("data").textContent);
const jobs = new Map();
const chosen = { state: "all", text: "", model: "", order: "sent" };

const ORDERS = {
  sent: ["In order", (one, other) => one.place - other.place],
  newest: ["Newest first", (one, other) => (other.ended_at ?? 0) - (one.ended_at ?? 0) || other.place - one.place],
  credits: ["Most credits first", (one, other) => (other.credits ?? 0) - (one.credits ?? 0) || one.place - other.place],
  slow: ["Slowest first", (one, other) => took(other) - took(one) || one.place - other.place],
};

/** Take in a job, new or changed. */
function take(job) {
  const words = [job.key, promptOf(job), job.model, job.task_id, STATES[job.state], job.problem?.code, job.problem?.message];
  const { quality, aspect_ratio: ratio } = job.body ?? {};
  job.words = [...words, quality, ratio].filter((word) => typeof word === "string").join("\n").toLowerCase();
  jobs.set(job.place, job);
}

const promptOf = (job) => (typeof job.body?.prompt === "string" ? job.body.prompt : "");
const filmOf = (job) => job.films?.find((film) => film.href);
const took = (job) => (job.ended_at && job.accepted_at ? job.ended_at - job.accepted_at : 0);
const inState = (state) => [...jobs.values()].filter((job) => job.state === state);

/** The jobs that are chosen, in the order that is chosen. */
function selected() {
  const terms = chosen.text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [];
  for (const job of jobs.values()) {
    if (chosen.state !== "all" && job.state !== chosen.state) continue;
    if (chosen.model && job.model !== chosen.model) continue;
    if (terms.every((term) => job.words.includes(term))) found.push(job);
  }
  return found.sort(ORDERS[chosen.order][1]);
}

/** Whether two lists hold the same jobs, none of which has changed: a change makes another object. */
const same = (some, others) => some.length === others?.length && some.every((job, at) => job === others[at]);

/** How many jobs are in each state, in the order of the bar. */
function counts() {
  const found = Object.fromEntries(Object.keys(STATES).map((state) => [state, 0]));
  for (const job of jobs.values()) found[job.state] += 1;
  return found;
}

/** Credits that were charged, and those that are held for what is being made or in doubt. */
function credits() {
  const of = (...states) => sum([...jobs.values()].filter((job) => states.includes(job.state)).map((job) => job.credits ?? 0));
  return { charged: of("ready"), held: of("making", "doubt", "submitting") };
}

/** When the last film of a job was saved, if the journal knows it. */
const savedAt = (job) => job.films?.reduce((latest, film) => Math.max(latest, film.saved_at ?? 0), 0) || undefined;

/** The first and the last moment of all jobs; null before any was sent. */
function span() {
  let first = Infinity, last = -Infinity;
  for (const job of jobs.values()) {
    if (job.sent_at) first = Math.min(first, job.sent_at);
    last = Math.max(last, job.sent_at ?? -Infinity, job.ended_at ?? -Infinity, savedAt(job) ?? -Infinity);
  }
  return first <= last ? { first, last } : null;
}

/** What a job's time went into, in seconds. Only what the journal knows. */
function phases(job) {
  const saved = savedAt(job);
  const lag = Math.min(job.lag ?? 0, took(job));
  const found = {
    sending: job.accepted_at && job.sent_at ? job.accepted_at - job.sent_at : 0,
    making: took(job) - lag,
    noticing: lag,
    saving: job.ended_at && saved > job.ended_at ? saved - job.ended_at : 0,
  };
  return Object.entries(found).filter(([, seconds]) => seconds > 0);
}

/** A job as a line of a jobs file. */
const lineOf = (job) => JSON.stringify({ custom_id: job.key, ...job.body });

/** Copy jobs as a jobs file; those whose parameters are not all here are left out. */
function copyLines(some) {
  const whole_ones = some.filter((job) => !job.is_cut);
  const rest = some.length - whole_ones.length;
  const note = rest ? `; ${many(rest, "job")} left out, too long for this page` : "";
  copy(whole_ones.map((job) => lineOf(job) + "\n").join(""), `${many(whole_ones.length, "job")} copied as JSONL${note}`);
}
