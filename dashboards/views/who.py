"""Who looks at the app, and what they may do; and where people sign in, the door."""

from typing import Final

import streamlit as st
from streamlit.components.v2 import component

from dashboards import acting, session
from dashboards.opening import Shown
from dashboards.words import code, last_name

# Who signs in comes back to the app's first page, whatever they had asked for. The window itself
# keeps the address meanwhile: nobody else learns it, and it leads nowhere but to this app.
ASKED: Final = """
const kept = "writ-asked";

export default function ({ data }) {
  const here = location.pathname + location.search;
  try {
    if (data.door) {
      sessionStorage.setItem(kept, here);
      return;
    }
    const asked = sessionStorage.getItem(kept);
    sessionStorage.removeItem(kept);
    if (asked !== null && asked !== here) location.replace(location.origin + asked);
  } catch {
    // A browser that keeps nothing shows the first page.
  }
}
"""
_asked = component("writ_asked", js=ASKED)


def inside() -> bool:
    """Return whether somebody may see anything: they signed in, or nobody has to."""
    return not acting.desk().signs_in or bool(st.user.is_logged_in)


def admitted() -> bool:
    """Return whether somebody may see anything; show the door where they have to sign in first."""
    if inside():
        if acting.desk().signs_in:
            _asked(key="asked", data={"door": False}, height=0)
        return True
    st.title("Sign in", anchor=False)
    st.text("Nothing of this ledger is shown to anybody who has not signed in.")
    st.button("Sign in", key="sign_in", icon=":material/login:", type="primary", on_click=st.login)
    _asked(key="asked", data={"door": True}, height=0)
    return False


def show(visit: session.Visit) -> None:
    """Say who looks, as whom they act, and what is proven of what people did meanwhile."""
    held = acting.desk()
    with st.container(horizontal=True, vertical_alignment="center", key="who"):
        if isinstance(visit.result, Shown):
            st.caption(_words(held), width="content")
        if held.signs_in:
            st.button("Sign out", key="sign_out", type="tertiary", on_click=st.logout)
    if visit.proven:
        st.caption(f":material/verified: {visit.proven}.")


def _words(held: acting.Desk) -> str:
    person = session.person()
    if held.signs_in:
        named = f" as {code(last_name(person.identity))}" if person.identity else ""
        return f"Signed in: {code(person.name)}, {person.role}{named}. {_may(person.reviews)}"
    door = "Nobody signs in: whoever reaches 127.0.0.1 on this machine can read this ledger"
    if held.me:
        return (
            f"You act as {code(person.name)}, {person.role}. {_may(person.reviews)} "
            f"{door}, and act as {code(person.name)}."
        )
    return f"For reading only: the app was started without --as. {door}."


def _may(reviews: bool) -> str:  # noqa: FBT001 - what one may do or not
    return (
        "What you do is signed with that key and stays in the ledger."
        if reviews
        else "You can look at everything, and change nothing."
    )
