// Numbers, times and states in words.

const STATES = {
  ready: "Ready", making: "Being made", submitting: "Being sent", planned: "Planned", failed: "Failed", doubt: "In doubt",
};
const PHASES = { sending: "Sending", making: "Making", noticing: "Until noticed", saving: "Saving" };

const format = (options) => new Intl.NumberFormat("en", options);
const whole = format({ maximumFractionDigits: 0 });
const exact = format({ maximumFractionDigits: 2 });
const hundredths = format({ minimumFractionDigits: 2, maximumFractionDigits: 2 });
/** A format for a column: with decimals in all of its cells, or in none. */
const aligned = (values) => (values.every(Number.isInteger) ? exact : hundredths).format;
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
// With its zone: a person compares it with a dashboard, or with a terminal elsewhere.
const second = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "shortOffset",
});
const when = (seconds) => moment.format(seconds * 1000);
const exactly = (seconds) => second.format(seconds * 1000);

/** "1 film", "2 films". */
const many = (count, noun, nouns = noun + "s") => `${whole.format(count)} ${count === 1 ? noun : nouns}`;

/** A length of time in two units at most. */
function lasting(seconds) {
  if (seconds < 10) return `${format({ maximumFractionDigits: 1 }).format(Math.max(0, seconds))} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const steps = [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]];
  const [large, one, small, other] = steps.find(([step]) => seconds >= step);
  const rest = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)} ${one}${rest ? ` ${rest} ${other}` : ""}`;
}

function size(bytes) {
  const [step, unit] = bytes >= 1e6 ? [1e6, "MB"] : [1e3, "kB"];
  return `${format({ maximumFractionDigits: bytes >= 1e6 ? 1 : 0 }).format(bytes / step)} ${unit}`;
}

/** How long the links of a job still work. */
function expiry(job, now = Date.now() / 1000) {
  if (job.expires_at === undefined) return "";
  return job.expires_at > now ? `works for ${lasting(job.expires_at - now)} more` : `expired ${when(job.expires_at)}`;
}

/** The model's name without what all of them share. */
const short = (model) => model.replace(/^wan/, "Wan ").replace(/-/g, " ");

/** The middle of some numbers, or another part of them; null of none. */
function quantile(values, part = 0.5) {
  if (!values.length) return null;
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
}

const sum = (values) => values.reduce((one, other) => one + other, 0);
