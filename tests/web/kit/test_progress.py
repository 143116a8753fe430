"""The hairline says the same to the eye and to a screen reader, and escapes what stands below it."""

from markupsafe import Markup

from web.kit.progress import progress


def test_it_counts_percent_unless_it_counts_steps() -> None:
    html = progress("x-run", "Progress", 0.126, "a")
    assert 'aria-valuemax="100" aria-valuenow="13"' in html
    assert "width:12.60%" in html
    assert 'aria-valuemax="400" aria-valuenow="100"' in progress("x", "P", 0.25, now=100, steps=400)


def test_its_words_are_escaped_unless_they_are_html() -> None:
    html = progress("x-run", 'a "name"', 0.0, "<img>", Markup("<b>1</b>"))
    assert html.endswith("<span>&lt;img&gt;</span><span><b>1</b></span></div>")
    assert 'aria-label="a &#34;name&#34;"' in html
