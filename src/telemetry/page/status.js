// Shows status.json, and asks for it again every few seconds. What it says comes from topics' names and errors of others:
// it is set as text only.

import { bytes, count, duration, moment, perSecond, time } from "./format.js";
import { Plot } from "./plot.js";

const EVERY_MS = 5000;
/** An answer that takes longer counts as none. */
const PATIENCE_MS = 10000;
/** Samples over which a rate is the mean: records become archived in segments, not one by one. */
const RATE_SAMPLES = 6;

const byId = (id) => document.getElementById(id);
const shown = { filter: "", page: 0, answer: undefined, asked: 0, answered: 0 };
const ratePlot = new Plot(byId("rate-plot"), (rate) => `${perSecond(rate)}/s`);
const lagPlot = new Plot(byId("lag-plot"), count);

/** Changes the page only where the text is another one, so that nothing is read aloud or unselected without need. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setClass(element, name) {
  if (element.className !== name) element.className = name;
}

const orNone = (value, format) => (value === null ? "–" : format(value));
const words = (code) => code.replaceAll("_", " ");
const plural = (number, one, many) => `${count(number)} ${number === 1 ? one : many}`;

/** The levels are told by a sign and by words as well as by the colour. */
const SIGNS = { ok: "", warning: "▲ ", critical: "■ " };

const PARTITIONS = [
  ["Partition", (row) => `${row.topic}/${row.partition}`],
  ["State", (row, { ready }) => ({ level: row.level, text: stateOf(row, ready) })],
  ["Archived up to", (row, { now }) => orNone(row.archived_until, (until) => ago(until, now, row.lag))],
  ["Lag", (row) => orNone(row.lag, count)],
  ["Head", (row) => orNone(row.next_offset, count)],
  ["Seal in", (row) => orNone(row.seal_in_s, (left) => (left ? duration(left) : "progress"))],
  ["Deleted in", (row) => orNone(row.until_deletion_s, (left) => (left > 0 ? duration(left) : "overdue"))],
  ["Committed", (row) => orNone(row.since_commit_s, (since) => `${duration(since)} ago`)],
  ["In memory", (row) => bytes(row.buffered_bytes)],
];

const ELSEWHERE = [
  ["Name", (row) => row.name],
  ["State", (row) => ({ level: row.level, text: row.state })],
  ["Behind", (row) => plural(row.behind, "checkpoint", "checkpoints")],
  ["Last cosigned", (row) => row.cosigned],
  ["Failures", (row) => row.failures],
];

/** Without a lag, a few seconds are those between two looks at Kafka's log ends. */
const ago = (until, now, lag) => (lag === 0 && now - until <= 3 ? "now" : `${duration(now - until)} ago`);

function stateOf(row, ready) {
  if (row.stopped !== null) return `stopped: ${words(row.stopped)}`;
  const near = row.until_deletion_s !== null && row.until_deletion_s < 86400;
  if (near) return row.until_deletion_s > 0 ? "Kafka deletes soon" : "Kafka may delete now";
  if (row.level !== "ok" && row.open_transaction_s !== null) {
    return `transaction open for ${duration(row.open_transaction_s)}`;
  }
  if (row.lost_records > 0) return `${plural(row.lost_records, "record", "records")} lost`;
  if (row.lag === null) return "starting";
  if (row.lag === 0) return "up to date";
  return ready ? "archiving" : "not up to date";
}

function showTable(table, columns, rows, answer) {
  const head = table.tHead.rows[0];
  if (!head.cells.length) {
    head.append(...columns.map(([name]) => cell("th", { scope: "col", role: "columnheader" }, name)));
  }
  const body = table.tBodies[0];
  while (body.rows.length > rows.length) body.lastChild.remove();
  while (body.rows.length < rows.length) body.append(emptyRow(columns));
  rows.forEach((row, index) => {
    columns.forEach(([, of], column) => {
      const value = of(row, answer);
      const target = body.rows[index].cells[column];
      if (typeof value === "string") return setText(target, value);
      setText(target.firstChild, SIGNS[value.level] + value.text);
      return setClass(target.firstChild, `badge ${value.level}`);
    });
  });
  table.hidden = rows.length === 0;
}

function cell(name, attributes, text = "") {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  element.textContent = text;
  return element;
}

function emptyRow(columns) {
  const row = cell("tr", { role: "row" });
  columns.forEach(([name], index) => {
    const made = index
      ? cell("td", { role: "cell", "data-column": name })
      : cell("th", { scope: "row", role: "rowheader" });
    if (name === "State") made.append(cell("span", { class: "badge ok" }));
    row.append(made);
  });
  return row;
}

function showTile(id, level, value, ...details) {
  const tile = byId(id);
  setClass(tile, level);
  const [, main, detail] = tile.children;
  setText(main, SIGNS[level] + value);
  setText(detail, details.filter(Boolean).join(", "));
}

function showList(id, lines, further) {
  const section = byId(id);
  section.hidden = lines.length === 0;
  const all = further ? [...lines, `and ${count(further)} more`] : lines;
  const list = section.querySelector("ul");
  if (list.dataset.lines === JSON.stringify(all)) return;
  list.dataset.lines = JSON.stringify(all);
  list.replaceChildren(...all.map((line) => cell("li", {}, line)));
}

/** The mean rate up to each sample. */
function ratesOf(samples) {
  return samples.slice(1).map(([at, records, , , ready], index) => {
    const [since, before] = samples[Math.max(0, index + 1 - RATE_SAMPLES)];
    return { at, value: Math.max(0, records - before) / Math.max(1, at - since), ready: ready === 1 };
  });
}

function showHead(answer) {
  const [level, text] = answer.ready
    ? [answer.level, answer.level === "ok" ? "Archiving" : "Archiving, needs attention"]
    : ["critical", answer.alive ? "Not ready" : "Failed"];
  setText(byId("state"), SIGNS[level] + text);
  setClass(byId("state"), `badge ${level}`);
  document.title = `${SIGNS[level]}${text} – kivend archiver`;
  setText(byId("process"), `${answer.version}, up ${duration(answer.uptime_s)}, as of ${time(answer.now)}`);
  showList("reasons", answer.reasons, answer.further_reasons);
}

function showTiles(answer, rates) {
  const { archive, checkpoint, partitions, store, now } = answer;
  const until = archive.archived_until;
  showTile("until", "ok", orNone(until, (at) => ago(at, now, archive.lag)), until === null ? "not known yet" : moment(until));
  const lost = archive.lost_records && `${plural(archive.lost_records, "record", "records")} lost to retention`;
  const owned = plural(partitions.total, "partition", "partitions");
  showTile("lag", lost ? "warning" : "ok", count(archive.lag), owned, lost);
  const total = `${plural(archive.records, "record", "records")}, ${bytes(archive.stored_bytes)} since the start`;
  showTile("rate", "ok", `${perSecond(rates.length ? rates.at(-1).value : 0)}/s`, total);
  const covers = checkpoint.size ? `covers ${plural(checkpoint.size, "entry", "entries")}` : "none seen yet";
  showTile("checkpoint", checkpoint.level, duration(checkpoint.age_s), covers);
  const [recent, hour] = newErrors(answer);
  const codes = store.codes.slice(0, 3).map(([code]) => code);
  const verdict = recent ? plural(recent, "error", "errors") : "answers";
  showTile(
    "store",
    recent ? "warning" : "ok",
    store.requests ? verdict : "not asked yet",
    recent && "in the last minute",
    plural(store.requests, "request", "requests"),
    hour > recent && `${plural(hour, "error", "errors")} in the hour`,
    store.errors && `mostly ${codes.join(", ")}`,
  );
  const used = archive.memory_budget_bytes ? (archive.memory_used_bytes / archive.memory_budget_bytes) * 100 : 0;
  const share = `${bytes(archive.memory_used_bytes)} of ${bytes(archive.memory_budget_bytes)}`;
  showTile("memory", archive.memory_level, `${used.toFixed(0)} %`, share);
}

/** Errors of the store in the last minute, and in the hour that is shown. */
function newErrors({ history, store }) {
  const since = (samples) => (samples.length ? store.errors - samples[0][3] : store.errors);
  return [since(history.samples.slice(-RATE_SAMPLES)), since(history.samples)];
}

function showPartitions(answer) {
  const { partitions, ready } = answer;
  shown.page = partitions.page;
  showTable(byId("partitions"), PARTITIONS, partitions.rows, answer);
  const first = partitions.page * partitions.page_rows + 1;
  const range = partitions.rows.length
    ? `${count(first)} to ${count(first + partitions.rows.length - 1)} of ${count(partitions.matching)}`
    : "";
  const levels = [
    partitions.critical && `${count(partitions.critical)} critical`,
    partitions.warning && `${plural(partitions.warning, "warning", "warnings")}`,
  ].filter(Boolean);
  setText(byId("counts"), [range, ...levels].filter(Boolean).join(", "));
  setText(byId("page"), `Page ${count(partitions.page + 1)} of ${count(partitions.pages)}`);
  byId("previous").disabled = partitions.page === 0;
  byId("next").disabled = partitions.page + 1 >= partitions.pages;
  byId("previous").parentElement.hidden = partitions.pages === 1;
  byId("none").hidden = partitions.rows.length > 0;
  const empty = ready ? "This archiver owns no partitions: others of its group have them all." : "This archiver owns no partitions yet.";
  setText(byId("none"), partitions.total ? `No partition has “${shown.filter}” in its name.` : empty);
}

function showElsewhere(answer) {
  const { witnesses, mirrors } = answer;
  const state = (row) => (row.level === "ok" ? (row.behind ? "behind" : "up to date") : "falls behind");
  const rows = [
    ...witnesses.map((row) => ({
      ...row,
      name: `witness ${row.name}`,
      state: row.level === "ok" ? state(row) : "silent",
      cosigned: row.size ? `${duration(row.since_cosigned_s)} ago` : "never",
      failures: count(row.failures),
    })),
    ...mirrors.map((row) => ({ ...row, name: `mirror ${row.name}`, state: state(row), cosigned: "–", failures: "–" })),
  ];
  showTable(byId("elsewhere"), ELSEWHERE, rows, answer);
  byId("nowhere").hidden = rows.length > 0;
}

function show(answer) {
  const { samples, every_s: everyS } = answer.history;
  const rates = ratesOf(samples);
  showHead(answer);
  showTiles(answer, rates);
  ratePlot.show(rates, answer.now, everyS);
  const lags = samples.map(([at, , lag, , ready]) => ({ at, value: lag, ready: ready === 1 }));
  lagPlot.show(lags, answer.now, everyS);
  showPartitions(answer);
  showElsewhere(answer);
}

/** An answer that a later request has overtaken is not shown. */
async function ask() {
  const number = ++shown.asked;
  const silent = byId("silent");
  try {
    const query = new URLSearchParams({ filter: shown.filter, page: shown.page });
    const response = await fetch(`status.json?${query}`, { signal: AbortSignal.timeout(PATIENCE_MS), cache: "no-store" });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const answer = await response.json();
    if (number !== shown.asked) return;
    shown.answered = number;
    shown.answer = answer;
    silent.hidden = true;
    show(answer);
  } catch {
    if (number !== shown.asked) return;
    shown.answered = number;
    const since = shown.answer ? `since ${time(shown.answer.now)}. What is shown is from then.` : "yet.";
    setText(silent, `The archiver has not answered ${since}`);
    silent.hidden = false;
    setText(byId("state"), "■ No answer");
    setClass(byId("state"), "badge critical");
  }
}

function turn(pages) {
  shown.page += pages;
  ask();
}

byId("previous").addEventListener("click", () => turn(-1));
byId("next").addEventListener("click", () => turn(1));
byId("filter").addEventListener("input", (event) => {
  shown.filter = event.target.value;
  shown.page = 0;
  ask();
});
document.addEventListener("visibilitychange", () => document.hidden || ask());
// A slow answer is waited for, else none would ever be shown.
setInterval(() => document.hidden || shown.answered < shown.asked || ask(), EVERY_MS);
ask();
