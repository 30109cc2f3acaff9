"""The analysis of a listening test against plain arithmetic."""

import json
import re
from itertools import combinations

import numpy as np
import pytest
from answer_sheets import ab_key, mushra_key, write_sheet

from wheesht.errors import StudyError
from wheesht.report.listening.key import write_key
from wheesht.report.listening.results import analyse
from wheesht.statistics import binomial, crossed_interval, holm, wilcoxon

MEANS = (100, 30, 40, 72, 64)  # of the conditions of `mushra_key`
TESTED = (2, 3, 4)


def ratings_of(n_listeners, key, seed=0):
    """Whole numbers, (listeners, items, conditions); the hidden reference is always 100."""
    rng = np.random.default_rng(seed)
    shape = (n_listeners, len(key.items), len(key.conditions))
    own = rng.normal(0, 6, (n_listeners, 1, 1)) + rng.normal(0, 6, shape)
    ratings = np.clip(np.array(MEANS) + own, 0, 99).round()
    ratings[:, :, 0] = 100
    return ratings


def write_ratings(folder, key, ratings):
    folder.mkdir(exist_ok=True)
    for number, own in enumerate(ratings):
        items = list(key.items)
        write_sheet(
            folder, key, f"l{number}", lambda name, k, o=own, i=items: int(o[i.index(name), k])
        )


@pytest.fixture
def test_of(tmp_path):
    """Write a test with the ratings of some listeners, and return folder and ratings."""

    def write(n_listeners=8, key=None, spoil=lambda ratings: None):
        key = key or mushra_key()
        ratings = ratings_of(n_listeners, key)
        spoil(ratings)
        write_key(tmp_path / "key.json", key)
        write_ratings(tmp_path / "results", key, ratings)
        return tmp_path, ratings

    return write


def test_means_and_medians_are_those_of_all_ratings(test_of):
    folder, ratings = test_of()
    results = analyse(folder)
    assert results.listeners == tuple(f"l{i}" for i in range(8))
    assert results.devices == {"headphones": 8} and results.minutes == 2.0
    for k, one in enumerate(results.scores):
        assert one.name == mushra_key().conditions[k].name
        assert one.score == crossed_interval(ratings[:, :, k])
        assert one.score.mean == pytest.approx(ratings[:, :, k].mean())
        assert one.median == np.median(ratings[:, :, k])
    assert results.preferences == ()


def test_tests_go_over_listeners_and_are_corrected_over_systems_and_noisy(test_of):
    folder, ratings = test_of()
    results = analyse(folder)
    assert results.unit == "listeners"
    means = ratings.mean(axis=1)
    pairs = list(combinations(TESTED, 2))
    raw = [wilcoxon(means[:, a], means[:, b]) for a, b in pairs]
    assert [one.p_wilcoxon for one in results.contrasts] == raw
    assert [one.p_holm for one in results.contrasts] == holm(raw).tolist()
    for (a, b), one in zip(pairs, results.contrasts, strict=True):
        assert one.difference == crossed_interval(ratings[:, :, a] - ratings[:, :, b])
        assert (one.a, one.b) == tuple(mushra_key().conditions[k].name for k in (a, b))


def test_few_listeners_are_compared_clip_by_clip_and_it_is_said(test_of):
    folder, ratings = test_of(5)
    results = analyse(folder)
    assert results.unit == "clips"
    means = ratings.mean(axis=0)
    assert results.contrasts[0].p_wilcoxon == wilcoxon(means[:, 2], means[:, 3])
    assert "fewer than 6 listeners" in results.to_markdown()


def test_one_listener_and_one_clip_have_means_without_intervals(test_of):
    folder, ratings = test_of(1, mushra_key(1))
    results = analyse(folder)
    assert results.scores[1].score.mean == ratings[0, 0, 1]
    assert results.to_dict()["scores"][1]["score"]["low"] is None
    assert "[" not in results.to_markdown().split("## 2")[0].replace("[Figure", "")
    assert "<svg" in results.to_html()


def test_clips_are_listed_by_falling_snr_with_their_means(test_of):
    folder, ratings = test_of()
    clips = analyse(folder).clips
    assert [clip.snr_db for clip in clips] == [15.0, 10.0, 5.0, 0.0]
    assert clips[0].means == pytest.approx(ratings[:, 3].mean(axis=0))


def spoil_l2(ratings):
    ratings[2, 1, 0] = 50


def test_an_excluded_listener_is_named_and_does_not_count(test_of):
    folder, ratings = test_of(spoil=spoil_l2)
    results = analyse(folder)
    assert "l2" not in results.listeners and len(results.listeners) == 7
    assert results.scores[3].score.mean == pytest.approx(np.delete(ratings, 2, 0)[:, :, 3].mean())
    [finding] = results.excluded
    assert finding.listener == "l2" and "below 90 in 1 of 4 clips" in finding.reason
    assert "Excluded" in results.to_markdown() and "l2: rated the hidden" in results.to_markdown()


def test_an_excluded_listener_can_be_kept(test_of):
    folder, ratings = test_of(spoil=spoil_l2)
    results = analyse(folder, keep_excluded=True)
    assert results.scores[3].score.mean == pytest.approx(ratings[:, :, 3].mean())
    assert results.excluded[0].listener == "l2"
    assert "Found by post-screening, but kept" in results.to_markdown()


def test_when_nobody_is_left_it_says_how_to_keep_them(test_of):
    folder, _ = test_of(2, spoil=lambda ratings: ratings.__setitem__((..., 0), 10))
    with pytest.raises(StudyError, match=r"excludes every listener \(l0 rated .*--keep-excluded"):
        analyse(folder)


def test_rejected_files_are_in_the_report_and_the_rest_counts(test_of):
    folder, _ = test_of()
    (folder / "results" / "a.csv").write_text("nothing\n")
    results = analyse(folder)
    assert len(results.listeners) == 8
    assert results.rejected[0].startswith(f"{folder / 'results' / 'a.csv'}, line 1: begins with")
    assert "Files that could not be used" in results.to_markdown()


def test_no_file_and_no_usable_file_are_errors(test_of, tmp_path):
    write_key(tmp_path / "key.json", mushra_key())
    with pytest.raises(StudyError, match="holds no CSV file of a listener"):
        analyse(tmp_path)
    (tmp_path / "a.csv").write_text("nothing\n")
    with pytest.raises(StudyError, match=r"none of 1 files can be used\. .*a.csv, line 1: begins"):
        analyse(tmp_path)


def test_the_key_may_lie_above_the_files_and_the_files_beside_it(test_of):
    folder, _ = test_of()
    assert analyse(folder).scores == analyse(folder / "results").scores


def answers(folder, key, shares):
    """Each listener prefers condition 1 on the clips below a bound; 0.5 from `n` on."""
    write_key(folder / "key.json", key)
    for number, (wins, ties) in enumerate(shares):

        def score(name, condition, wins=wins, ties=ties):
            clip = int(name[1])
            if clip >= 8 - ties:
                return 0.5
            return float(condition == (1 if clip < wins else 0))

        write_sheet(folder, key, f"l{number}", score)


def test_preferences_are_counted_and_tested(tmp_path):
    key = ab_key(n_clips=8)
    answers(tmp_path, key, [(8, 0), (7, 1), (6, 0), (5, 2), (4, 0), (2, 0), (7, 0)])
    results = analyse(tmp_path)
    [one] = results.preferences
    assert (one.a, one.b) == ("old", "new")
    assert (one.prefer_b, one.neither, one.prefer_a) == (39, 3, 14)
    assert one.share.mean == pytest.approx((14 + 1.5) / 56)
    assert one.p_answers == binomial(14, 53)
    # One listener is undecided (4 of 8), one prefers the old one, five the new one.
    assert one.p_listeners == one.p_holm == binomial(1, 6)
    assert results.unit == "listeners" and "p over listeners is corr" in results.to_markdown()
    assert results.scores == results.contrasts == results.clips == ()
    assert "14 | 3 | 39" in results.to_markdown()


def test_three_systems_make_three_pairs_with_corrected_p(tmp_path):
    key = ab_key(n_clips=6, n_conditions=3)
    write_key(tmp_path / "key.json", key)
    for number in range(4):
        write_sheet(tmp_path, key, f"l{number}", lambda name, k: float(k == int(name[2])))
    results = analyse(tmp_path)
    assert [(one.a, one.b) for one in results.preferences] == [
        ("old", "new"),
        ("old", "other"),
        ("new", "other"),
    ]
    assert all((one.prefer_a, one.prefer_b) == (0, 24) for one in results.preferences)
    assert results.unit == "answers" and "fewer than 6 listeners p over a" in results.to_markdown()
    expected = holm([binomial(0, 24)] * 3).tolist()
    assert [one.p_holm for one in results.preferences] == expected


def test_the_dictionary_is_json_and_holds_everything(test_of):
    folder, _ = test_of(spoil=spoil_l2)
    document = json.loads(json.dumps(analyse(folder).to_dict(), allow_nan=False))
    assert document["kit"] == "abc123" and document["kind"] == "mushra"
    assert len(document["scores"]) == 5 and len(document["contrasts"]) == 3
    assert document["scores"][0]["score"]["mean"] == 100
    assert document["excluded"][0]["listener"] == "l2" and document["rejected"] == []


def test_names_with_markup_stay_text(tmp_path):
    key = mushra_key()
    evil = "<img src=x onerror=alert(1)>|`"
    conditions = (*key.conditions[:4], type(key.conditions[4])("system", evil))
    key = type(key)(key.kit, key.kind, conditions, key.items, key.facts)
    write_key(tmp_path / "key.json", key)
    write_sheet(tmp_path, key, "<script>l", lambda name, k: 100 - 20 * k)
    results = analyse(tmp_path)
    html = results.to_html()
    assert "<script" not in html and "<img" not in html
    assert "&lt;script&gt;l" in html and "&lt;img src=x" in html
    assert re.findall(r"(?<!\\)<", results.to_markdown()) == []
    assert "onerror=alert(1)\\>\\|\\`" in results.to_markdown()
