// Keeps the parts of a page up to date that say where they come from (data-live) and how often
// (data-every, in ms). The server writes the HTML; here it only takes the place of what was there.

const SLOWEST = 60_000;
let notice = null;

function tell(text) {
  notice ??= Object.assign(document.createElement("p"), { className: "stale", role: "status" });
  notice.textContent = text;
  if (!notice.isConnected) document.body.append(notice);
}

function replace(part, text) {
  const fresh = new DOMParser().parseFromString(text, "text/html").getElementById(part.id);
  if (!fresh || fresh.outerHTML === part.dataset.seen) return part;
  const seen = fresh.outerHTML;
  const open = [...part.querySelectorAll("details[id]")].map((one) => [one.id, one.open]);
  const ticked = [...part.querySelectorAll("input:checked")].map((one) => one.value);
  const focus = place(part, document.activeElement);
  document.adoptNode(fresh);
  for (const [id, state] of open) {
    const same = fresh.querySelector(`#${CSS.escape(id)}`);
    if (same) same.open = state;
  }
  for (const one of fresh.querySelectorAll("input[type=checkbox]")) one.checked = ticked.includes(one.value);
  part.replaceWith(fresh);
  fresh.dataset.seen = seen;
  if (focus !== null) reachable(fresh)[focus]?.focus({ preventScroll: true });
  fresh.dispatchEvent(new CustomEvent("fresh", { bubbles: true }));
  return fresh;
}

const reachable = (part) => [...part.querySelectorAll("a[href], button, input, summary, select, textarea")];

function place(part, element) {
  const number = reachable(part).indexOf(element);
  return number < 0 ? null : number;
}

function follow(part) {
  let pause = Number(part.dataset.every);
  if (!pause) return;
  const state = part.dataset.state;
  setTimeout(async function again() {
    if (document.hidden) return void setTimeout(again, pause);
    try {
      const answer = await fetch(part.dataset.live, { headers: { Accept: "text/html" } });
      const text = await answer.text();
      if (!answer.ok) {
        const told = new DOMParser().parseFromString(text, "text/html").querySelector("h1");
        throw new Error(told ? told.textContent.trim() : `answer ${answer.status}`);
      }
      part = replace(part, text);
      notice?.remove();
      // The run has ended, or begins to wait for a person: more of the page is different now.
      if (part.dataset.state !== state) return void location.reload();
      pause = Number(part.dataset.every);
    } catch (error) {
      tell(`Not up to date: ${error.message || error}. Trying again.`);
      pause = Math.min(2 * pause, SLOWEST);
    }
    if (pause) setTimeout(again, pause);
  }, pause);
}

for (const part of document.querySelectorAll("[data-live]")) follow(part);

// A drawing's points: Tab reaches the drawing once, arrow keys go from point to point.
function rove(drawing) {
  const points = [...drawing.querySelectorAll("a")];
  if (points.length < 2) return;
  const first = points.findIndex((one) => one.querySelector(".chosen"));
  points.forEach((one, number) => one.setAttribute("tabindex", number === Math.max(0, first) ? "0" : "-1"));
  drawing.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const at = points.indexOf(document.activeElement);
    if (!step || at < 0) return;
    event.preventDefault();
    const next = points[(at + step + points.length) % points.length];
    points[at].setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  });
}

function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const folded = target && target.closest("details");
  if (folded) {
    folded.open = true;
    target.scrollIntoView({ block: "center" });
  }
}

const prepare = (root) => root.querySelectorAll(".chart-box svg").forEach(rove);
prepare(document);
document.addEventListener("fresh", (event) => prepare(event.target));
addEventListener("hashchange", openTarget);
openTarget();
