// One job in the gallery.

/** The words on a card that has no film to show. */
function standing(job) {
  if (job.state === "failed" || job.state === "doubt") return [STATES[job.state], job.problem?.message ?? job.problem?.code ?? ""];
  if (job.state === "ready") return ["Ready", job.films ? "The file is gone from its place" : page.is_live ? "Not saved yet: its link is inside" : "Not saved: its link is inside"];
  return [STATES[job.state], ""];
}

function picture(job) {
  const film = filmOf(job);
  const screen = el("span", { class: film ? "screen" : "screen none" });
  if (!film) {
    const [word, more] = standing(job);
    put(screen, icon(job.state === "ready" ? "film" : job.state), el("b", {}, word), el("span", {}, more));
    if (job.state === "making") put(screen, clockOf(job), el("i", { class: "gone", "data-until": job.estimated_seconds ?? "", "data-since": job.accepted_at }));
    return screen;
  }
  if (job.poster) {
    put(screen, el("img", { class: "ground", src: job.poster, alt: "" }), el("img", { src: job.poster, alt: "" }));
  } else {
    put(screen, frameOf(film));
  }
  return put(screen, el("span", { class: "play" }, icon("play")), job.body?.duration && el("span", { class: "length" }, `${job.body.duration} s`));
}

/** A frame of a film as a picture, by the browser's own means. Films are only opened when their cards are in sight. */
function frameOf(film) {
  const video = el("video", { "data-src": `${film.href}#t=1`, preload: "metadata", tabindex: "-1", "aria-hidden": "true" });
  video.muted = true;
  inSight.observe(video);
  return video;
}

const inSight = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    inSight.unobserve(target);
    target.src = target.dataset.src;
  }
}, { rootMargin: "200px 0px" });

const clockOf = (job) => (job.accepted_at ? el("span", { "data-clock": job.accepted_at }) : null);

/** The card. Its button covers it, and is what the keyboard meets. */
function card(job, position, total) {
  const prompt = promptOf(job);
  const film = filmOf(job);
  const label = `${film ? "Play" : STATES[job.state]}: ${job.key}${prompt ? `. ${prompt.slice(0, 160)}` : ""}`;
  const made = el("li", { class: `card ${job.state}`, "data-place": job.place, "aria-setsize": total, "aria-posinset": position + 1 },
    el("button", { class: "open", type: "button", "aria-label": label }, picture(job)),
    el("div", { class: "words" },
      el("p", { class: "prompt" }, prompt || el("span", { class: "soft" }, "No prompt")),
      el("p", { class: "facts" }, el("span", {}, short(job.model)), job.credits === undefined ? el("span", {}, STATES[job.state]) : el("span", {}, el("b", {}, exact.format(job.credits)), job.state === "ready" ? " credits" : " held")),
      el("p", { class: "key mono" }, job.key)));
  return made;
}

/** Play a film on its card, without sound, while the pointer rests on it. */
function preview(screen, job) {
  const film = filmOf(job);
  if (!film || screen.querySelector("video.moving") || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const video = el("video", { class: "moving", src: film.href, loop: true, tabindex: "-1", "aria-hidden": "true" });
  video.muted = true;
  screen.insertBefore(video, screen.querySelector(".play"));
  // A film that cannot be played, or that is left at once, stays a picture.
  video.play().catch(() => video.remove());
}

function endPreview(screen) {
  for (const video of screen.querySelectorAll("video.moving")) video.remove();
}

/** Bring the clocks of jobs that are being made up to date. */
function tick() {
  const now = page.is_live ? Date.now() / 1000 : page.made_at;
  for (const clock of document.querySelectorAll("[data-clock]")) clock.textContent = `for ${lasting(now - clock.dataset.clock)}`;
  for (const done of document.querySelectorAll(".gone[data-until]")) {
    const share = done.dataset.until ? (now - done.dataset.since) / done.dataset.until : 0;
    done.style.width = `${Math.min(96, Math.max(0, share * 100))}%`;
  }
}
