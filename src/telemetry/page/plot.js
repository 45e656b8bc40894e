// The plots of the last hour, drawn as SVG.

import { short, time } from "./format.js";

/** The span that is shown is the least of these that holds all samples, in minutes. */
const SPANS = [12, 20, 40, 60];
const HEIGHT = 150;
const EDGE = { left: 46, right: 10, top: 10, bottom: 22 };
/** Without a sample for so many intervals, the line is broken. */
const GAP = 3;

function svg(name, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/** The least round number that is not below, of 1, 2 or 5 and zeros. */
function roundUp(number) {
  const magnitude = 10 ** Math.floor(Math.log10(Math.max(number, 1)));
  return [1, 2, 5, 10].map((step) => step * magnitude).find((rounded) => rounded >= number);
}

export class Plot {
  /** `figure` has a caption with a span for what is read, and a div for the picture. */
  constructor(figure, format) {
    this.figure = figure;
    this.readout = figure.querySelector("span");
    this.place = figure.querySelector("div");
    this.format = format;
    this.points = [];
    new ResizeObserver(() => this.draw()).observe(this.place);
    this.place.addEventListener("pointermove", (event) => this.read(event));
    this.place.addEventListener("pointerleave", () => this.draw());
  }

  /** `points` are `{at, value, ready}`, oldest first. */
  show(points, now, everyS) {
    Object.assign(this, { points, now, everyS });
    this.draw();
  }

  draw() {
    const width = this.place.clientWidth;
    if (!width || this.now === undefined) return;
    const values = this.points.map((point) => point.value);
    const highest = Math.max(0, ...values);
    this.top = roundUp(highest);
    const age = this.points.length ? (this.now - this.points[0].at) / 60 : 0;
    this.span = SPANS.find((minutes) => minutes >= age) ?? SPANS.at(-1);
    const seconds = this.span * 60;
    this.x = (at) => EDGE.left + ((at - this.now + seconds) / seconds) * (width - EDGE.left - EDGE.right);
    this.y = (value) => HEIGHT - EDGE.bottom - (value / this.top) * (HEIGHT - EDGE.top - EDGE.bottom);
    this.picture = svg("svg", { role: "img", height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}` });
    this.picture.append(...this.unready(), ...this.axes(width), ...this.lines());
    this.place.replaceChildren(this.picture);
    const said = values.length
      ? `now ${this.format(values.at(-1))}, highest ${this.format(highest)}`
      : "no values yet";
    this.readout.textContent = said;
    this.picture.setAttribute("aria-label", `${this.figure.querySelector("b").textContent}: ${said}`);
  }

  axes(width) {
    const parts = [];
    for (const share of [0, 0.5, 1]) {
      const y = this.y(this.top * share);
      parts.push(svg("line", { class: share ? "grid" : "base", x1: EDGE.left, x2: width - EDGE.right, y1: y, y2: y }));
      const label = this.top === 1 && share === 0.5 ? "" : short(this.top * share);
      parts.push(svg("text", { x: EDGE.left - 6, y: y + 4, "text-anchor": "end" }, label));
    }
    for (const share of width < 400 ? [1, 0.5, 0] : [1, 0.75, 0.5, 0.25, 0]) {
      const minutes = this.span * share;
      const anchor = { 1: "start", 0: "end" }[share] ?? "middle";
      const text = minutes ? `${minutes} min ago` : "now";
      parts.push(svg("text", { x: this.x(this.now - minutes * 60), y: HEIGHT - 5, "text-anchor": anchor }, text));
    }
    return parts;
  }

  /** One line with its area for each run of samples without a gap. */
  lines() {
    const runs = [];
    for (const point of this.points) {
      const run = runs.at(-1);
      if (run && point.at - run.at(-1).at <= GAP * this.everyS) run.push(point);
      else runs.push([point]);
    }
    return runs.flatMap((run) => {
      const line = run.map((point) => `${this.x(point.at).toFixed(1)},${this.y(point.value).toFixed(1)}`).join("L");
      const [first, last, base] = [this.x(run[0].at), this.x(run.at(-1).at), this.y(0)];
      return [
        svg("path", { class: "area", d: `M${first.toFixed(1)},${base}L${line}L${last.toFixed(1)},${base}Z` }),
        svg("path", { class: "line", d: `M${line}${run.length === 1 ? "h.1" : ""}` }),
      ];
    });
  }

  /** The times in which the archiver was not ready. */
  unready() {
    const width = this.x(this.everyS) - this.x(0);
    return this.points
      .filter((point) => !point.ready)
      .map((point) =>
        svg("rect", {
          class: "unready",
          x: Math.max(EDGE.left, this.x(point.at) - width),
          y: EDGE.top,
          width: Math.min(width, this.x(point.at) - EDGE.left),
          height: HEIGHT - EDGE.top - EDGE.bottom,
        }),
      )
      .filter((rect) => Number(rect.getAttribute("width")) > 0);
  }

  /** Shows the value at the pointer. */
  read(event) {
    if (!this.points.length || !this.picture) return;
    this.mark?.remove();
    const at = event.clientX - this.place.getBoundingClientRect().left;
    const distance = (point) => Math.abs(this.x(point.at) - at);
    const point = this.points.reduce((one, other) => (distance(other) < distance(one) ? other : one));
    const x = this.x(point.at);
    this.mark = svg("g", { "pointer-events": "none" });
    this.mark.append(
      svg("line", { class: "cursor", x1: x, x2: x, y1: EDGE.top, y2: HEIGHT - EDGE.bottom }),
      svg("circle", { class: "dot", cx: x, cy: this.y(point.value), r: 4 }),
    );
    this.picture.append(this.mark);
    this.readout.textContent = `${time(point.at)}: ${this.format(point.value)}${point.ready ? "" : ", not ready"}`;
  }
}
