// A little on top of pages that work without it: "/" goes to the search, a filter acts
// at once, and what is shown is fetched anew while somebody looks at it.
"use strict";

const REFRESH_MILLISECONDS = 15000;

document.documentElement.classList.add("scripted");

document.addEventListener("keydown", (event) => {
  const search = document.querySelector("input[type=search]");
  const typing = event.target.closest("input, select, textarea");
  if (event.key === "/" && search && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.focus();
    search.select();
  }
});

document.addEventListener("change", (event) => {
  if (event.target.matches(".filter select")) {
    event.target.form.requestSubmit();
  }
});

// A link to a session that is folded opens it.
const unfold = () => {
  const at = location.hash && document.getElementById(location.hash.slice(1));
  if (at && at.matches("details")) {
    at.open = true;
  }
};
addEventListener("hashchange", unfold);
unfold();

// The status page is kept current; a page of sessions stays as it is while it is read.
const refresh = async () => {
  const live = document.getElementById("live");
  const busy = live.contains(document.activeElement) || String(getSelection());
  if (document.hidden || busy) {
    return;
  }
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) {
    return;
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const next = page.getElementById("live");
  if (next && !live.contains(document.activeElement)) {
    live.replaceWith(next);
    document.title = page.title;
  }
};
if (document.querySelector("table.targets, form.filter")) {
  setInterval(() => refresh().catch(() => {}), REFRESH_MILLISECONDS);
}
