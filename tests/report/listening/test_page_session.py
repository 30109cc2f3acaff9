"""Whole sessions on the page, in a real browser, with keys and mouse."""

import csv
import json
import shutil
import time

import numpy as np
import pytest
from listening_study import SyntheticStudy

from wheesht.report.listening import kit
from wheesht.report.listening.key import read_key
from wheesht.report.listening.results import analyse
from wheesht.report.listening.sheets import COLUMNS, read_sheets

pytestmark = pytest.mark.slow

PHONE = (320, 640)  # pixels; the narrowest that is still in use


@pytest.fixture(scope="module")
def kits(tmp_path_factory):
    """A test of each kind, made once."""
    study, original = SyntheticStudy(n_clips=3, seconds=1.0), kit.replay
    folder = tmp_path_factory.mktemp("kits")
    kit.replay = study.replay
    try:
        for kind in ("mushra", "ab"):
            kit.write_kit(study.study, 2, folder / kind, None, kind=kind)
    finally:
        kit.replay = original
    return folder


class Listener:
    """Somebody who does the test with a keyboard."""

    def __init__(self, page, folder, name):
        self.page, self.folder, self.name = page, folder, name
        self.given = {}  # (item, stimulus): score
        self.key = read_key(folder)

    def enter(self, device="earphones"):
        """Fill in the first page with keys alone: name, the second of three devices, begin."""
        self.page.open(self.folder / "page" / "index.html")
        self.page.press("Tab")
        self.page.evaluate("document.activeElement.select()")
        self.page.type(self.name)
        self.page.press("Tab", " ", "ArrowRight", "Tab", "Enter")

    def practise(self):
        self.page.wait_for("!document.getElementById('instructions').hidden")
        self.page.press("Tab", "Enter")
        self.at_trial()
        self.page.press(" ", "1", "ArrowRight", "Enter")
        self.page.wait_for("!document.getElementById('begin-test').hidden")
        self.page.press("Tab", "Enter")

    def at_trial(self):
        self.page.wait_for("trial !== null")

    def trial(self):
        """Name of the trial and of its sounds, as shown."""
        return self.page.evaluate("[trial.name, trial.sounds]")

    def text(self):
        self.page.wait_for("!document.getElementById('done').hidden")
        return self.page.evaluate("document.getElementById('text').value")


PRESSES = (  # for one slider, which stands at 50: keys, with shift or not, and the score they give
    ([("End", False)], 100),
    ([("Home", False)], 0),
    ([("ArrowRight", False)] * 3, 53),
    ([("ArrowDown", False)] * 2, 48),
    ([("ArrowLeft", True), ("ArrowUp", False)], 41),
    ([("PageUp", False)] * 3 + [("PageDown", False)], 70),
    ([("PageUp", False)] * 7, 100),
)


def rate_all(listener, seed):
    """Rate every version of a trial by keys, in random order."""
    rng, page = np.random.default_rng(seed), listener.page
    item, sounds = listener.trial()
    for i in rng.permutation(len(sounds)):
        page.press(str(i + 1))
        presses, score = PRESSES[rng.integers(len(PRESSES))]
        for key, shift in presses:
            page.press(key, shift=shift)
        listener.given[item, sounds[i]] = score


def test_the_file_holds_what_was_pressed(page, kits, tmp_path):
    listener = Listener(page, kits / "mushra", 'O"Neil, <b>one</b>')
    listener.enter()
    listener.practise()
    for seed in range(2):
        listener.at_trial()
        rate_all(listener, seed)
        page.press("0", " ", "Enter")
    (tmp_path / "sheet.csv").write_text(listener.text())
    [sheet], rejected = read_sheets([tmp_path / "sheet.csv"], listener.key)
    assert rejected == []
    assert (sheet.listener, sheet.device) == (listener.name, "earphones")
    assert len(listener.given) == 12
    for (item, sound), score in listener.given.items():
        assert sheet.scores[item][listener.key.items[item].stimuli[sound]] == score
    assert page.messages == []
    assert all(address.startswith("file:") for address in page.requested)


def test_a_preference_test_by_keys_ends_in_a_file_that_the_analysis_takes(page, kits, tmp_path):
    listener = Listener(page, kits / "ab", "bea")
    listener.enter()
    listener.practise()
    answers = {"ArrowLeft": (1, 0), "ArrowDown": (0.5, 0.5), "ArrowRight": (0, 1)}
    for number in range(6):
        listener.at_trial()
        item, sounds = listener.trial()
        key = list(answers)[number % 3]
        page.press("2", "1", "ArrowRight", key)
        listener.given |= dict(zip([(item, s) for s in sounds], answers[key], strict=True))
        page.press("Enter")
    (tmp_path / "bea.csv").write_text(listener.text())
    shutil.copy(kits / "ab" / "key.json", tmp_path)
    results = analyse(tmp_path)
    assert results.listeners == ("bea",) and len(results.preferences) == 3
    [sheet], _ = read_sheets([tmp_path / "bea.csv"], listener.key)
    for (item, sound), score in listener.given.items():
        assert sheet.scores[item][listener.key.items[item].stimuli[sound]] == score
    assert page.messages == []


def test_a_reload_loses_nothing(page, kits):
    listener = Listener(page, kits / "mushra", "cyd")
    listener.enter()
    listener.practise()
    listener.at_trial()
    rate_all(listener, 5)
    page.press("Enter")
    page.wait_for("trial !== null && session.at === 1")
    item, sounds = listener.trial()
    # A phone may end a page without a word to it, so what is kept must be so at once.
    kept = "JSON.parse(localStorage.getItem(store.key('cyd')))"
    assert page.evaluate(f"{kept}.at") == 1
    page.press("3", "End")
    assert page.evaluate(f"{kept}.answers['{item}'].scores") == {sounds[2]: 100}
    page.open(listener.folder / "page" / "index.html")
    assert page.evaluate("document.getElementById('listener').value") == "cyd"
    assert page.text("#begin") == "Continue"
    page.click("#begin")
    listener.at_trial()
    assert listener.trial() == [item, sounds]
    assert page.evaluate("answer.scores") == {sounds[2]: 100}
    assert page.text("#trial-title") == "Recording 2 of 2"
    kept = page.evaluate("session.answers")
    for (name, sound), score in listener.given.items():
        assert kept[name]["scores"][sound] == score


def test_each_listener_has_an_order_of_their_own_that_the_file_holds(page, kits):
    page.open(kits / "mushra" / "page" / "index.html")
    sessions = page.evaluate(
        "Array.from({length: 40}, (_, i) => {"
        "const s = newSession(KIT, `listener ${i}`, 'headphones'); return [s, toCsv(s)]; })"
    )
    again = page.evaluate("newSession(KIT, 'listener 7', 'headphones').order")
    assert sessions[7][0]["order"] == again
    sounds = {trial["name"]: trial["sounds"] for trial in page.evaluate("KIT.trials")}
    firsts, first_slots = [], []
    for session, text in sessions:
        assert {t["name"]: sorted(t["sounds"]) for t in session["order"]} == {
            name: sorted(own) for name, own in sounds.items()
        }
        rows = list(csv.DictReader(text.splitlines()))
        shown = [
            (str(trial), one["name"], str(slot), sound)
            for trial, one in enumerate(session["order"], start=1)
            for slot, sound in enumerate(one["sounds"], start=1)
        ]
        assert [(r["trial"], r["item"], r["slot"], r["stimulus"]) for r in rows] == shown
        assert {r["seed"] for r in rows} == {str(session["seed"])}
        firsts.append(session["order"][0]["name"])
        first_slots += [sounds[t["name"]].index(t["sounds"][0]) for t in session["order"]]
    # 40 draws of 2, 80 draws of 6: four standard errors.
    assert 7 <= firsts.count(firsts[0]) <= 33
    assert all(1 <= first_slots.count(slot) <= 27 for slot in range(6))


def test_the_next_page_opens_only_when_all_is_heard_and_rated(page, kits):
    listener = Listener(page, kits / "mushra", "dan")
    listener.enter()
    listener.practise()
    listener.at_trial()
    page.press("Enter")
    assert page.text("#status") == "Still to do: listen to 1, 2, 3, 4, 5, 6; rate 1, 2, 3, 4, 5, 6."
    assert page.evaluate("session.at") == 0
    page.press("1", "End", "2", "3", "4", "5", "6")
    assert page.text("#status") == "Still to do: rate 2, 3, 4, 5, 6."
    page.click("#next")
    assert page.evaluate("session.at") == 0
    page.press("2", "End", "3", "End", "4", "End", "5", "End", "6", "End")
    assert page.text("#status") == ""
    page.click("#next")
    page.wait_for("session.at === 1")


def test_keys_switch_play_and_repeat(page, kits):
    listener = Listener(page, kits / "mushra", "eve")
    listener.enter()
    listener.practise()
    listener.at_trial()
    reference = page.evaluate("trial.reference")
    assert page.evaluate("[player.playing, player.chosen]") == [False, reference]
    page.press(" ")
    assert page.evaluate("player.playing") and page.text("#play") == "Pause"
    page.press("4")
    assert page.evaluate("[player.playing, player.chosen === trial.sounds[3]]") == [True, True]
    assert page.evaluate("document.activeElement.ariaLabel") == "Quality of version 4"
    page.wait_for("player.position() > 0.3")
    page.press("]")
    assert page.evaluate("player.from === 0 && player.to > 0.29 && player.to < 1")
    part = f"(0.0\u2013{page.evaluate('player.to'):.1f})"
    page.wait_for(f"document.getElementById('time').textContent.endsWith('{part}')")
    page.press("\\", " ")
    assert page.evaluate("[player.to, player.playing]") == [1, False]
    page.press("0")
    assert page.evaluate("player.chosen") == reference
    page.press("ArrowRight")
    assert page.evaluate("Object.keys(answer.scores).length") == 0, "the reference has no rating"


def test_a_mouse_does_all_of_it_too(page, kits):
    listener = Listener(page, kits / "mushra", "fay")
    page.open(listener.folder / "page" / "index.html")
    page.click("#listener")
    page.evaluate("document.activeElement.select()")
    page.type("fay")
    page.click("[value=loudspeakers]")
    page.click("#begin")
    page.click("#practise")
    listener.at_trial()
    page.click("#next")
    page.click("#begin-trials")
    listener.at_trial()
    _, sounds = listener.trial()
    for sound in sounds:
        page.click(f"[data-sound='{sound}'] button")
        page.click(f"[data-sound='{sound}'] input")  # its middle, where it stands already
    assert set(page.evaluate("answer.scores").values()) == {50}
    page.click("#play")
    assert page.evaluate("player.playing") is False
    page.click("#next")
    page.wait_for("session.at === 1")
    assert page.evaluate("session.device") == "loudspeakers"


def test_the_file_is_saved_under_the_listeners_name(page, kits, tmp_path):
    listener = Listener(page, kits / "ab", "Zoë / 7")
    listener.enter()
    listener.practise()
    page.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    for _ in range(6):
        listener.at_trial()
        page.press("2", "1", "ArrowLeft", "Enter")
    text = listener.text()
    page.click("#save")
    path = tmp_path / f"wheesht-{listener.key.kit}-Zoë-7.csv"
    end = time.monotonic() + 20
    while not (path.exists() and path.read_text() == text):
        assert time.monotonic() < end, list(tmp_path.iterdir())
        time.sleep(0.05)
    assert text.splitlines()[0] == ",".join(COLUMNS)
    page.click("#copy")
    assert page.text("#copied") in ("Copied.", "Please copy it by hand.")


@pytest.mark.parametrize("kind", ["mushra", "ab"])
def test_nothing_is_cut_off_on_a_narrow_phone(page, kits, kind):
    listener = Listener(page, kits / kind, "gil")
    listener.enter()

    def overflow():
        page.size(*PHONE, is_mobile=True)
        return page.evaluate("document.documentElement.scrollWidth") - PHONE[0]

    try:
        page.wait_for("!document.getElementById('instructions').hidden")
        assert overflow() <= 0
        page.click("#practise")
        listener.at_trial()
        assert overflow() <= 0
        too_small = "[...document.querySelectorAll('main:not([hidden]) button')].filter((b) => "
        assert page.evaluate(f"{too_small} b.offsetHeight < 36).length") == 0
    finally:
        page.size(1000, 900)


@pytest.mark.parametrize("kind", ["mushra", "ab"])
def test_everything_to_operate_has_a_name_for_a_screen_reader(page, kits, kind):
    listener = Listener(page, kits / kind, "hal")
    listener.enter()
    page.click("#practise")
    listener.at_trial()
    page.call("Accessibility.enable")
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    page.call("Accessibility.disable")
    roles = ("button", "slider", "radio", "textbox", "progressbar", "heading")
    named = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"] and node["role"]["value"] in roles
    ]
    assert [role for role, name in named if not name] == []
    expected = {"mushra": ("slider", "Quality of version 6"), "ab": ("radio", "neither")}
    assert expected[kind] in named and ("slider", "Position") in named


@pytest.mark.parametrize("name", ["kit.js", "audio"])
def test_an_incomplete_folder_is_explained(page, kits, tmp_path, name):
    shutil.copytree(kits / "mushra", tmp_path / "kit")
    path = tmp_path / "kit" / "page" / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    listener = Listener(page, tmp_path / "kit", "ida")
    if name == "kit.js":
        page.open(tmp_path / "kit" / "page" / "index.html")
        assert "A part of this test is missing (kit.js)" in page.text("#alert")
        return
    listener.enter()
    page.click("#practise")
    page.wait_for("!document.getElementById('alert').hidden")
    assert "could not be loaded" in page.text("#alert")
    assert "Is the folder complete?" in page.text("#alert")


def test_a_name_without_letters_is_asked_for_again(page, kits):
    listener = Listener(page, kits / "mushra", "=1+1")
    listener.enter()
    assert "begins with a letter or digit" in page.text("#alert")
    assert page.evaluate("session") is None


def test_the_orders_come_from_a_known_generator(page, kits):
    """FNV-1a of a known text, and mulberry32 against the same in plain Python."""
    page.open(kits / "mushra" / "page" / "index.html")
    assert page.evaluate("seedOf('foobar')") == 0xBF9CF968  # from the authors' test vectors
    drawn = page.evaluate("(() => { const r = randomNumbers(1); return [r(), r(), r()]; })()")
    state, expected = 1, []
    for _ in range(3):
        state = (state + 0x6D2B79F5) % 2**32
        t = ((state ^ state >> 15) * (state | 1)) % 2**32
        t ^= (t + ((t ^ t >> 7) * (t | 61)) % 2**32) % 2**32
        expected.append((t ^ t >> 14) / 2**32)
    assert drawn == expected
    assert json.dumps(drawn)
