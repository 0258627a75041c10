from __future__ import annotations

import pytest

from pdfspider.discovery.traps import MAX_SEGMENTS, maze, pattern


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/docs/x/docs/y/docs", "'docs' is 3 times"),
        ("/en/about/us/about/team/about/x?page=2", "'about' is 3 times"),
        ("/a/x/a/x/a/b/c/a/d/a", "'a' is 5 times"),
        ("/one/two/one/two/", "'one/two' is twice in a row"),
        ("/x/one/two/one/two/page.html", "'one/two' is twice in a row"),
        ("/" + "/".join(map(str, range(MAX_SEGMENTS + 1))), f"its path has {MAX_SEGMENTS + 1} segments"),
    ],
)
def test_a_maze(path: str, reason: str) -> None:
    assert reason in str(maze(f"http://a.test{path}"))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/docs/docs/",
        "/2011/11/11/11/11/",
        "/ab/ab/ab/ab/abab.html",
        "/en/docs/en/x/docs/",
        "/one/two/three/one/two",
        "/page?docs/docs/docs/docs",
        "/" + "/".join(map(str, range(MAX_SEGMENTS))),
    ],
)
def test_no_maze(path: str) -> None:
    assert maze(f"http://a.test{path}") is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "a.test/"),
        ("/calendar.php?month=7&year=2031", "a.test/calendar.php"),
        ("/cal/2031/07", "a.test/cal/*"),
        ("/cal/2031/07/14", "a.test/cal/*"),
        ("/s/3f9ab2c1d5/page", "a.test/s/*/page"),
        ("/(S(k3j4h5k2j4h5))/page.aspx", "a.test/*/page.aspx"),
        ("/list2/page7.html", "a.test/*"),
        ("/about/", "a.test/about"),
        ("/news/opening-of-the-library", "a.test/news/opening-of-the-library"),
    ],
)
def test_the_pattern_of_what_differs_by_numbers_and_ids(path: str, expected: str) -> None:
    assert pattern(f"http://a.test{path}") == expected


def test_hosts_have_patterns_of_their_own() -> None:
    assert pattern("http://a.test/1") != pattern("http://b.test/1")
