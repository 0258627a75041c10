"""Documents behind cookies, terms and tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.crawl.hostile import HTML, redirect, reply
from tests.crawl.odd_sites.registry import FORBIDDEN, REFERER, Odd, cookies_of, needs, site

if TYPE_CHECKING:
    from tests.crawl.hostile import Request


@site
def ticket_of_the_landing_page(odd: Odd) -> None:
    odd.headers = (f"Set-Cookie: ticket=4711; Path={odd.root}; HttpOnly; SameSite=Lax",)
    good = reply(odd.body("a"))
    odd.file("a", needs(lambda request: "ticket=4711" in cookies_of(request), good, FORBIDDEN))
    good = reply(odd.body("b.pdf"))
    odd.file("b.pdf", needs(lambda request: "ticket=4711" in cookies_of(request), good, redirect(odd.root)))


@site
def terms_to_agree_to(odd: Odd) -> None:
    def agreed(request: Request) -> bool:
        return "agreed=yes" in cookies_of(request)

    terms = f"{odd.root}terms?to={odd.root}a.pdf"
    odd.file("a.pdf", needs(agreed, reply(odd.body("a.pdf")), redirect(terms)))
    hidden = f"<input type=hidden name=to value='{odd.root}a.pdf'>"
    form = f"<form action='{odd.root}agree'>{hidden}<button>I agree</button></form>"
    odd.page(f"terms?to={odd.root}a.pdf", form, linked=False)
    to = odd.root.replace("/", "%2F")
    odd.add(f"agree?to={to}a.pdf", redirect(f"{odd.root}a.pdf", f"Set-Cookie: agreed=yes; Path={odd.root}"))


@site
def terms_behind_a_check_box(odd: Odd) -> None:
    good = reply(odd.body("get?doc=3"))
    form = (
        f"<form action='{odd.root}get'><input type=hidden name=doc value=3>"
        "<label><input type=checkbox name=ok value=1 required> I have read this</label>"
        "<input type=submit value=Go></form>"
    )
    odd.page("get?doc=3", form)
    odd.add("get?doc=3&ok=1", good)


@site
def a_cookie_set_by_a_script(odd: Odd) -> None:
    good = reply(odd.body("a.pdf"))
    check = b"<html><script>document.cookie = 'seen=1; path=/'; location.reload()</script></html>"
    odd.file("a.pdf", needs(lambda request: "seen=1" in cookies_of(request), good, reply(check, HTML)))
    check = (
        b"<html><script>Cookies.set('human', 'yes');setTimeout(() => location.assign(location.href))</script></html>"
    )
    listed = reply(f"<html><a href='{odd.root}b'>x</a></html>".encode(), HTML)
    odd.add("list", needs(lambda request: "human=yes" in cookies_of(request), listed, reply(check, HTML)))
    odd.links.append(f"<a href='{odd.root}list'>x</a>")
    odd.file("b", linked=False)


@site
def only_from_its_own_page(odd: Odd) -> None:
    good = reply(odd.body("a.pdf"))

    def came_from_list(request: Request) -> bool:
        found = REFERER.search(request.headers)
        return bool(found and found[1].endswith(f"{odd.root}list"))

    odd.page("list", f"<a href='{odd.root}a.pdf'>x</a>")
    odd.add("a.pdf", needs(came_from_list, good, FORBIDDEN))


@site
def tokens_of_the_session(odd: Odd) -> None:
    """Each visit of the list begins a session anew, and its links are good in that session only."""
    sessions: list[int] = []

    def list_page(request: Request) -> None:
        sessions.append(len(sessions) + 1)
        number = sessions[-1]
        html = f"<html><a href='{odd.root}get?file=a.pdf&amp;sid={number}'>x</a></html>".encode()
        request.send(reply(html, HTML, f"Set-Cookie: session={number}; Path={odd.root}"))

    good = reply(odd.body("a.pdf"))
    odd.add("list", list_page)
    odd.links.append(f"<a href='{odd.root}list'>x</a>")
    for number in range(1, 9):

        def is_mine(request: Request, number: int = number) -> bool:
            return f"session={number}" in cookies_of(request)

        odd.add(f"get?file=a.pdf&sid={number}", needs(is_mine, good, FORBIDDEN))
