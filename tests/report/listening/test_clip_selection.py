"""Which systems and clips a listening test is made of."""

from dataclasses import replace

import numpy as np
import pytest
from listening_study import SyntheticStudy

from wheesht.errors import ParameterError
from wheesht.report.listening.conditions import choose_conditions
from wheesht.report.listening.selection import candidates, strata
from wheesht.report.numbers.scores import gather

MUSHRA_OWN = ["hidden reference", "low anchor (3.5 kHz)", "noisy"]


def scores_of(study):
    return gather([study])


def names(kind, systems=None, **made):
    scores = scores_of(SyntheticStudy(**made).study)
    return [condition.name for condition in choose_conditions(scores, kind, systems)]


@pytest.fixture
def pool():
    scores = scores_of(SyntheticStudy(n_clips=23).study)
    return candidates(scores, choose_conditions(scores, "mushra", None))


def test_mushra_has_reference_anchor_and_noisy_before_every_system():
    assert names("mushra") == [*MUSHRA_OWN, "gru, P = 100", "gru, P = 50", "rival"]


def test_ab_has_the_systems_alone():
    assert names("ab") == ["gru, P = 100", "gru, P = 50", "rival"]


@pytest.mark.parametrize(
    ("systems", "expected"),
    [
        (["gru"], ["gru, P = 100", "gru, P = 50"]),
        (["gru:50", "rival"], ["gru, P = 50", "rival"]),
        (["gru, P = 100", "gru:100", "rival"], ["gru, P = 100", "rival"]),
        (["noisy", "rival"], ["rival", "noisy"]),
        (["rival"], ["rival", "noisy"]),
    ],
)
def test_ab_takes_the_systems_that_are_named_and_noisy_beside_a_lone_one(systems, expected):
    assert names("ab", systems) == expected


def test_an_unknown_system_is_answered_with_those_there_are():
    with pytest.raises(ParameterError, match=r"no system 'gru:75', needs one of noisy, gru:100, "):
        names("mushra", ["gru:75"])


def test_an_unknown_kind_is_refused():
    with pytest.raises(ParameterError, match="got kind 'abx', needs mushra or ab"):
        names("abx")


def test_noisy_alone_is_no_test():
    with pytest.raises(ParameterError, match="no system but the unprocessed input takes part"):
        names("mushra", ["noisy"])


def test_more_than_twelve_signals_are_refused_with_what_to_name():
    many = [f"net{i}" for i in range(5)]
    with pytest.raises(ParameterError, match=r"11 systems and 3 hidden signals make 14, .* 12;"):
        names("mushra", systems=None, n_clips=1, **{"systems_of_study": many})


def test_a_model_called_like_a_hidden_signal_stays_a_system():
    scores = scores_of(SyntheticStudy(systems_of_study=["hidden reference"]).study)
    conditions = choose_conditions(scores, "mushra", ["hidden reference:50"])
    assert [c.role for c in conditions] == ["reference", "anchor", "noisy", "system"]


def test_only_clips_that_every_system_was_given_and_could_read_take_part():
    study = SyntheticStudy(n_clips=5).study
    rows = [row for row in study.rows if (row.clip, row.system) != ("c-01", "rival")]
    rows = [
        replace(row, audio_sha256="") if (row.clip, row.system) == ("c-03", "gru") else row
        for row in rows
    ]
    scores = scores_of(replace(study, rows=tuple(rows)))
    pool = candidates(scores, choose_conditions(scores, "mushra", None))
    assert [candidate.clip for candidate in pool] == ["c-00", "c-02", "c-04"]


def test_clips_without_clean_speech_are_for_preference_only():
    scores = scores_of(SyntheticStudy(has_clean=False).study)
    assert candidates(scores, choose_conditions(scores, "mushra", None)) == []
    assert len(candidates(scores, choose_conditions(scores, "ab", None))) == 4


def test_each_row_is_that_of_its_condition(pool):
    systems = [(row.system, row.update_percent) for row in pool[0].rows[3:]]
    assert systems == [("gru", 100.0), ("gru", 50.0), ("rival", None)]
    assert {
        row.clip for candidate in pool for row in candidate.rows if candidate.clip == "c-07"
    } == {"c-07"}


def test_every_part_of_the_range_of_snrs_gives_a_clip(pool):
    parts = strata(pool, 5, np.random.default_rng(0))
    assert sorted(len(part) for part in parts) == [4, 4, 5, 5, 5]
    ranges = [[candidate.facts.snr_db for candidate in part] for part in parts]
    for lower, upper in zip(ranges, ranges[1:], strict=False):
        assert max(lower) < min(upper)
    assert {c.clip for part in parts for c in part} == {c.clip for c in pool}


def test_the_seed_decides_which(pool):
    def drawn(seed):
        return [part[0].clip for part in strata(pool, 5, np.random.default_rng(seed))]

    assert drawn(3) == drawn(3)
    assert len({tuple(drawn(seed)) for seed in range(20)}) > 15


def test_every_clip_of_a_part_is_drawn_as_often(pool):
    firsts = [strata(pool, 1, np.random.default_rng(seed))[0][0].clip for seed in range(1150)]
    counts = np.unique(firsts, return_counts=True)[1]
    # 23 clips, 50 expected of each; chi-square with 22 degrees of freedom is below 48.3 in 99.9 %.
    assert len(counts) == 23 and np.sum((counts - 50) ** 2 / 50) < 48.3


def test_clips_of_one_snr_come_in_no_order(pool):
    same = [replace(c, facts=replace(c.facts, snr_db=0.0)) for c in pool]
    first = strata(same, 23, np.random.default_rng(0))
    assert [part[0].clip for part in first] != [c.clip for c in same]


def test_clips_without_an_snr_come_last(pool):
    mixed = [replace(c, facts=replace(c.facts, snr_db=None)) for c in pool[:5]] + pool[5:]
    parts = strata(mixed, 23, np.random.default_rng(0))
    assert {part[0].clip for part in parts[-5:]} == {c.clip for c in pool[:5]}


@pytest.mark.parametrize("n", [0, 24, -1])
def test_more_clips_than_there_are_or_none_are_refused(pool, n):
    with pytest.raises(ParameterError, match=rf"got {n} clips, the study has 23 .*ask for 1 to 23"):
        strata(pool, n, np.random.default_rng(0))
