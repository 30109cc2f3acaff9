"""The page's player, rendered sample by sample in a real browser."""

import base64
import json

import numpy as np
import pytest
from listening_study import SyntheticStudy

from wheesht.report.listening import kit

pytestmark = pytest.mark.slow

RATE, SECONDS, LEAD, FADE = 16000, 1.0, 0.02, 0.003
EXACT = 1e-6  # float32 of signals up to 1
QUANTUM = 128  # samples; what the browser renders at once, and the grid of its clock
RENDER = """
(async () => {
  const [sounds, seconds, actions] = %s;
  const context = new OfflineAudioContext(1, seconds * 16000, 16000);
  const own = new Player(context);
  own.load(new Map(Object.entries(sounds).map(([name, form]) => {
    const buffer = context.createBuffer(1, 16000, 16000);
    const form_of = {ramp: (i) => i / 16000, fall: (i) => -i / 16000, up: () => 0.5,
                     down: () => -0.5};
    buffer.copyToChannel(Float32Array.from({length: 16000}, (_, i) => form_of[form](i)), 0);
    return [name, buffer];
  })));
  const said = [];
  for (const [time, action] of actions) {
    const act = () => said.push(eval(action));
    if (time === 0) act();
    else context.suspend(time).then(() => { act(); context.resume(); });
  }
  const samples = (await context.startRendering()).getChannelData(0);
  const bytes = new Uint8Array(samples.buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += 4096) {
    text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  }
  return [btoa(text), said];
})()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    study, original = SyntheticStudy(n_clips=1, seconds=1.0), kit.replay
    kit.replay = study.replay
    try:
        return kit.write_kit(study.study, 1, tmp_path_factory.mktemp("kits") / "kit", None)
    finally:
        kit.replay = original


@pytest.fixture
def render(page, folder):
    """Return what a player with some sounds plays, and what its actions returned."""

    def rendered(sounds, seconds, *actions):
        page.open(folder)
        times = [(round(time * RATE / QUANTUM) * QUANTUM / RATE, what) for time, what in actions]
        data, said = page.evaluate(RENDER % json.dumps([sounds, seconds, times]))
        assert page.messages == []
        return np.frombuffer(base64.b64decode(data), np.float32), said, [t for t, _ in times]

    return rendered


def at(time):
    return round(time * RATE)


def ramp(start, n, low=0.0, high=SECONDS):
    """Value of the ramp `start` seconds on, going round between `low` and `high`."""
    t = start + np.arange(n) / RATE
    return np.where(t < high - 1e-9, t, low + (t - low) % (high - low))


def test_all_versions_run_in_step_and_one_is_heard(render):
    heard, _, (_, switch) = render(
        {"a": "ramp", "b": "fall"},
        0.9,
        (0, "own.choose('a'); own.play()"),
        (0.4, "own.choose('b')"),
    )
    assert not heard[: at(LEAD)].any()
    begun = at(LEAD + 10 * FADE)
    wanted = ramp(0, len(heard) - at(LEAD))
    before, after = slice(begun, at(switch)), slice(at(switch + 10 * FADE), None)
    # Ten time constants leave 5e-5 of what fades.
    assert heard[before] == pytest.approx(wanted[begun - at(LEAD) : at(switch - LEAD)], abs=1e-4)
    assert heard[after] == pytest.approx(-wanted[at(switch + 10 * FADE - LEAD) :], abs=1e-4)


def test_switching_between_equal_sounds_is_not_heard_at_all(render):
    quiet, _, _ = render({"a": "ramp", "b": "ramp"}, 0.9, (0, "own.choose('a'); own.play()"))
    moves = [(0.1 + 0.037 * k, f"own.choose('{'ba'[k % 2]}')") for k in range(20)]
    busy, _, _ = render({"a": "ramp", "b": "ramp"}, 0.9, (0, "own.choose('a'); own.play()"), *moves)
    assert busy == pytest.approx(quiet, abs=EXACT)


def test_a_switch_is_a_fade_of_the_stated_length(render):
    heard, _, (_, switch) = render(
        {"a": "up", "b": "down"}, 0.6, (0, "own.choose('a'); own.play()"), (0.3, "own.choose('b')")
    )
    fade = heard[at(switch) : at(switch + 0.02)]
    t = np.arange(len(fade)) / RATE
    assert fade == pytest.approx(np.exp(-t / FADE) - 0.5, abs=0.03)
    assert np.abs(np.diff(heard[at(0.1) :])).max() < 1.1 / (FADE * RATE)


def test_pause_keeps_the_position_and_ends_without_a_click(render):
    heard, said, times = render(
        {"a": "ramp"},
        1.2,
        (0, "own.choose('a'); own.play()"),
        (0.5, "own.stop(); own.position()"),
        (0.7, "own.play(); own.playing"),
    )
    position = times[1] - LEAD
    assert said[1:] == [pytest.approx(position, abs=1e-6), True]
    assert np.abs(np.diff(heard[at(0.1) :])).max() < 0.55 / (FADE * RATE)
    assert np.abs(heard[at(times[1] + 12 * FADE) : at(times[2] + LEAD)]).max() == 0
    begun = times[2] + LEAD + 10 * FADE
    wanted = ramp(position + 10 * FADE, 2000)
    assert heard[at(begun) : at(begun) + 2000] == pytest.approx(wanted, abs=1e-4)


def test_a_whole_recording_starts_again_at_its_end(render):
    heard, said, _ = render(
        {"a": "ramp"}, 1.8, (0, "own.choose('a'); own.play()"), (1.5, "own.position()")
    )
    wanted = ramp(0, len(heard) - at(LEAD))
    begun = at(10 * FADE)
    assert heard[at(LEAD) :][begun:] == pytest.approx(wanted[begun:], abs=1e-4)
    assert said[1] == pytest.approx(1.5 - LEAD - 1.0, abs=QUANTUM / RATE)


def test_a_part_is_repeated_and_its_seams_are_soft(render):
    softly = [(0.1 * k, "own.softenSeams()") for k in range(1, 14)]
    heard, said, _ = render(
        {"a": "ramp"},
        1.4,
        (0, "own.choose('a'); own.loop(0.2, 0.6); own.play()"),
        *softly,
        (1.35, "own.position()"),
    )
    wanted = ramp(0.2, len(heard) - at(LEAD), 0.2, 0.6)
    for k in range(3):  # between the seams, which come every 0.4 s
        part = slice(at(0.4 * k + 0.04), at(0.4 * k + 0.37))
        assert heard[at(LEAD) :][part] == pytest.approx(wanted[part], abs=1e-4)
    for seam in (0.4, 0.8, 1.2):
        around = heard[at(LEAD + seam) - 2 : at(LEAD + seam) + 2]
        assert np.abs(around).max() < 0.01
    assert said[-1] == pytest.approx(0.2 + (1.35 - LEAD) % 0.4, abs=QUANTUM / RATE)


def test_seeking_goes_there_while_playing_and_while_paused(render):
    heard, said, times = render(
        {"a": "ramp"},
        0.9,
        (0, "own.choose('a'); own.seek(0.5); own.playing"),
        (0.1, "own.play(); own.playing"),
        (0.4, "own.seek(0.1); own.playing"),
    )
    assert said == [False, True, True]
    begun = times[1] + LEAD + 10 * FADE
    assert heard[at(begun)] == pytest.approx(0.5 + 10 * FADE, abs=1e-3)
    sought = times[2] + LEAD + 12 * FADE
    assert heard[at(sought) :][:4000] == pytest.approx(ramp(0.1 + 12 * FADE, 4000), abs=1e-4)


@pytest.mark.parametrize(
    ("call", "part"),
    [
        ("own.loop(0.5, 0.5)", [0.5, 0.8]),
        ("own.loop(0.95, 1)", [0.7, 1.0]),
        ("own.loop(-1, 9)", [0.0, 1.0]),
        ("own.loop(0.6, 0.2)", [0.6, 0.9]),
    ],
)
def test_a_part_has_a_least_length_and_stays_inside(render, call, part):
    _, said, _ = render({"a": "ramp"}, 0.1, (0, f"{call}; [own.from, own.to]"))
    assert said[0] == pytest.approx(part)
