// The front of a plan page, drawn anew for each pair of axes and each width. The words of a plan are
// set as text, never as markup.
const data = JSON.parse(document.getElementById("data").textContent);
const holder = document.getElementById("chart"), shown = document.getElementById("shown");
const axisAt = id => data.axes[document.getElementById(id).value];
const LEFT = 72, RIGHT = 16, TOP = 28, BOTTOM = 46, LETTER = 7;
let chart, current = data.plans.findIndex(plan => plan.kind === "chosen");

const short = value => value >= 1000 || value === 0
  ? value.toLocaleString("en", { maximumFractionDigits: 0 })
  : Number(value.toPrecision(3)).toString();

function scale(axis, from, to) {
  const values = data.plans.map(plan => plan.forecasts[axis.field][0]);
  if (axis.limit !== null) values.push(axis.limit);
  const logarithmic = axis.logarithmic && Math.min(...values) > 0;
  const onto = logarithmic ? Math.log10 : value => value;
  let low = onto(Math.min(...values)), high = onto(Math.max(...values));
  const room = (high - low || 1) * 0.08;
  low -= room; high += room;
  return {
    ticks: logarithmic ? ticksBetween(10 ** low, 10 ** high, true) : ticksBetween(low, high, false),
    place: value => from + (onto(value) - low) / (high - low) * (to - from),
    inside: value => Math.min(Math.max(from + (onto(value > 0 || !logarithmic ? value : 10 ** low)
      - low) / (high - low) * (to - from), Math.min(from, to)), Math.max(from, to)),
  };
}

// Round numbers; a short logarithmic axis has those of a linear one.
function ticksBetween(low, high, logarithmic) {
  if (logarithmic && high / low > 5) {
    const powers = [...Array(Math.ceil(Math.log10(high)) - Math.floor(Math.log10(low)) + 1).keys()];
    return powers.flatMap(i => [1, 2, 5].map(by => by * 10 ** (Math.floor(Math.log10(low)) + i)))
      .filter(tick => low <= tick && tick <= high);
  }
  const rough = (high - low) / 5, power = 10 ** Math.floor(Math.log10(rough));
  const by = power * [1, 2, 5, 10].find(factor => power * factor >= rough * (1 - 1e-9));
  const first = Math.ceil(low / by), count = Math.floor(high / by) - first + 1;
  return [...Array(count).keys()].map(i => Number(((first + i) * by).toPrecision(12)));
}

function add(name, attributes, words) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (words !== undefined) node.textContent = words;
  chart.append(node);
  return node;
}
const line = (kind, x1, y1, x2, y2) => add("line", { class: kind, x1, y1, x2, y2 });
const text = (kind, x, y, anchor, words) => add("text", { class: kind, x, y, "text-anchor": anchor }, words);

function draw() {
  const width = Math.max(300, Math.min(768, holder.clientWidth)), height = width < 500 ? 320 : 400;
  const right = width - RIGHT, bottom = height - BOTTOM;
  holder.replaceChildren();
  chart = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [key, value] of Object.entries({ class: "chart", viewBox: `0 0 ${width} ${height}`,
      role: "group", "aria-label": `${data.plans.length} plans, ${axisAt("y").label} over ${axisAt("x").label}` }))
    chart.setAttribute(key, value);
  chart.style.maxWidth = `${width}px`;
  holder.append(chart);
  const x = scale(axisAt("x"), LEFT, right), y = scale(axisAt("y"), bottom, TOP);
  frame(x, y, width, right, bottom);
  limits(x, y, right, bottom);
  points(x, y);
}

function frame(x, y, width, right, bottom) {
  const span = (axis, scaled, low, high) => axis.limit === null ? [low, high]
    : axis.atLeast ? [scaled.place(axis.limit), high] : [low, scaled.place(axis.limit)];
  const [x0, x1] = span(axisAt("x"), x, LEFT, right), [y0, y1] = span(axisAt("y"), y, bottom, TOP);
  add("rect", { class: "region", x: Math.min(x0, x1), y: Math.min(y0, y1),
                width: Math.abs(x1 - x0), height: Math.abs(y1 - y0) });
  text("axis", (LEFT + right) / 2, bottom + 38, "middle", axisAt("x").label);
  text("axis", 4, 14, "start", axisAt("y").label);
  let free = 0;
  for (const tick of x.ticks) {
    const at = x.place(tick), half = LETTER * short(tick).length / 2;
    line("grid", at, TOP, at, bottom);
    if (at - half < free || at + half > width) continue;
    free = at + half + 8;
    text("tick", at, bottom + 18, "middle", short(tick));
  }
  let above = Infinity;
  for (const tick of y.ticks) {
    line("grid", LEFT, y.place(tick), right, y.place(tick));
    if (y.place(tick) + 8 > above || y.place(tick) < TOP) continue;
    above = y.place(tick) - 8;
    text("tick", LEFT - 8, y.place(tick) + 4, "end", short(tick));
  }
}

function limits(x, y, right, bottom) {
  const across = axisAt("x"), up = axisAt("y");
  if (across.limit !== null) {
    const at = x.place(across.limit), fits = at + LETTER * across.told.length + 4 <= right;
    line("limit", at, TOP, at, bottom);
    text("limit", fits ? at + 4 : at - 4, bottom - 6, fits ? "start" : "end", across.told);
  }
  if (up.limit !== null) {
    const at = y.place(up.limit);
    line("limit", LEFT, at, right, at);
    const level = at - 5 > TOP + 10 ? Math.min(at - 5, bottom - 22) : at + 14;
    // At the side where the other limit is not.
    const left = across.limit !== null && x.place(across.limit) > (LEFT + right) / 2;
    text("limit", left ? LEFT + 4 : right, level, left ? "start" : "end", up.told);
  }
}

function points(x, y) {
  const [across, up] = [axisAt("x").field, axisAt("y").field];
  const order = data.plans.map((plan, index) => index);
  order.sort((a, b) => (data.plans[a].kind === "chosen") - (data.plans[b].kind === "chosen"));
  const [, left, end] = data.plans[current].forecasts[across];
  const [, low, high] = data.plans[current].forecasts[up];
  const [cx, cy] = [x.place(data.plans[current].forecasts[across][0]), y.place(data.plans[current].forecasts[up][0])];
  line("whisker", x.inside(left), cy, x.inside(end), cy);
  line("whisker", cx, y.inside(low), cx, y.inside(high));
  for (const index of order) {
    const plan = data.plans[index];
    const dot = add("circle", {
      class: `point ${plan.kind}`, r: plan.kind === "chosen" ? 8 : 5.5, tabindex: index === current ? 0 : -1,
      cx: x.place(plan.forecasts[across][0]), cy: y.place(plan.forecasts[up][0]),
      role: "img", "aria-label": [plan.role, plan.text[0]].filter(Boolean).join(": "),
    });
    dot.dataset.index = index;
    dot.addEventListener("click", () => show(index, true));
    dot.addEventListener("mouseenter", () => { if (current !== index) show(index, false); });
  }
}

// Along the axis across, as the eye goes.
function step(by) {
  const field = axisAt("x").field;
  const order = data.plans.map((plan, index) => index)
    .sort((a, b) => data.plans[a].forecasts[field][0] - data.plans[b].forecasts[field][0]);
  const next = order.indexOf(current) + by;
  if (next >= 0 && next < order.length) show(order[next], true);
}

function show(index, focus) {
  current = index;
  draw();
  const plan = data.plans[index];
  const lines = [plan.role && plan.role[0].toUpperCase() + plan.role.slice(1), ...plan.text];
  shown.replaceChildren(...lines.filter(Boolean).map((words, at) => {
    const row = document.createElement("p");
    row.className = at === 0 && plan.role ? "title" : "small";
    row.textContent = words;
    return row;
  }));
  shown.hidden = false;
  if (focus) chart.querySelector(`[data-index="${index}"]`).focus();
}

holder.addEventListener("keydown", event => {
  const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
  if (by) { event.preventDefault(); step(by); }
});
for (const [id, start] of [["x", 1], ["y", 0]]) {
  const select = document.getElementById(id);
  data.axes.forEach((axis, index) => select.add(new Option(axis.label, index)));
  select.value = start;
  select.addEventListener("change", draw);
}
new ResizeObserver(() => { if (chart.viewBox.baseVal.width !== Math.max(300, Math.min(768, holder.clientWidth))) draw(); }).observe(holder);
show(current, false);
