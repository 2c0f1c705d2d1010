"""A report page: it stands alone, says what it was given, and can be read by whoever cannot see it."""

import re
from pathlib import Path

import numpy as np
import pytest

from mavfer.errors import OutputError
from mavfer.report import BLUE, INK, Badge, Page, Picture, Prose, Scale, Share, Wipe, colored, plot_svg

GRAY = np.tile(np.arange(64, dtype=np.uint8), (48, 1))
COLOR = np.repeat(GRAY[..., None], 3, axis=2)


def full_page(*, mark: str = "simulated") -> Page:
    page = Page("A title", "A subtitle", mark=mark)
    page.section("Pictures", "A lead.")
    page.pictures(
        [Picture(COLOR, alt="first", label="one", scale=Scale("viridis", "0 mm", "9 mm"))], per_row=1
    )
    page.pictures([Wipe(Picture(COLOR, alt="left"), Picture(GRAY, alt="right"))], caption="A wipe.")
    page.strips([("time", ["0 s", "1 s"]), ("color", Picture(COLOR, alt="a strip"))], title="S01")
    page.section("Numbers")
    page.plot(draw_line, alt="a rising line", size_in=(6, 2), caption="A plot.")
    page.table(["stage", "seconds", "share"], [["record", "1.0", Share(0.5, "50 %")]], caption="A table")
    page.tiles({"frames lost": "0"})
    page.note("A note", "Its text.")
    return page


def draw_line(figure):
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color=BLUE)
    axis.set_xlabel("seconds")


def test_a_page_points_at_nothing_outside_itself():
    text = full_page().html()
    assert re.findall(r'(?:src|href|action|data)\s*=\s*"(?!data:|#)[^"]*"', text) == []
    assert re.findall(r"url\((?!#|'#|\"#|data:)", text) == []
    assert "<script" not in text
    assert "<link" not in text
    assert "@import" not in text


def test_a_page_holds_every_picture_it_was_given():
    text = full_page().html()
    assert text.count("data:image/webp;base64,") == 4
    assert text.count("<svg") == 1


def test_every_picture_and_plot_has_words_for_whoever_cannot_see_it():
    text = full_page().html()
    assert all('alt="' in tag for tag in re.findall(r"<img[^>]*>", text))
    assert 'aria-label="a rising line"' in text


def test_text_is_escaped_wherever_it_stands():
    evil = "<evil>&\"'"
    page = Page(evil, evil, mark=evil)
    page.section(evil, evil)
    page.pictures([Picture(COLOR, alt=evil, label=evil, scale=Scale("viridis", evil, evil))], caption=evil)
    page.pictures([Wipe(Picture(COLOR, alt=evil, label=evil), Picture(COLOR, alt=evil, label=evil))])
    page.strips([(evil, [evil])], title=evil, caption=evil)
    page.plot(draw_line, alt=evil, size_in=(4, 2), caption=evil)
    rows = [[evil], [Share(1.0, evil)], [Badge(evil, "bad")], [Prose(evil, evil)]]
    page.table([evil], rows, caption=evil, best=[(0, 0)])
    page.tiles({evil: evil})
    page.note(evil, evil)
    text = page.html()
    assert "<evil>" not in text
    assert text.count("&lt;evil&gt;&amp;&quot;&#x27;") > 20


def test_the_mark_stands_beside_every_table_plot_and_figure():
    assert full_page().html().count('class="mark">simulated<') == 4
    assert 'class="mark"' not in full_page(mark="").html()


def test_the_same_content_gives_the_same_bytes():
    assert full_page().html() == full_page().html()


def test_every_section_can_be_reached_from_the_top():
    text = full_page().html()
    targets = set(re.findall(r'<section id="([^"]*)"', text))
    assert set(re.findall(r'<a href="#([^"]*)"', text)) == targets
    assert len(targets) == 2
    assert text.count("<section") == text.count("</section>")


def test_a_plot_follows_the_colors_of_the_page():
    svg = plot_svg(draw_line, alt="line", size_in=(4, 2), salt="a")
    assert "var(--blue)" in svg
    assert BLUE not in svg
    assert INK not in svg
    assert "currentColor" in svg


def test_two_plots_on_one_page_share_no_ids():
    page = Page("Two plots")
    page.section("Plots")
    page.plot(draw_line, alt="one", size_in=(4, 2))
    page.plot(draw_line, alt="two", size_in=(4, 2))
    clips = re.findall(r'<clipPath id="([^"]*)"', page.html())
    assert clips
    assert len(set(clips)) == len(clips)
    ids = re.findall(r'\bid="([^"]*)"', page.html())
    assert len(set(ids)) == len(ids)
    assert set(re.findall(r'(?:url\(|href=")#([\w.-]+)', page.html())) <= set(ids)


def test_colored_runs_from_one_end_of_the_map_to_the_other():
    ends = colored(np.array([-5.0, 0.0, 10.0, 99.0]), colormap="viridis", low=0.0, high=10.0)
    assert ends.dtype == np.uint8
    np.testing.assert_array_equal(ends[0], ends[1])
    np.testing.assert_array_equal(ends[2], ends[3])
    np.testing.assert_array_equal(ends[1], [68, 1, 84])


def test_missing_values_have_a_color_that_the_map_lacks():
    every = colored(np.linspace(0, 1, 256), colormap="viridis", low=0, high=1)
    gap = colored(np.zeros(1), colormap="viridis", low=0, high=1, missing=np.array([True]))
    assert not np.any(np.all(every == gap, axis=1))


@pytest.mark.parametrize("pixels", [np.zeros((4, 4)), np.zeros((4, 4, 2), np.uint8), np.zeros(4, np.uint8)])
def test_a_picture_of_another_shape_or_type_is_refused(pixels):
    with pytest.raises(OutputError, match="a picture wants"):
        Picture(pixels, alt="wrong")


def test_a_wipe_of_two_sizes_is_refused():
    with pytest.raises(OutputError, match="one size"):
        Wipe(Picture(COLOR, alt="left"), Picture(COLOR[:-1], alt="right"))


def test_a_column_of_sentences_is_left_aligned_up_to_its_heading():
    page = Page("A table")
    page.section("Steps")
    page.table(["step", "verdict", "ms"], [[Prose("opens", "soft"), Badge("ok", "good"), "3.1"]])
    text = page.html()
    assert '<th scope="col" class="prose">step</th><th scope="col" class="prose">verdict</th>' in text
    assert '<th scope="col">ms</th>' in text
    assert '<th scope="row" class="prose">opens<small>soft</small></th>' in text
    assert '<span class="badge good">ok</span>' in text


def test_a_table_row_of_another_length_is_refused():
    page = Page("A table")
    page.section("Numbers")
    with pytest.raises(OutputError, match="wants 2 cells"):
        page.table(["a", "b"], [["1"]])


def test_a_page_is_written_once(tmp_path: Path):
    path = tmp_path / "report.html"
    full_page().write(path)
    with pytest.raises(OutputError, match="--overwrite"):
        full_page().write(path)
    full_page().write(path, overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text(encoding="utf-8") == full_page().html()


def test_what_is_folded_lies_under_one_line_that_opens_it():
    page = Page("A title")
    page.section("A section")
    with page.folded("3 more <rows>"):
        page.table(["a"], [["inside"]])
    page.table(["a"], [["outside"]])
    text = page.html()
    folded = text[text.index("<details>") : text.index("</details>")]
    assert "<summary>3 more &lt;rows&gt;" in folded
    assert "inside" in folded
    assert "outside" not in folded


def test_the_picture_of_a_strip_carries_its_scale():
    page = Page("A title")
    page.section("A section")
    page.strips([("depth", Picture(GRAY, alt="a strip", scale=Scale("viridis", "7 mm", "9 mm")))])
    assert "7 mm" in page.html()


def test_every_cell_but_the_first_names_its_column_for_phones_that_stack_them():
    page = Page("A title")
    page.section("A section")
    page.table(
        ["who", "fate", "share", "why"], [["S01", Badge("built", "good"), Share(1, "all"), Prose("so")]]
    )
    assert re.findall(r'data-name="(\w+)"', page.html()) == ["fate", "share", "why"]


def test_a_drawn_label_that_looks_like_an_id_stays_as_it_is():
    def draw(figure):
        figure.subplots().set_xlabel("take2026112201 and abcdef01234")

    svg = plot_svg(draw, alt="a label", size_in=(4, 2), salt="a")
    assert ">take2026112201 and abcdef01234<" in svg


def test_letters_that_the_plots_font_lacks_are_left_to_the_browser():
    def draw(figure):
        figure.subplots().set_xlabel("\N{HANGUL SYLLABLE GIM}")

    assert "\N{HANGUL SYLLABLE GIM}" in plot_svg(draw, alt="a label", size_in=(4, 2), salt="a")
