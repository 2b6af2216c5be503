// Changes from the server of the page, gathered so that many at once are drawn once.

const REDRAW = 250; // milliseconds between two drawings

function listen() {
  const said = byId("live");
  const say = (text, on) => { said.hidden = false; said.textContent = text; said.classList.toggle("off", !on); };
  const source = new EventSource(`events?since=${page.revision}`);
  let waiting = 0;
  const soon = () => { waiting ||= setTimeout(() => { waiting = 0; redraw(); }, REDRAW); };
  source.onopen = () => say("Live", true);
  source.onerror = () => say("Not connected", false);
  source.addEventListener("cards", (event) => { for (const job of JSON.parse(event.data)) take(job); soon(); });
  source.addEventListener("facts", (event) => { Object.assign(page, JSON.parse(event.data)); soon(); });
  source.addEventListener("end", (event) => { source.close(); say(JSON.parse(event.data).message, false); redraw({ isLast: true }); });
}
