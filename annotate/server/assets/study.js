// The study's page: asks the server every ten seconds how far everyone is, and shows what has changed.
import { ask } from "./nodes.js";
import { agreement } from "./study-agreement.js";
import { cellDialog, legend, matrix } from "./study-matrix.js";
import { hideLink, raters, showLink } from "./study-raters.js";

const REFRESH_MS = 10_000;
const at = (id) => document.getElementById(id);

let timer = 0;
let asked = 0;

async function refresh() {
  clearTimeout(timer);
  asked += 1;
  const mine = asked;
  try {
    const study = await ask("/api/study");
    if (mine !== asked) {
      return; // a newer answer is on its way
    }
    tell(null);
    draw(study);
  } catch (error) {
    tell(error.message);
    at("how-far").textContent ||= "";
  }
  clearTimeout(timer);
  timer = setTimeout(refresh, REFRESH_MS);
}

function draw(study) {
  at("bar").max = Math.max(1, study.n_total);
  at("bar").value = study.n_done;
  const films = study.videos.filter((one) => !one.practice).length;
  at("how-far").textContent =
    films === 0
      ? "No videos yet: add sessions with mavfer study add"
      : `${study.n_done} of ${study.n_total} ratings done, ${films} ${films === 1 ? "video" : "videos"}, ` +
        `${study.raters.length} ${study.raters.length === 1 ? "rater" : "raters"}`;
  document.title = document.title.replace(/^(\d+% )?/, study.n_total > 0 ? `${Math.floor((100 * study.n_done) / study.n_total)}% ` : "");
  raters(at("raters"), study, { act, makeLink });
  legend(at("legend"), study);
  matrix(at("matrix"), study, (rater, video) => cellDialog(at("cell"), study, rater, video, act));
  agreement(at("agreement"), study, (done) => {
    at("traces").hidden = !done;
    at("no-traces").hidden = done;
  });
}

function tell(text) {
  const place = at("trouble");
  if (place.textContent !== (text ?? "")) {
    place.textContent = text ?? "";
  }
  place.hidden = text === null;
}

// Does something on the server and shows how things are then; says what went wrong on top of the page.
async function act(path) {
  try {
    await ask(path, { method: "POST" });
    await refresh();
  } catch (error) {
    tell(error.message);
    at("trouble").scrollIntoView({ block: "center" });
  }
}

async function makeLink(rater) {
  try {
    showLink(at("link"), rater, await ask(`/api/study/raters/${rater.id}/link`, { method: "POST" }));
  } catch (error) {
    hideLink(at("link"));
    tell(error.message);
  }
}

at("add").addEventListener("submit", async (event) => {
  event.preventDefault();
  const says = at("add-says");
  const name = at("name");
  const wanted = name.value.trim();
  const good = /^[A-Za-z0-9_-]{1,40}$/.test(wanted);
  try {
    if (!good) {
      throw new Error("Wanted a name of 1 to 40 letters, digits, - or _; a pseudonym, not the person's name.");
    }
    const rater = await ask("/api/study/raters", {
      method: "POST",
      body: { name: wanted, team: Number(at("team").value) },
    });
    says.className = "note good";
    says.textContent =
      `${rater.name} is in team ${rater.team}, with ${rater.n_assigned} ` +
      `${rater.n_assigned === 1 ? "rating" : "ratings"} to do, practice included. Make a link next.`;
    name.value = "";
    name.removeAttribute("aria-invalid");
    await refresh();
  } catch (error) {
    says.className = "note bad";
    says.textContent = error.message;
    name.setAttribute("aria-invalid", "true");
    name.focus();
  }
  says.hidden = false;
});

at("log-out").addEventListener("click", async () => {
  await fetch("/leave", { method: "POST" }).catch(() => null);
  location.assign("/");
});

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) {
    refresh();
  }
});
at("team").closest("div").hidden = at("team").options.length < 2;
refresh();
