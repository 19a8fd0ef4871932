"""The keyboard: what Streamlit's own shortcuts cannot do, which is to move the focus.

Buttons have keys of their own (`shortcut`). Two scripts do the rest, and nothing else: `/` puts
the cursor into the page's search, `o` and `u` follow the link of the selected line and the one
back, and links of lists (`dashboards.markup`) are followed without loading the app anew; what was
just selected or opened gets the focus, so that it is seen, read out, and opened by Enter. They read
nothing of the page but its links, and are given nothing but the names of its elements, which are
this project's own.
"""

from typing import Final

import streamlit as st
from streamlit.components.v2 import component

LIST: Final = (
    "Keys: `j` next · `k` previous · `o` or `Enter` open · `/` search · the browser's back button "
    "undoes a step"
)
MARK: Final = "`x` mark"
BACK: Final = "way-back"
"""The element with the link back to the list."""
ONE: Final = "Keys: `a` acknowledge · `j` next finding · `k` previous · `u` back to the inbox"

# A key that is typed into a field is a letter of it. A listener goes with its element, and there
# is one for an element, however often Streamlit calls this.
LISTEN: Final = """
const listeners = new WeakMap();
const typing = (element) => element instanceof HTMLElement
  && (element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName));

// Each box's address has the marks that there were when it was drawn; the browser's has them all.
const leads = (link) => {
  if (link.dataset.mark === undefined) return link.href;
  const there = new URL(location.href);
  const before = there.searchParams.getAll("marked");
  const others = before.filter((one) => one !== link.dataset.mark);
  there.searchParams.delete("marked");
  const after = others.length < before.length ? others : [...before, link.dataset.mark];
  for (const one of after) there.searchParams.append("marked", one);
  return there.href;
};

// A box that is drawn anew keeps the focus that it had, and the selected line does not take it.
const hold = (link) => {
  const { dataset } = document.documentElement;
  dataset.writHeld = link.dataset.mark;
  let tries = 600;
  const again = () => {
    const found = document.querySelector(`[data-mark="${link.dataset.mark}"]`);
    tries -= 1;
    if ((found === null || found === link) && tries > 0) {
      requestAnimationFrame(again);
      return;
    }
    if (found !== null) found.focus({ preventScroll: true });
    delete dataset.writHeld;
  };
  requestAnimationFrame(again);
};

const linked = (event) =>
  event.target instanceof Element ? event.target.closest("a.writ-link") : null;

const plain = (event) =>
  event.button === 0 && !event.shiftKey && !event.ctrlKey && !event.metaKey && !event.altKey;

// A list that is drawn anew while the mouse is down takes its links away, and none is clicked then:
// the one that was pressed is followed all the same.
let pressed = null;
const press = (event) => {
  const link = plain(event) ? linked(event) : null;
  pressed = link === null ? null : { link, x: event.clientX, y: event.clientY };
};
const release = (event) => {
  const { link, x, y } = pressed ?? {};
  pressed = null;
  if (link === undefined || link.isConnected) return;
  if (Math.hypot(event.clientX - x, event.clientY - y) < 5) lead(link);
};

// As if the browser had gone there and forward again, which Streamlit follows without loading
// itself anew. Another window or tab is the browser's own affair.
const lead = (link) => {
  if (link.dataset.mark !== undefined) hold(link);
  const there = leads(link);
  if (there !== location.href) history.pushState(null, "", there);
  dispatchEvent(new PopStateEvent("popstate"));
};

const followed = (event) => {
  const link = plain(event) ? linked(event) : null;
  if (link === null || link.origin !== location.origin || event.defaultPrevented) return;
  event.preventDefault();
  lead(link);
};

export default function ({ parentElement }) {
  const listen = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const on = event.composedPath()[0];
    if (typing(on)) return;
    // A box is checked by the key that checks boxes, too.
    if (event.key === " " && on instanceof Element && on.matches(".writ-check")) {
      event.preventDefault();
      on.click();
      return;
    }
    const link = { o: '[class*="st-key-picked-"] a', u: ".st-key-way-back a" }[event.key];
    if (link !== undefined) {
      const found = document.querySelector(link);
      if (found !== null) found.click();
      return;
    }
    if (event.key !== "/") return;
    const field = document.querySelector('[data-testid="stMain"] input[type="search"]');
    if (field === null) return;
    event.preventDefault();
    field.focus();
    field.select();
  };
  // Of its own: what is taken away late must not be another's.
  const follow = (event) => followed(event);
  const pressing = (event) => press(event);
  const releasing = (event) => release(event);
  const stop = () => {
    document.removeEventListener("keydown", listen);
    document.removeEventListener("click", follow);
    document.removeEventListener("pointerdown", pressing);
    document.removeEventListener("pointerup", releasing);
  };
  listeners.get(parentElement)?.();
  listeners.set(parentElement, stop);
  document.addEventListener("keydown", listen);
  document.addEventListener("click", follow);
  document.addEventListener("pointerdown", pressing);
  document.addEventListener("pointerup", releasing);
  return stop;
}
"""
# Only what is new gets the focus: whoever types in a field meanwhile keeps it. A line that was
# selected, left and selected again before its page was drawn is not new, and lost the focus with
# the element that had it: it gets it back, unless something else has it now.
FOCUS: Final = """
let last = "";
let focused = null;

export default function ({ data }) {
  const lost = focused !== null && !focused.isConnected
    && document.activeElement === document.body
    && document.documentElement.dataset.writHeld === undefined;
  if (data.key === last && !lost) return;
  last = data.key;
  focused = null;
  if (data.key === "") return;
  let tries = 600;
  const focus = () => {
    if (data.key !== last) return;
    const found = document.getElementsByClassName(`st-key-${data.key}`)[0];
    if (found === undefined) {
      tries -= 1;
      if (tries > 0) requestAnimationFrame(focus);
      return;
    }
    focused = (data.link && found.querySelector("a")) || found;
    if (focused === found) found.tabIndex = -1;
    focused.focus({ preventScroll: true });
    found.scrollIntoView({ block: "nearest" });
  };
  requestAnimationFrame(focus);
}
"""
_DRAWN: Final = "writ_drawn"
_slash = component("writ_slash", js=LISTEN)
_focus = component("writ_focus", js=FOCUS)


def listen() -> None:
    """Let `/` lead to the page's search, `o` and `u` follow links, and links lead on in place."""
    _slash(key="slash", height=0)


def focus(element: str, *, link: bool = False) -> None:
    """Give an element the focus, if it is another one than before, or lost it by being drawn anew.

    Args:
        element: The key of a container; empty where nothing is selected.
        link: Whether its first link is to have the focus.
    """
    # A number that is new each time: the script is not called for data that it was given before.
    drawn = st.session_state[_DRAWN] = st.session_state.get(_DRAWN, 0) + 1
    _focus(key="focus", data={"key": element, "link": link, "drawn": drawn}, height=0)
