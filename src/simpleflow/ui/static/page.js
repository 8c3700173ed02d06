// The page without this file is complete: links, forms, reloads. This makes it live, and keeps what is open or focused.
"use strict";

const main = () => document.getElementById("main");
let stream = null;

// Live: the server sends the parts that have changed, each by its id.

function listen() {
  if (stream) stream.close();
  stream = null;
  const shown = document.getElementById("live");
  if (!main().hasAttribute("data-live")) {
    shown.textContent = "";
    return;
  }
  const address = new URL(location.href);
  address.hash = "";
  address.searchParams.set("live", "1");
  stream = new EventSource(address);
  stream.onopen = () => (shown.textContent = "live");
  stream.onerror = () => {
    const over = stream.readyState === EventSource.CLOSED;
    shown.textContent = over ? "not live: reload to see more" : "not live: connecting";
  };
  stream.onmessage = (event) => update(JSON.parse(event.data));
}

function update(news) {
  if (news.template !== document.documentElement.dataset.template) {
    swap(location.href, false);
    return;
  }
  document.title = `${news.title} · simpleflow`;
  for (const id of news.gone) document.getElementById(id)?.remove();
  if (news.all) removeOthers(news.parts);
  for (const part of news.parts) put(part);
  if (!news.live) {
    stream.close();
    main().removeAttribute("data-live");
    document.getElementById("live").textContent = "";
  }
}

function removeOthers(parts) {
  const known = new Set(parts.map((part) => part.id));
  for (const each of document.querySelectorAll("[data-part]")) if (!known.has(each.id)) each.remove();
}

function put(part) {
  const old = document.getElementById(part.id);
  if (old && old.dataset.part === part.digest) return;
  const made = document.createElement("template");
  made.innerHTML = part.html;
  const fresh = made.content.firstElementChild;
  if (old) {
    keepState(old, fresh);
    return;
  }
  const list = document.getElementById(part.list);
  if (!list) return;
  const before = part.after ? document.getElementById(part.after) : null;
  if (before) before.after(fresh);
  else list.prepend(fresh);
  enrich(fresh);
}

function keepState(old, fresh) {
  const opened = [...old.querySelectorAll("details")].map((each) => each.open);
  const places = [...old.querySelectorAll("pre, .scroll")].map((each) => [each.scrollTop, each.scrollLeft, atEnd(each)]);
  const inside = [...old.querySelectorAll("a, button, [tabindex]")].indexOf(document.activeElement);
  old.replaceWith(fresh);
  enrich(fresh);
  fresh.querySelectorAll("details").forEach((each, at) => (each.open = opened[at] ?? each.open));
  fresh.querySelectorAll("pre, .scroll").forEach((each, at) => {
    if (!places[at]) return;
    each.scrollTop = places[at][2] ? each.scrollHeight : places[at][0];
    each.scrollLeft = places[at][1];
  });
  if (inside >= 0) fresh.querySelectorAll("a, button, [tabindex]")[inside]?.focus({ preventScroll: true });
}

const atEnd = (each) => each.scrollHeight > each.clientHeight && each.scrollTop + each.clientHeight > each.scrollHeight - 4;

// Links and forms that change a part of the same page: the page is read and its content put in place.

async function swap(address, push = true) {
  const focused = document.activeElement?.id || document.activeElement?.name;
  let answer;
  try {
    answer = await fetch(address, { headers: { Accept: "text/html" } });
  } catch {
    location.assign(address);
    return;
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("main");
  if (!fresh) {
    location.assign(address);
    return;
  }
  const place = [scrollX, scrollY];
  main().replaceWith(fresh);
  document.title = page.title;
  document.documentElement.dataset.template = page.documentElement.dataset.template;
  if (push) history.pushState(null, "", address);
  const again = focused && (document.getElementById(focused) || main().querySelector(`[name="${CSS.escape(focused)}"]`));
  if (again) again.focus({ preventScroll: true });
  scrollTo(...place);
  enrich(main());
  listen();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-swap]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  swap(link.href);
});

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-swap]");
  if (!form) return;
  event.preventDefault();
  const address = new URL(form.action);
  address.search = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
  swap(address.href);
});

document.addEventListener("change", (event) => {
  if (event.target.matches("form[data-swap] select, form[data-swap] [type=checkbox], form[data-swap] [type=date]"))
    event.target.form.requestSubmit();
});

addEventListener("popstate", () => swap(location.href, false));
addEventListener("pagehide", () => stream?.close());
addEventListener("pageshow", (event) => event.persisted && listen());

// The timeline: dragging and keys change its range, which stands in the address.

function timeAt(svg, x) {
  const pieces = [...JSON.parse(svg.dataset.axis), [Number(svg.dataset.right), Number(svg.dataset.end)]];
  for (let at = 1; at < pieces.length; at++) {
    const [[left, begin], [right, end]] = [pieces[at - 1], pieces[at]];
    if (x <= right) return begin + (end - begin) * Math.max(0, (x - left) / (right - left || 1));
  }
  return pieces.at(-1)[1];
}

function drag(event) {
  const svg = event.target.closest("svg.timeline[data-axis]");
  if (!svg || event.button || event.pointerType === "touch") return;
  const place = (each) => (each.clientX - svg.getBoundingClientRect().left) * (svg.viewBox.baseVal.width / svg.getBoundingClientRect().width);
  const from = place(event);
  const mark = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  mark.setAttribute("class", "range");
  mark.setAttribute("height", svg.viewBox.baseVal.height);
  const ends = (each) => [from, place(each)].sort((one, other) => one - other);
  const move = (each) => {
    const [left, right] = ends(each);
    mark.setAttribute("x", left);
    mark.setAttribute("width", right - left);
    if (right - left > 4) svg.append(mark);
  };
  const up = (each) => {
    removeEventListener("pointermove", move);
    const [left, right] = ends(each);
    if (!mark.isConnected) return;
    mark.remove();
    addEventListener("click", (click) => (click.preventDefault(), click.stopPropagation()), { capture: true, once: true });
    setTimeout(() => range(timeAt(svg, left), timeAt(svg, right)));
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", up, { once: true });
}

function range(begin, end) {
  const address = new URL(location.href);
  address.searchParams.set("begin", begin.toFixed(3));
  address.searchParams.set("end", end.toFixed(3));
  swap(address.href);
}

document.addEventListener("pointerdown", drag);
document.addEventListener("dragstart", (event) => event.target.closest?.("svg.timeline") && event.preventDefault());

const KEYS = { "+": "zoom-in", "=": "zoom-in", "-": "zoom-out", ArrowLeft: "earlier", ArrowRight: "later", 0: "whole" };
document.addEventListener("keydown", (event) => {
  if (!document.querySelector("[data-timeline]") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, select")) return;
  const link = document.getElementById(KEYS[event.key] ?? "");
  if (!link?.href) return;
  event.preventDefault();
  swap(link.href);
});

// Small things: commands to copy, logs at their end, durations that go on.

function enrich(root) {
  if (innerWidth < 1000 && root.querySelector("[data-timeline]:not([data-size])")) {
    const address = new URL(location.href);
    address.searchParams.set("size", innerWidth < 720 ? "small" : "medium");
    history.replaceState(null, "", address);
    swap(address.href, false);
  }
  for (const each of root.querySelectorAll("[data-copy]")) {
    const button = document.createElement("button");
    button.className = "copy";
    button.textContent = "copy";
    const text = each.textContent;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "copied";
      } catch {
        getSelection().selectAllChildren(each);
        button.textContent = "selected";
      }
    });
    each.previousElementSibling.append(button);
  }
  for (const each of root.querySelectorAll("pre.log")) if (!new URL(location.href).searchParams.has("at")) each.scrollTop = each.scrollHeight;
}

function spoken(seconds) {
  if (seconds < 59.95) return `${seconds.toFixed(seconds < 1 ? 2 : 1)} s`;
  const two = (number) => String(number).padStart(2, "0");
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  const minutes = Math.floor(whole / 60);
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

setInterval(() => {
  for (const each of document.querySelectorAll("[data-since]")) {
    const text = spoken(Math.max(0, Date.now() / 1000 - Number(each.dataset.since)));
    if (each.textContent !== text) each.textContent = text;
  }
}, 1000);

document.documentElement.classList.add("scripted");
enrich(document);
listen();
