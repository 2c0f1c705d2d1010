// Videos by raters: a shape for each pass, which says in form and color how far it is.
import { h, show } from "./nodes.js";

const STATES = { waiting: "not begun", open: "begun", complete: "complete" };
const LETTERS = { valence: "V", arousal: "A", both: "VA" };

export function legend(place, study) {
  show(place, study.dimensions, () => [
    ...Object.entries(STATES).map(([state, words]) => h("span", {}, h(`span.mark.${state}`), ` ${words}`)),
    h("span", {}, h("span.mark.none"), " not assigned"),
    ...(study.dimensions.length > 1
      ? study.dimensions.map((one) => h("span", {}, h("b", {}, LETTERS[one]), ` ${one}`))
      : []),
  ]);
}

// Shows the matrix; `open(rater, video)` is called for a cell.
export function matrix(place, study, open) {
  const people = study.raters.filter((one) => one.active || one.n_done + one.n_open > 0);
  const of = new Map();
  for (const one of study.assignments) {
    const key = `${one.rater} ${one.video}`;
    of.set(key, [...(of.get(key) ?? []), one]);
  }
  const what = [people.map((one) => [one.id, one.name]), study.videos, study.assignments, study.dimensions];
  show(place, what, () => {
    if (study.videos.length === 0) {
      return h("p.soft", {}, "No videos yet. Add sessions: ", h("kbd", {}, "mavfer study add STUDY SESSIONS"));
    }
    return h(
      "div.scroll",
      { tabindex: "0", role: "region", "aria-label": "Videos by raters" },
      h(
        "table.matrix",
        {},
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Video"), people.map((one) => h("th", { scope: "col", title: one.name }, h("span", {}, one.name))))),
        h("tbody", {}, study.videos.map((video) => row(video, people, study.dimensions, of, open))),
      ),
    );
  });
}

function row(video, people, dimensions, of, open) {
  const length = `${Math.floor(video.duration_s / 60)}:${String(Math.floor(video.duration_s % 60)).padStart(2, "0")}`;
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, h("span.session", { title: video.session }, video.session), " ", h("span.soft.small.number", {}, length)),
    people.map((rater) => {
      const passes = of.get(`${rater.id} ${video.id}`) ?? [];
      if (passes.length === 0) {
        return h("td", {}, h("span.mark.none", { title: "not assigned to this rater" }));
      }
      const sorted = dimensions.map((one) => passes.find((pass) => pass.dimension === one)).filter(Boolean);
      const told = sorted.map((one) => `${one.dimension} ${STATES[one.state]}`).join(", ");
      return h(
        "td",
        {},
        h(
          "button.cell",
          {
            type: "button",
            title: `${rater.name}, ${video.session}: ${told}`,
            "aria-label": `${rater.name}, ${video.session}: ${told}`,
            "data-key": `${rater.id} ${video.id}`,
            onclick: () => open(rater, video),
          },
          sorted.map((one) => h("span.pass", {}, sorted.length > 1 ? h("i", {}, LETTERS[one.dimension]) : null, h(`span.mark.${one.state}`))),
        ),
      );
    }),
  );
}

// Opens what is known of one rater's passes of one video, with the wish to have it rated anew.
export function cellDialog(dialog, study, rater, video, act) {
  const passes = study.assignments.filter((one) => one.rater === rater.id && one.video === video.id);
  const close = () => dialog.close();
  dialog.replaceChildren(
    h("h3", { id: "cell-name" }, `${rater.name}, ${video.session}`),
    h(
      "ul.passes",
      {},
      passes.map((one) =>
        h(
          "li",
          {},
          h(`span.mark.${one.state}`),
          h("span", {}, one.dimension === "both" ? "valence and arousal" : one.dimension, ": ", STATES[one.state], when(one)),
          one.state === "waiting"
            ? null
            : h("button.button.small", {
                type: "button",
                onclick: async () => {
                  close();
                  await act(`/api/study/assignments/${one.id}/again`);
                },
              }, "Let rate again"),
        ),
      ),
    ),
    passes.some((one) => one.state !== "waiting")
      ? h("p.small.soft", {}, "It then starts anew; what was rated before stays stored, and counts no more.")
      : "",
    h("button.button", { type: "button", onclick: close }, "Close"),
  );
  dialog.showModal();
}

function when(one) {
  return one.finished_ms === null ? "" : `, ${new Date(one.finished_ms).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })}`;
}
