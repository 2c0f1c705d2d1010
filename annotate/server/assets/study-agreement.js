// How far raters agree, once a session has two complete takes; the figures are the server's.
import { ask, h, show } from "./nodes.js";

let asked = "";
let known = null;

// Shows the agreement; `tell(true)` is called once any rating is complete, practice not counted.
export async function agreement(place, study, tell) {
  const practice = new Set(study.videos.filter((one) => one.practice).map((one) => one.id));
  const done = study.assignments.filter((one) => one.state === "complete" && !practice.has(one.video));
  tell(done.length > 0);
  const takes = new Map();
  for (const one of done) {
    const key = `${one.video} ${one.dimension}`;
    takes.set(key, (takes.get(key) ?? 0) + 1);
  }
  if (![...takes.values()].some((n) => n >= 2)) {
    show(place, "early", () => h("p.soft", {}, "Agreement is shown after the second complete take of a session."));
    return;
  }
  const now = JSON.stringify(done.map((one) => [one.id, one.finished_ms]));
  if (now !== asked) {
    asked = now;
    if (known === null) {
      show(place, "soon", () => h("p.soft", {}, "Agreement is being computed..."));
    }
    known = await ask("/api/study/agreement").catch((error) => ({ error: error.message }));
    if (known.error) {
      asked = ""; // asked again at the next refresh
    }
  }
  if (known === null) {
    return; // an earlier call waits for the answer, and shows it
  }
  show(place, known, () =>
    known.error ? h("p.note.warn", {}, `Agreement cannot be shown. ${known.error}.`) : figures(known),
  );
}

function figures(told) {
  const raw = told.rows.filter((row) => row.level === "raw");
  const first = new Map(raw.toReversed().map((row) => [row.dimension, row]));
  const rows = raw.filter((row) => row.n_sessions > 1 || row === first.get(row.dimension)); // of one session all readings are one
  return [
    rows.length > 0 ? table(rows) : h("p.soft", {}, "No session has two complete takes of the same dimension."),
    h("p.small.soft.under", {}, "As rated, ratings in [-1, 1]. Pooled: sessions laid end to end."),
    ...list("ul.note.warn.small", told.standing_out.map((one) => one.text)),
    ...list("ul.note.small", told.remarks),
    h("p", {}, h("a.button", { href: "/study/agreement" }, "Everything, with pictures")),
  ];
}

function list(kind, texts) {
  return texts.length > 0 ? [h(kind, {}, texts.map((one) => h("li", {}, one)))] : [];
}

// A line for each measure, a column for each dimension and reading: it fits a narrow window too.
function table(rows) {
  return h(
    "div.scroll",
    { tabindex: "0", role: "region", "aria-label": "Agreement" },
    h(
      "table.matrix.figures",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("th", { scope: "col" }, "Measure"),
          rows.map((row) => h("th", { scope: "col" }, row.dimension, h("span.soft", {}, scope(row)))),
        ),
      ),
      h(
        "tbody",
        {},
        rows[0].figures.map((measure, i) =>
          h(
            "tr",
            {},
            h("th", { scope: "row", title: measure.meaning }, measure.word, h("span.soft.small", {}, measure.meaning)),
            rows.map((row) =>
              h("td.number", {}, row.figures[i].text, row.figures[i].interval ? h("span.soft.small", {}, row.figures[i].interval) : null),
            ),
          ),
        ),
      ),
    ),
  );
}

function scope(row) {
  return row.n_sessions === 1 ? "1 session" : row.scope.replace("of sessions", `of ${row.n_sessions} sessions`);
}
