"use strict";
/* What the page adds for a reader with JavaScript: a run opens, the plot zooms, tables sort and
   filter. All text that is shown comes from the document or from the details, and is set as text. */
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

  /** Return a new element with a class and the children, of which texts stay texts. */
  function make(tag, kind, ...children) {
    const found = document.createElement(tag);
    if (kind) found.className = kind;
    found.append(...children);
    return found;
  }

  // ---- the runs, as the table of all runs has them

  const table = $("table.runs");
  const body = table && table.tBodies[0];
  const names = table ? $$("th", table).map((cell) => cell.textContent.trim()) : [];
  const runs = [];
  for (const row of body ? [...body.rows] : []) { // a copy: each link changes the collection
    const cells = Object.fromEntries(names.map((name, n) => [name, row.cells[n].textContent.trim()]));
    const mark = row.cells[2].className || "discard"; // the most frequent one is not written
    const place = +row.id.slice(1);
    const link = make("a", "", cells.commit);
    link.href = `#${row.id}`;
    row.cells[1].replaceChildren(link);
    runs[place] = { row, mark, place, curve: +(row.dataset.c || 0), ...cells };
  }
  /** Return the number that a cell begins with. */
  const number = (text) => parseFloat(text.replace("\u2212", "-"));

  // ---- details of runs

  const data = JSON.parse($("#details").textContent);
  const opened = new Map();

  /** Return the details of the run at a place; null if the page has none. */
  async function read(place) {
    const at = Math.floor(place / data.block);
    const text = data.blocks[at];
    if (!text) return null;
    if (!opened.has(at)) {
      const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
      opened.set(at, new Response(stream).json());
    }
    return (await opened.get(at))[place % data.block];
  }

  const dialog = make("dialog", "details");
  dialog.setAttribute("aria-labelledby", "details-h");
  document.body.append(dialog);
  let first = null; // the run that another one is to be compared with

  function colored(diff) {
    const block = make("pre", "diff");
    block.tabIndex = 0;
    const kinds = { "+": "add", "-": "del", "@": "hunk" };
    let inHunk = false; // the names of the files stand before the first hunk of each
    for (const line of diff.split("\n")) {
      inHunk = line.startsWith("@@") || (inHunk && !line.startsWith("diff "));
      const kind = !inHunk && /^(\+\+\+|---)/.test(line) ? "file" : kinds[line[0]] || "";
      block.append(make("span", kind, line + "\n"));
    }
    return block;
  }

  /** Return the column of a run in the dialog. */
  async function describe(run) {
    const column = make("div", "run");
    const found = await read(run.place);
    column.append(make("h3", "", `${run.commit} `, make("small", "", run.verdict)));
    if (!found) {
      column.append(make("p", "", run.description));
      column.append(make("p", "note", "The page has no details of this run: it was full. "
        + `pytest-ouro show ${run.commit} shows them.`));
      return column;
    }
    const facts = make("dl", "");
    for (const [name, words] of found.facts) facts.append(make("dt", "", name), make("dd", "", words));
    column.append(facts);
    if (found.diff) column.append(make("h4", "", "Diff against its reference"), colored(found.diff));
    if (found.log) {
      const log = make("pre", "log", found.log);
      log.tabIndex = 0;
      column.append(make("h4", "", "End of the log"), log);
    }
    return column;
  }

  function button(words, act, kind = "") {
    const found = make("button", kind, words);
    found.type = "button";
    found.addEventListener("click", act);
    return found;
  }

  /** Open a run, beside the one that it is to be compared with, if there is one. */
  async function open(run) {
    const both = first && first !== run ? [first, run] : [run];
    const columns = await Promise.all(both.map(describe));
    const title = make("h2", "", both.length > 1 ? "Two runs" : run["#"] ? `Run ${run["#"]}` : `A ${run.verdict.split(" ").pop()} run`);
    title.id = "details-h";
    const near = (step) => {
      const next = shownRuns(run, step);
      const found = button(step < 0 ? "\u2039 older" : "newer \u203a", () => open(next));
      found.disabled = !next;
      return found;
    };
    const compare = both.length > 1
      ? button("End the comparison", () => { choose(null); open(run); })
      : button("Compare with\u2026", () => { choose(run); dialog.close(); });
    const close = button("Close", () => dialog.close(), "close");
    dialog.classList.toggle("two", both.length > 1);
    dialog.replaceChildren(
      make("div", "bar-tools", title, near(-1), near(1), compare, close),
      make("div", "columns", ...columns),
    );
    if (!dialog.open) dialog.showModal();
    close.focus();
    history.replaceState(null, "", `#${run.row.id}`);
  }

  /** Return the next run, in the order of time, that the table shows; undefined at its end. */
  function shownRuns(run, step) {
    const visible = runs.filter((one) => one === run || !one.row.hidden);
    return visible[visible.indexOf(run) + step];
  }

  const choosing = make("p", "choosing");
  choosing.setAttribute("role", "status");
  choosing.hidden = true;
  document.body.append(choosing);

  function choose(run) {
    first = run;
    choosing.hidden = !run;
    if (run) {
      choosing.replaceChildren(`Open the run to compare ${run.commit} with. `,
        button("Cancel", () => choose(null)));
    }
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest('a[href^="#r"]');
    const row = link && document.getElementById(link.hash.slice(1));
    if (!row || !(row.parentElement === body) || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open(runs[+row.id.slice(1)]);
  });
  dialog.addEventListener("close", () => {
    history.replaceState(null, "", location.href.split("#")[0]); // else a reload opens it again
    if (dialog.classList.contains("two")) choose(null);
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && first && !dialog.open) choose(null);
  });

  // ---- the table of all runs: filter and sort

  function setUpTable() {
    const search = make("input", "");
    search.type = "search";
    search.setAttribute("aria-label", "Filter runs by any word");
    search.placeholder = "Filter by any word";
    const kinds = {
      "all runs": () => true,
      kept: (run) => /^keep/.test(run.verdict),
      discarded: (run) => run.mark === "discard" || run.mark === "aside" && /^discard/.test(run.verdict),
      crashed: (run) => run.mark === "crash" || run.mark === "breach",
      placebos: (run) => run.mark === "placebo",
    };
    const kind = select("Which runs", Object.keys(kinds));
    const named = (run) => run.row.cells[7].textContent.trim();
    const curve = names.includes("curve")
      ? select("Which curve", ["all curves", ...new Set(runs.map(named).filter(Boolean))])
      : null;
    const count = make("span", "count");
    count.setAttribute("role", "status");
    const apply = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let visible = 0;
      for (const run of runs) {
        const text = run.row.textContent.toLowerCase();
        const fits = kinds[kind.value](run) && words.every((word) => text.includes(word))
          && (!curve || curve.selectedIndex === 0 || named(run) === curve.value);
        run.row.hidden = !fits;
        visible += fits;
      }
      count.textContent = `${visible} of ${runs.length}`;
    };
    for (const control of [search, kind, curve]) if (control) control.addEventListener("input", apply);
    const tools = make("div", "bar-tools", search, kind, ...(curve ? [curve] : []), count);
    table.parentElement.before(tools);
    apply();
    $$("th", table).forEach((cell, column) => {
      const name = cell.textContent.trim();
      const sort = button(name, () => {
        const up = cell.getAttribute("aria-sort") === "ascending";
        $$("th", table).forEach((other) => other.removeAttribute("aria-sort"));
        cell.setAttribute("aria-sort", up ? "descending" : "ascending");
        const key = sortKey(name, column);
        const keyed = runs.map((run) => [key(run), run]);
        const last = keyed.filter(([value]) => Number.isNaN(value));
        const known = keyed.filter(([value]) => !Number.isNaN(value));
        known.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * (up ? -1 : 1));
        body.replaceChildren(...[...known, ...last].map(([, run]) => run.row));
      });
      cell.replaceChildren(sort);
    });
  }

  function sortKey(name, column) {
    if (name === "ended" || name === "#") return (run) => run.place;
    if (name === "value" || name === "gain") return (run) => number(run[name]);
    return (run) => run.row.cells[column].textContent;
  }

  function select(label, words) {
    const found = make("select", "", ...words.map((word) => make("option", "", word)));
    found.setAttribute("aria-label", label);
    return found;
  }

  // ---- the plots: read, move, zoom

  const space = "http://www.w3.org/2000/svg";

  function setUpPlot(figure) {
    const svg = $("svg", figure);
    const numbers = ["left", "right", "top", "bottom", "low", "high", "many"];
    const scale = Object.fromEntries(numbers.map((name) => [name, +svg.dataset[name]]));
    const mine = runs.filter((run) => run.curve === +figure.dataset.curve && run["#"]);
    const marks = $$(".marks > path", svg).map((path) => ({
      path,
      shift: path.dataset.shift.split(" ").map(Number),
      parts: path.getAttribute("d").split("M").slice(1).map((part) => {
        const [, x, y, rest] = /^(-?[\d.]+) (-?[\d.]+)(.*)$/.exec(part);
        return { x: +x, y: +y, rest };
      }),
    }));
    const points = []; // each with the place where it is drawn without zoom
    for (const { path, shift, parts } of marks) {
      const kind = path.classList[1];
      const of = mine.filter((run) => run.mark === kind
        && (run.value || kind === "crash" || kind === "breach"));
      parts.forEach((part, n) => {
        if (of[n]) points.push({ run: of[n], x: part.x - shift[0], y: part.y - shift[1], kind });
      });
    }
    points.sort((one, other) => one.x - other.x || one.run.place - other.run.place);
    const axes = $(".axes", svg), lines = $(".lines > g", svg), labels = $$(".labels > *", svg);
    const still = axes.cloneNode(true);
    const view = { k: 1, x: 0, y: 0 }; // a place p is drawn at k p + (x or y)
    const tip = make("div", "tip");
    tip.hidden = true;
    const said = make("div", "hidden");
    said.setAttribute("aria-live", "polite");
    const stage = make("div", "stage");
    svg.before(stage);
    stage.append(svg, tip);
    stage.tabIndex = 0;
    stage.setAttribute("role", "application");
    stage.setAttribute("aria-label", "Plot: arrow keys move between experiments, Enter opens one, "
      + "plus, minus and 0 zoom");
    const cursor = document.createElementNS(space, "circle");
    cursor.setAttribute("class", "cursor");
    cursor.setAttribute("r", "9");
    cursor.setAttribute("visibility", "hidden");
    svg.append(cursor);
    let at = -1;

    const inside = (x, y) => x >= scale.left - 12 && x <= scale.right + 12
      && y >= scale.top - 2 && y <= scale.bottom + 2;
    const isFailed = (kind) => kind === "crash" || kind === "breach";
    /** Return where a place is drawn now; failed experiments stay in their lane. */
    const map = (x, y, kind) => [view.k * x + view.x, isFailed(kind) ? y : view.k * y + view.y];

    function redraw() {
      const zoomed = view.k > 1;
      for (const { path, shift, parts } of marks) {
        const kind = path.classList[1];
        path.setAttribute("d", parts.map((part) => {
          const [x, y] = map(part.x - shift[0], part.y - shift[1], kind);
          const free = !zoomed || inside(x, isFailed(kind) ? scale.top : y);
          return free ? `M${(x + shift[0]).toFixed(1)} ${(y + shift[1]).toFixed(1)}${part.rest}` : "";
        }).join(""));
      }
      lines.setAttribute("transform", `matrix(${view.k} 0 0 ${view.k} ${view.x} ${view.y})`);
      for (const label of labels) {
        const [px, py] = label.dataset.at.split(" ").map(Number);
        const [x, y] = map(px, py, "");
        label.setAttribute("transform", `translate(${x - px} ${y - py})`);
        label.setAttribute("visibility", !zoomed || inside(x, y) ? "visible" : "hidden");
      }
      svg.classList.toggle("zoomed", zoomed);
      drawAxes(zoomed);
      if (at >= 0) point(at, false);
    }

    function drawAxes(zoomed) {
      if (!zoomed) return axes.replaceChildren(...still.cloneNode(true).children);
      const value = (y) => scale.high - ((y - view.y) / view.k - scale.top)
        / (scale.bottom - scale.top) * (scale.high - scale.low);
      const place = (x) => ((x - view.x) / view.k - scale.left)
        / (scale.right - scale.left) * Math.max(scale.many - 1, 1) + 1;
      const found = [];
      const heights = ticks(value(scale.bottom), value(scale.top), 6);
      for (const tick of heights) {
        const y = view.k * (scale.top + (scale.high - tick) / (scale.high - scale.low)
          * (scale.bottom - scale.top)) + view.y;
        found.push(shapeOf("path", { class: "grid", d: `M${scale.left - 10} ${y}H${scale.right + 10}` }));
        found.push(shapeOf("text", { class: "y", x: scale.left - 18, y: y + 4 }, write(tick, heights)));
      }
      for (const tick of ticks(place(scale.left), place(scale.right), 10)) {
        if (tick !== Math.round(tick)) continue;
        const x = view.k * (scale.left + (tick - 1) / Math.max(scale.many - 1, 1)
          * (scale.right - scale.left)) + view.x;
        found.push(shapeOf("text", { class: "x", x, y: svg.viewBox.baseVal.height - 10 }, `${tick}`));
      }
      axes.replaceChildren(...found);
    }

    /** Zoom around a place; without one, around the experiment that is pointed at. */
    function zoom(factor, x, y) {
      if (x === undefined) {
        [x, y] = [(scale.left + scale.right) / 2, (scale.top + scale.bottom) / 2];
        if (at >= 0) [x, y] = map(points[at].x, isFailed(points[at].kind) ? y : points[at].y, "");
      }
      const k = Math.min(Math.max(view.k * factor, 1), 60);
      move(x - (x - view.x) * k / view.k, y - (y - view.y) * k / view.k, k);
    }

    function move(x, y, k = view.k) {
      const bound = (value, low, high) => Math.min(Math.max(value, high - k * high), low - k * low);
      view.k = k;
      view.x = k === 1 ? 0 : bound(x, scale.left, scale.right);
      view.y = k === 1 ? 0 : bound(y, scale.top, scale.bottom);
      redraw();
      reset.disabled = k === 1;
    }

    /** Show what an experiment is, beside it. */
    function point(n, speak = true) {
      at = n;
      const { run, x: px, y: py, kind } = points[n];
      let [x, y] = map(px, py, kind);
      if (speak && !inside(x, isFailed(kind) ? scale.top : y)) { // bring it into view
        at = -1;
        move(view.x + (scale.left + scale.right) / 2 - x,
          isFailed(kind) ? view.y : view.y + (scale.top + scale.bottom) / 2 - y);
        at = n;
        [x, y] = map(px, py, kind);
      }
      cursor.setAttribute("cx", x);
      cursor.setAttribute("cy", y);
      cursor.setAttribute("visibility", "visible");
      const head = `#${run["#"]} ${run.commit} ${run.verdict}`;
      const values = [run.value, run.gain && `gain ${run.gain}`, run.ended].filter(Boolean).join(" \u00b7 ");
      tip.replaceChildren(make("b", "", head), make("span", "", values), make("span", "", run.description));
      tip.hidden = false;
      const box = svg.getBoundingClientRect(), ratio = box.width / svg.viewBox.baseVal.width;
      const left = x * ratio + 14, wide = tip.offsetWidth;
      tip.style.left = `${Math.max(0, left + wide > box.width ? x * ratio - wide - 14 : left)}px`;
      const top = y * ratio - tip.offsetHeight - 12;
      tip.style.top = `${top < 0 ? y * ratio + 14 : top}px`;
      if (speak) said.textContent = `${head}, ${values}, ${run.description}`;
    }

    function leave() {
      at = -1;
      tip.hidden = true;
      cursor.setAttribute("visibility", "hidden");
    }

    const where = (event) => {
      const box = svg.getBoundingClientRect(), ratio = svg.viewBox.baseVal.width / box.width;
      return [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio, ratio];
    };
    let drag = null;
    svg.addEventListener("pointermove", (event) => {
      const [x, y, ratio] = where(event);
      if (drag) {
        drag.moved = drag.moved || Math.hypot(x - drag.x, y - drag.y) > 6;
        if (drag.moved) return move(drag.from.x + x - drag.x, drag.from.y + y - drag.y);
      }
      let best = -1, near = 26 * Math.max(ratio, 1);
      points.forEach((one, n) => {
        const [px, py] = map(one.x, one.y, one.kind);
        const far = Math.hypot(px - x, py - y);
        if (far < near) [best, near] = [n, far];
      });
      if (best >= 0) point(best, false); else leave();
    });
    svg.addEventListener("pointerdown", (event) => {
      const [x, y] = where(event);
      if (event.button === 0) drag = { x, y, from: { ...view }, moved: false };
      if (view.k > 1) svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointerup", () => {
      if (drag && !drag.moved && at >= 0) open(points[at].run);
      drag = null;
    });
    svg.addEventListener("pointerleave", () => { drag = null; leave(); });
    svg.addEventListener("dblclick", (event) => zoom(2, ...where(event)));
    svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // a plain wheel scrolls the page
      event.preventDefault();
      zoom(event.deltaY < 0 ? 1.3 : 1 / 1.3, ...where(event));
    }, { passive: false });
    stage.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const acts = {
        "+": () => zoom(1.6), "=": () => zoom(1.6), "-": () => zoom(1 / 1.6), 0: () => move(0, 0, 1),
        Home: () => point(0), End: () => point(points.length - 1), Escape: leave,
        Enter: () => { if (at >= 0) open(points[at].run); },
        ArrowUp: () => move(view.x, view.y + 40), ArrowDown: () => move(view.x, view.y - 40),
      };
      if (event.ctrlKey || event.metaKey || event.altKey || !(step || acts[event.key]) || !points.length) return;
      if (step) point(Math.min(Math.max(at + step, 0), points.length - 1));
      else acts[event.key]();
      event.preventDefault();
    });
    stage.addEventListener("blur", leave);
    const reset = button("Reset", () => move(0, 0, 1));
    reset.disabled = true;
    const plus = button("+", () => zoom(1.6)), minus = button("\u2212", () => zoom(1 / 1.6));
    plus.setAttribute("aria-label", "Zoom in");
    minus.setAttribute("aria-label", "Zoom out");
    figure.append(said, make("div", "zoom", plus, minus, reset));
  }

  function shapeOf(tag, attributes, words = "") {
    const found = document.createElementNS(space, tag);
    for (const [name, value] of Object.entries(attributes)) found.setAttribute(name, value);
    found.textContent = words;
    return found;
  }

  /** Return round values between two, at most about so many of them. */
  function ticks(low, high, most) {
    const rough = (high - low) / most, power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((one) => power * one >= rough * 0.999);
    const found = [];
    for (let n = Math.ceil(low / step - 1e-9); n <= high / step + 1e-9; n += 1) found.push(n * step);
    return found;
  }

  function write(value, every) {
    const step = every.length > 1 ? every[1] - every[0] : Math.abs(value) || 1;
    return value.toFixed(Math.min(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)), 9));
  }

  if (table) setUpTable();
  for (const figure of $$("figure.plot[data-curve]")) setUpPlot(figure);
  document.documentElement.classList.add("live");
  const asked = location.hash.startsWith("#r") && document.getElementById(location.hash.slice(1));
  if (asked && asked.parentElement === body) open(runs[+asked.id.slice(1)]);
})();
