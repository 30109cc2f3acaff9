"""The folder of a listening test: the key tells the truth and the page tells nothing."""

import base64
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from listening_study import SyntheticStudy

from wheesht.errors import OutputExistsError, ParameterError, StudyError
from wheesht.report.listening import kit
from wheesht.report.listening.anchor import low_anchor
from wheesht.report.listening.key import read_key

OPAQUE = re.compile(r"[0-9a-f]{6}")
SAME = 0.99999  # correlation with the signal it should be; rounding to 16 bits takes 1e-6


@pytest.fixture
def write(monkeypatch, tmp_path):
    """Write a test about a made-up study, and return its folder."""

    def write_kit(study, n_clips=3, name="kit", **settings):
        monkeypatch.setattr(kit, "replay", study.replay)
        page = kit.write_kit(study.study, n_clips, tmp_path / name, None, **settings)
        assert page == tmp_path / name / "page" / "index.html"
        return tmp_path / name

    return write_kit


def page_kit(folder):
    text = (folder / "page" / "kit.js").read_text()
    return json.loads(text.removeprefix("const KIT = ").removesuffix(";\n"))


def sounds(folder, trial):
    """The files of a trial, as bytes, by name."""
    text = (folder / "page" / "audio" / f"{trial}.js").read_text()
    name, document = re.fullmatch(r'receiveAudio\("(\w+)", (.*)\);\n', text, re.DOTALL).groups()
    assert name == trial
    return {sound: base64.b64decode(data) for sound, data in json.loads(document).items()}


def samples(wav):
    signal, rate = soundfile.read(io.BytesIO(wav))
    assert rate == 16000
    return signal


def likeness(wav, signal):
    middle = slice(160, -160)  # without the fades
    return np.corrcoef(samples(wav)[middle], signal[middle])[0, 1]


def test_the_key_says_what_each_sound_is(write):
    study = SyntheticStudy()
    folder = write(study)
    key = read_key(folder)
    assert [condition.name for condition in key.conditions][3:] == [
        "gru, P = 100",
        "gru, P = 50",
        "rival",
    ]
    for name, item in key.items.items():
        audio = {
            p: study.replay(None, study.row(item.clip, "gru" if p else "rival", p))
            for p in (100.0, 50.0, None)
        }
        clean, noisy = audio[None].clean, audio[None].noisy
        wanted = [clean, low_anchor(clean), noisy, *(audio[p].enhanced for p in audio)]
        files = sounds(folder, name)
        for sound, condition in item.stimuli.items():
            scores = [likeness(files[sound], signal) for signal in wanted]
            assert scores[condition] > SAME and np.argmax(scores) == condition


def test_the_open_reference_is_the_clean_speech_and_not_among_the_rated(write):
    folder = write(SyntheticStudy())
    key = read_key(folder)
    for trial in page_kit(folder)["trials"]:
        item = key.items[trial["name"]]
        hidden = next(sound for sound, i in item.stimuli.items() if i == 0)
        files = sounds(folder, trial["name"])
        assert files[trial["reference"]] == files[hidden]
        assert sorted(trial["sounds"]) == sorted(item.stimuli)
        assert set(files) == {trial["reference"], *trial["sounds"]}


def test_preference_has_a_trial_for_each_pair_of_each_clip(write):
    study = SyntheticStudy()
    folder = write(study, 2, kind="ab")
    key = read_key(folder)
    pairs = sorted((item.clip, *sorted(item.stimuli.values())) for item in key.items.values())
    clips = sorted({clip for clip, _, _ in pairs})
    assert len(clips) == 2
    assert pairs == [(c, a, b) for c in clips for a, b in [(0, 1), (0, 2), (1, 2)]]
    assert all(trial["reference"] is None for trial in page_kit(folder)["trials"])
    for name, item in key.items.items():
        audio = study.replay(None, study.row(item.clip, "rival"))
        for sound, condition in item.stimuli.items():
            is_rival = likeness(sounds(folder, name)[sound], audio.enhanced) > SAME
            assert is_rival == (key.conditions[condition].name == "rival")


@pytest.mark.parametrize("kind", ["mushra", "ab"])
def test_nothing_that_the_page_loads_tells_what_a_sound_is(write, kind):
    study = SyntheticStudy(systems_of_study=["zephyr-net"])
    folder = write(study, kind=kind)
    files = [path for path in (folder / "page").rglob("*") if path.is_file()]
    ours = {"index.html", "style.css", "player.js", "listening.js"}
    for path in files:
        text = path.read_text()
        assert OPAQUE.fullmatch(path.stem) or path.name in {*ours, "kit.js"}
        words = ["zephyr", "rival", "key.json", *study.clips]
        words += [] if path.name in ours else ["noisy", "anchor", "hidden", "made", "babble"]
        assert [word for word in words if word in text] == []
    assert len({len(wav) for trial in page_kit(folder)["trials"]
                for wav in sounds(folder, trial["name"]).values()}) == 1  # fmt: skip


def test_the_order_in_the_files_says_nothing(write):
    study = SyntheticStudy(n_clips=8, seconds=1.0)
    orders, first_clips = set(), set()
    for seed in range(4):
        folder = write(study, 8, f"kit{seed}", seed=seed)
        key, page = read_key(folder), page_kit(folder)
        for trial in page["trials"]:
            order = [key.items[trial["name"]].stimuli[sound] for sound in trial["sounds"]]
            orders.add(tuple(order))
            in_file = [s for s in sounds(folder, trial["name"]) if s != trial["reference"]]
            assert in_file == trial["sounds"]
        first_clips.add(key.items[page["trials"][0]["name"]].clip)
        assert list(key.items) == [trial["name"] for trial in page["trials"]]
    assert len(orders) > 25, "32 draws of 720 orders"
    assert len(first_clips) > 1


def test_a_seed_gives_the_same_test_and_another_one_does_not(write):
    study = SyntheticStudy(n_clips=6, seconds=1.0)
    kits = [page_kit(write(study, 3, f"kit{i}", seed=seed)) for i, seed in enumerate((1, 1, 2))]
    assert kits[0] == kits[1]
    assert kits[0]["id"] != kits[2]["id"]


def test_practice_is_a_clip_of_its_own_where_there_is_one(write):
    for n, is_own in ((3, True), (4, False)):
        folder = write(SyntheticStudy(), n, f"kit{n}")
        key = read_key(folder)
        clips = {item.clip for item in key.items.values()}
        assert (key.facts["practice"] not in clips) == is_own
        practice = page_kit(folder)["practice"]
        assert practice["name"] not in key.items
        assert len(sounds(folder, practice["name"])) == 7


def test_clips_come_from_the_whole_range_and_the_key_says_how(write):
    folder = write(SyntheticStudy(n_clips=12), 3)
    key = read_key(folder)
    snrs = sorted(item.snr_db for item in key.items.values())
    assert -4 <= snrs[0] <= 2 < 4 <= snrs[1] <= 10 < 12 <= snrs[2] <= 18
    sentence = "The 12 clips that every condition has were sorted by SNR and cut into 3 parts"
    assert key.facts["selection"].startswith(sentence)
    assert sentence in " ".join((folder / "README.txt").read_text().split())


def test_a_clip_that_cannot_be_played_is_replaced_and_noted(write):
    def silent(audio):
        return replace(audio, clean=np.zeros_like(audio.clean))

    changes = {(clip, system): silent for clip in ("c-00", "c-02") for system in ("gru", "rival")}
    folder = write(SyntheticStudy(n_clips=4, changes=changes), 2)
    key = read_key(folder)
    assert sorted(item.clip for item in key.items.values()) == ["c-01", "c-03"]
    passed = [note for note in key.facts["notes"] if note.startswith("passed over: clip c-00")]
    assert all("is silent, so has no loudness" in note for note in passed)


def test_where_no_clip_of_a_part_can_be_played_the_reason_is_given_and_nothing_left(
    write, tmp_path
):
    changes = {
        (f"c-{i:02}", system): lambda audio: replace(audio, clean=np.zeros_like(audio.clean))
        for i in range(4)
        for system in ("gru", "rival")
    }
    with pytest.raises(StudyError, match="its hidden reference is silent, so has no loudness"):
        write(SyntheticStudy(changes=changes), 2)
    assert list(tmp_path.iterdir()) == []


def test_hostile_names_reach_the_key_and_nothing_else(write):
    evil = '</script><script>alert("x")</script>'
    study = SyntheticStudy(n_clips=2, systems_of_study=[evil, "o'net \udcff"])
    study.clips = ['<b>"c0"', "c\n1"]
    folder = write(study, 2)
    key = read_key(folder)
    assert {item.clip for item in key.items.values()} == set(study.clips)
    assert f"{evil}, P = 50" in [condition.name for condition in key.conditions]
    for path in (folder / "page").rglob("*.*"):
        assert "alert(" not in path.read_text() and "c0" not in path.name


def test_a_lone_system_is_heard_beside_noisy(write):
    folder = write(SyntheticStudy(), 2, kind="ab", systems=["rival"])
    assert [c.role for c in read_key(folder).conditions] == ["system", "noisy"]


def test_without_clean_speech_mushra_names_the_other_kind_which_works(write):
    study = SyntheticStudy(has_clean=False)
    with pytest.raises(ParameterError, match="no clip .* has clean speech.*--listening-kind ab"):
        write(study)
    folder = write(study, kind="ab")
    assert {item.snr_db for item in read_key(folder).items.values()} == {None}


def test_too_many_clips_or_trials_are_refused(write):
    with pytest.raises(ParameterError, match="got 5 clips, the study has 4 .*ask for 1 to 4"):
        write(SyntheticStudy(), 5)
    with pytest.raises(ParameterError, match=r"51 clips of 3 pairs make 153 trials, .* 150;"):
        write(SyntheticStudy(n_clips=51), 51, kind="ab")


@pytest.mark.parametrize("content", ["file", "folder"])
def test_a_folder_that_holds_something_is_left_alone(write, tmp_path, content):
    if content == "file":
        (tmp_path / "kit").write_text("mine")
    else:
        (tmp_path / "kit").mkdir()
        (tmp_path / "kit" / "key.json").write_text("mine")
    with pytest.raises(OutputExistsError, match="kit: exists already, .*name another folder"):
        write(SyntheticStudy())
    assert len(list(tmp_path.rglob("*"))) == (1 if content == "file" else 2)


def test_an_empty_folder_is_used(write, tmp_path):
    (tmp_path / "kit").mkdir()
    assert (write(SyntheticStudy()) / "key.json").is_file()


def test_what_was_written_so_far_is_removed_after_an_error(write, tmp_path, monkeypatch):
    monkeypatch.setattr(kit, "guide", lambda key: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write(SyntheticStudy())
    assert list(tmp_path.iterdir()) == []


def test_the_guide_names_the_conditions_the_file_and_the_command(write):
    folder = write(SyntheticStudy())
    text = " ".join((folder / "README.txt").read_text().split())
    kit_name = page_kit(folder)["id"]
    for words in (
        "hidden reference; low anchor (3.5 kHz); noisy; gru, P = 100; gru, P = 50; rival",
        f"wheesht-{kit_name}-NAME.csv",
        "wheesht report --listening-results FOLDER",
        "-26.0 LUFS",
        "Each listener hears 3 clips. Of each there are 6 versions",
    ):
        assert words in text
    assert max(map(len, (folder / "README.txt").read_text().splitlines())) <= 80


def with_condition(text, index):
    """The key with another condition for the hidden reference of its first item."""
    document = json.loads(text)
    stimuli = next(iter(document["items"].values()))["stimuli"]
    stimuli.update({sound: index for sound, i in stimuli.items() if i == 0})
    return json.dumps(document)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:100],
        lambda text: text.replace('"format": 1', '"format": 2'),
        lambda text: text.replace('"kind"', '"sort"'),
        lambda text: with_condition(text, 7),
        lambda text: with_condition(text, -1),
        lambda text: with_condition(text, 1.5),
        lambda text: with_condition(text, 1),
        lambda text: "[]",
    ],
)
def test_a_damaged_key_is_refused(write, damage):
    folder = write(SyntheticStudy())
    path = folder / "key.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(StudyError, match=r"key.json: is damaged .*put the original back"):
        read_key(folder)


def test_a_missing_key_is_named(tmp_path):
    with pytest.raises(StudyError, match="holds no key.json, which says what was heard"):
        read_key(tmp_path / "results")
