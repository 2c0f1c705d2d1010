"""A rater follows a scripted target with each device, through practice and two films, in a real Chromium."""

import math
import re

import numpy as np
from playwright.sync_api import expect

SECONDS = 6.0
PEAK = 5


def target(at_s: float) -> int:
    """Up to +5, down to -5, up again: two and a half steps a second."""
    return round(PEAK * 2 / math.pi * math.asin(math.sin(2 * math.pi * at_s / 8)))


def playing(page) -> float | None:
    """Return where the film stands while it plays, None when it plays no more."""
    return page.evaluate(
        "() => document.body.dataset.state === 'playing' ? document.querySelector('#film').currentTime : null"
    )


def by_keys(page) -> None:
    """Press arrow keys until the slider stands where the target is, over and over."""
    value = 0
    while (at_s := playing(page)) is not None:
        step = (target(at_s) > value) - (target(at_s) < value)
        if step:
            page.keyboard.press("ArrowUp" if step > 0 else "ArrowDown")
            value += step


def by_mouse(page) -> None:
    """Drag the slider along the target."""
    box = page.locator(".track").bounding_box()
    page.mouse.move(box["x"] + 36, box["y"] + box["height"] / 2)
    page.mouse.down()
    while (at_s := playing(page)) is not None:
        page.mouse.move(box["x"] + 36, box["y"] + box["height"] * (0.5 - target(at_s) / 20))
    page.mouse.up()


def by_gamepad(page) -> None:
    """Push the scripted stick along the target, at every frame that is presented."""
    page.evaluate(
        """() => {
          const film = document.querySelector("#film");
          const target = (s) => Math.round(5 * 2 / Math.PI * Math.asin(Math.sin(2 * Math.PI * s / 8)));
          const push = (_, frame) => {
            const value = target(frame.mediaTime);
            pushStick(0, value === 0 ? 0 : -Math.sign(value) * (0.1 + (Math.abs(value) / 10) * 0.87));
            film.requestVideoFrameCallback(push);
          };
          film.requestVideoFrameCallback(push);
        }"""
    )


def test_practice_and_two_films_follow_the_target_within_a_step_and_a_frame_by_keys_mouse_and_gamepad(seat):
    rater = seat(films=2, seconds=SECONDS, dimensions=["valence"])
    page = rater.open()
    for position, move in enumerate((by_keys, by_mouse, by_gamepad)):
        if position > 0:
            rater.press(page, at="ready")  # the button that leads on from the film before
        rater.press(page)
        move(page)
        rater.wait(page, "done")
        assert rater.todo()[position].state == "complete"
        misfit = rater.misfit(target, position)
        assert np.all(misfit <= 1), f"{move.__name__}: {np.max(misfit)} steps"
        found = rater.rated(position)
        assert found.shown.mean() > 0.8
        assert len(np.unique(found.value["valence"])) > 8
    for position, wanted in enumerate(({"key"}, {"mouse"}, {"pad"})):
        sources = {event.source for run in rater.events(position) for event in run if event.kind == "value"}
        assert sources - {"start"} == wanted
    assert page.locator("#card h2").inner_text() == "Thank you"
    page.locator("#card button.main").click()
    page.wait_for_url(f"{rater.address}/")


def test_a_finger_and_the_wheel_move_the_slider(seat):
    rater = seat(films=0, seconds=20, look={"has_touch": True, "viewport": {"width": 390, "height": 844}})
    page = rater.start()
    box = page.locator(".track").bounding_box()
    page.touchscreen.tap(box["x"] + 36, box["y"] + box["height"] * 0.2)
    assert page.locator(".slider").get_attribute("aria-valuenow") == "6"
    page.mouse.wheel(0, 120)
    expect(page.locator(".slider")).to_have_attribute("aria-valuenow", re.compile("^[45]$"))
    rater.halt(page)
    sources = {event.source for event in rater.events()[0] if event.kind == "value"}
    assert {"touch", "wheel"} <= sources


def test_on_the_pad_valence_is_to_the_right_and_arousal_up_for_every_device(seat):
    rater = seat(films=0, seconds=20, mode="together")
    page = rater.start()
    slider = page.locator(".slider")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("PageUp")
    expect(slider).to_have_attribute(
        "aria-valuetext", "valence 3, slightly pleasant; arousal 3, slightly excited"
    )
    box = page.locator(".field").bounding_box()
    page.mouse.click(box["x"] + 1, box["y"] + box["height"] - 1)
    expect(slider).to_have_attribute("aria-valuetext", re.compile("valence -10, very unpleasant"))
    page.evaluate("pushStick(1, -1)")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("arousal 10"))
    page.keyboard.press("Home")
    rater.halt(page)
    moved = [event for event in rater.events()[0] if event.kind == "value" and event.source != "start"]
    last = {event.source: (event.valence, event.arousal) for event in moved}
    assert last == {"key": (0, 0), "mouse": (-10, -10), "pad": (10, 10)}
    assert (3, 3) in {(event.valence, event.arousal) for event in moved}


def test_the_slider_tells_its_value_to_a_screen_reader_and_stops_at_its_ends(seat):
    rater = seat(films=0)
    page = rater.open()
    rater.wait(page, "ready")
    slider = page.get_by_role("slider", name="valence, from unpleasant to pleasant")
    slider.focus()
    for _ in range(5):
        page.keyboard.press("PageDown")
    assert slider.get_attribute("aria-valuetext") == "-10, very unpleasant"
    page.keyboard.press("0")
    assert slider.get_attribute("aria-valuetext") == "0, neutral"
    lit = page.locator(".figure.lit")
    assert lit.count() == 1
    assert lit.get_attribute("src") == "/assets/sam-valence-3.svg"
