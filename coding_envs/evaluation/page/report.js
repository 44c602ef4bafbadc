"use strict";
// All text is set with textContent: nothing that a program wrote becomes part of the page.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const PAGE = 50;
  const element = (id) => document.getElementById(id);
  const make = (tag, name, text) => {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const filters = { status: (r) => [r.status], difficulty: (r) => [r.difficulty], tag: (r) => r.tags };
  let found = [];
  let shown = 0;

  function fill(id) {
    const counts = new Map();
    for (const row of data.rows)
      for (const value of filters[id](row) || [])
        if (value !== undefined) counts.set(value, (counts.get(value) || 0) + 1);
    const select = element(id);
    select.hidden = counts.size < 2;
    select.append(new Option(`any ${id}`, ""));
    if (id === "status") select.append(new Option("not accepted", "!"));
    for (const [value, count] of counts) select.append(new Option(`${value} (${count})`, "=" + value));
  }

  function matches(row, words) {
    for (const id of Object.keys(filters)) {
      const wanted = element(id).value;
      if (wanted === "!" && row.kind === "good") return false;
      if (wanted.startsWith("=") && !(filters[id](row) || []).includes(wanted.slice(1))) return false;
    }
    if (!words.length) return true;
    const text = [row.key, row.message, row.program].join("\n").toLowerCase();
    return words.every((word) => text.includes(word));
  }

  function open(details, row) {
    const part = (title, text, name = "wrap") => {
      if (text === undefined || text === "") return;
      details.append(make("h3", "", title), make("pre", name, text));
    };
    if (row.message) part(row.test ? `Test ${row.test} of ${row.total}` : "Message", row.message);
    part("Input of the test", row.shown);
    part("Expected", row.expected);
    part("End of standard error", row.stderr);
    part("Program", row.program === undefined ? "not on this page; see verdicts.jsonl" : row.program, "");
  }

  function line(row) {
    const details = make("details");
    const summary = make("summary");
    summary.append(
      make("span", `status ${row.kind}`, row.status.replaceAll("_", " ")),
      make("span", "problem", `${row.key} #${row.sample}`),
      make("span", "tests", `${row.passed}/${row.total} tests`),
      make("span", "message", (row.message || `${row.cpu} s`).split("\n", 1)[0]),
    );
    details.append(summary);
    details.addEventListener("toggle", () => {
      if (details.open && details.childElementCount === 1) open(details, row);
    });
    return details;
  }

  function more() {
    element("rows").append(...found.slice(shown, shown + PAGE).map(line));
    shown = Math.min(shown + PAGE, found.length);
    element("more").hidden = shown === found.length;
    const rest = data.left_out ? `; ${data.left_out} more in verdicts.jsonl` : "";
    element("count").textContent = `${found.length} of ${data.rows.length} programs${rest}`;
  }

  function update() {
    const words = element("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    found = data.rows.filter((row) => matches(row, words));
    shown = 0;
    element("rows").replaceChildren();
    more();
  }

  Object.keys(filters).forEach(fill);
  if (data.rows.some((row) => row.kind !== "good")) element("status").value = "!";
  let waiting;
  element("search").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(update, 120);
  });
  Object.keys(filters).forEach((id) => element(id).addEventListener("change", update));
  element("more").addEventListener("click", more);
  element("filters").hidden = false;
  update();
})();
