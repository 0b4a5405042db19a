// Keeps an open page up to date. Without it the page still shows everything after a reload.
"use strict";

const KEPT = 500;
const list = document.getElementById("messages");
const announce = document.getElementById("announce");
const live = document.getElementById("live");
const form = document.getElementById("failure");

document.body.classList.add("scripted");

function show(state, words) {
  live.dataset.state = state;
  live.textContent = words;
}

const source = new EventSource(`/events?after=${document.body.dataset.last}`);
let wasOpen = false;

source.addEventListener("open", () => {
  // A second opening means that the inbox was away; what it knows now is on a fresh page.
  if (wasOpen) location.reload();
  wasOpen = true;
  show("live", "live");
});
source.addEventListener("error", () => show("lost", "waiting for the inbox"));

source.addEventListener("message", (event) => {
  // The server made this HTML and escaped what came from outside, as it does for the whole page.
  list.insertAdjacentHTML("afterbegin", JSON.parse(event.data));
  const newest = list.firstElementChild;
  newest.classList.add("new");
  announce.textContent = `New: ${newest.querySelector(".bubble").innerText}`;
  while (list.children.length > KEPT) list.lastElementChild.remove();
});

source.addEventListener("failure", (event) => {
  form.elements.mode.value = event.data;
});

source.addEventListener("cleared", () => list.replaceChildren());

form.addEventListener("change", () => {
  fetch("/failure", {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ mode: form.elements.mode.value }),
  }).catch(() => show("lost", "waiting for the inbox"));
});

document.getElementById("clear").addEventListener("submit", (event) => {
  event.preventDefault();
  fetch("/messages", { method: "DELETE" }).catch(() => show("lost", "waiting for the inbox"));
});
