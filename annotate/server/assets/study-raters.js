// The raters of a study: how far each is, what to mind, and what the study's owner may do.
import { ago, h, minutes, show } from "./nodes.js";

// Shows the raters; `does.act(path)` posts, `does.makeLink(rater)` makes a link.
export function raters(place, study, does) {
  const rows = study.raters.map((rater) => ({
    ...rater,
    seen: rater.last_seen_ms === null ? "never" : ago(rater.last_seen_ms, study.server_ms),
    last_seen_ms: null,
  }));
  show(place, rows, () =>
    rows.length === 0
      ? h("p.soft", {}, "Nobody rates yet. Add the first rater below.")
      : h("ul.people", {}, rows.map((rater) => person(rater, does))),
  );
}

function person(rater, does) {
  const done = rater.n_total > 0 && rater.n_done === rater.n_total;
  const facts = [
    rater.active ? null : "has left",
    rater.active && !rater.read ? "has not read the instructions" : null,
    rater.seen === "never" ? "never seen" : `seen ${rater.seen}`,
    rater.n_open > 0 ? `${rater.n_open} begun` : null,
  ].filter(Boolean);
  const left = !rater.active ? "left to others" : done ? "done" : rater.n_total === 0 ? "nothing to rate" : `${minutes(rater.minutes_left)} left`;
  return h(
    "li",
    { class: `person${rater.active ? "" : " gone"}` },
    h("div.whose", {}, h("b", {}, rater.name), h("span.soft.small", {}, ` team ${rater.team}`)),
    h(
      "div.bar",
      {},
      h("progress", { max: Math.max(1, rater.n_total), value: rater.n_done, "aria-label": `${rater.name}: done` }),
      h("span.number.small", {}, `${rater.n_done} of ${rater.n_total}, ${left}`),
    ),
    h("div.facts.small.soft", {}, facts.join(", ")),
    h("div.acts", {}, ...acts(rater, does)),
    rater.clock_wrong
      ? h("p.note.warn.small", {}, `The clock of this rater's machine is ${off(rater.clock_ahead_ms)}. Ratings are timed by the film and hold.`)
      : null,
    rater.reminder ? h("p.note.small", {}, rater.reminder) : null,
  );
}

function acts(rater, does) {
  if (!rater.active) {
    return [
      h("button.button.small", {
        type: "button",
        "data-key": `${rater.id} back`,
        onclick: () => does.act(`/api/study/raters/${rater.id}/return`),
      }, "Let come back"),
    ];
  }
  return [
    h("button.button.small", {
      type: "button",
      "data-key": `${rater.id} link`,
      "aria-label": `Make a link for ${rater.name}`,
      onclick: () => does.makeLink(rater),
    }, "Make a link"),
    h("button.button.small", {
      type: "button",
      "data-key": `${rater.id} leave`,
      "aria-label": `${rater.name} has left the study`,
      onclick: () => {
        const told = `${rater.name} has left? Links and logins end, what is rated stays, and the rest goes to others of team ${rater.team}.`;
        if (confirm(told)) {
          does.act(`/api/study/raters/${rater.id}/leave`);
        }
      },
    }, "Has left"),
  ];
}

function off(ahead) {
  const by = minutes(Math.abs(ahead) / 60000);
  return ahead > 0 ? `${by} ahead` : `${by} behind`;
}

// Shows a new one-time link, to be copied now: it is kept nowhere.
export function showLink(place, rater, link) {
  const address = `${location.origin}/enter?token=${link.token}`;
  const field = h("input", { readonly: true, value: address, "aria-label": `Link for ${rater.name}`, id: "link-text" });
  const says = h("span.soft.small", { role: "status" });
  const copy = h("button.button.main", {
    type: "button",
    onclick: async () => {
      field.select();
      let copied = false;
      try {
        await navigator.clipboard.writeText(address);
        copied = true;
      } catch {
        copied = document.execCommand("copy"); // over plain HTTP there is no clipboard object
      }
      says.textContent = copied ? "Copied." : "Press Ctrl-C to copy it.";
    },
  }, "Copy");
  const until = new Date(link.expires_ms).toLocaleDateString(undefined, { day: "numeric", month: "long" });
  place.replaceChildren(
    h("h3", {}, "Link for ", h("b", {}, rater.name)),
    h("div.copy", {}, field, copy, h("button.button", { type: "button", onclick: () => hideLink(place) }, "Close")),
    h("p.small", {}, `It opens the study once, until ${until}, and is shown only now. An older unused link of this rater is void.`, " ", says),
    isLoopback(address)
      ? h("p.note.warn.small", {}, "This address works on this machine only. For raters at other machines start mavfer annotate with --host and TLS files, or with --address; see docs/annotation.md.")
      : null,
  );
  place.hidden = false;
  place.scrollIntoView({ block: "nearest" });
  field.focus();
  field.select();
}

export function hideLink(place) {
  place.replaceChildren();
  place.hidden = true;
}

function isLoopback(address) {
  const host = new URL(address).hostname;
  return host === "localhost" || host === "[::1]" || host.startsWith("127.");
}
