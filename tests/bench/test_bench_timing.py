"""Turns, medians, spread and refusal, with a clock that only moves when told to."""

import numpy as np
import pytest

from wheesht.bench import timing
from wheesht.bench.timing import Clocks, spreads, take_turns, until_quiet
from wheesht.errors import NoisyMachineError


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_every_item_is_timed_once_and_in_order(clock, contestant, rng):
    who = contestant(lambda item: clock.work(1000 + item), range(150))
    (run,) = take_turns([who], clock.clocks, rng)
    assert run.wall.tolist() == run.cpu.tolist() == [1000 + i for i in range(150)]


def test_waiting_for_the_core_is_wall_time_only(clock, contestant, rng):
    def step(item):
        clock.work(500)
        clock.wait(4_000_000 if item == 7 else 0)

    (run,) = take_turns([contestant(step)], clock.clocks, rng)
    assert run.wall.max() == 4_000_500 and run.cpu.max() == 500
    assert run.median == 500


def test_parts_of_calls_that_waited_for_the_core_do_not_count(clock, contestant, rng):
    def inside(item):
        waited = 4_000_000 if item % 3 else 0
        clock.work(2_000_000)
        clock.wait(waited)
        return [1_500_000 + waited, 2_000_000 + waited]

    who = contestant(lambda item: clock.work(2_000_000), range(9), inside=(inside,))
    (run,) = take_turns([who], clock.clocks, rng)
    assert run.inside.tolist() == 3 * [[1_500_000, 2_000_000]]


def test_where_every_call_waited_all_parts_count(clock, contestant, rng):
    def inside(item):
        clock.work(100)
        clock.wait(900)
        return [1000]

    (run,) = take_turns([contestant(items=range(4), inside=(inside,))], clock.clocks, rng)
    assert run.inside.tolist() == 4 * [[1000]]


def test_reading_the_clock_is_taken_off_cpu_time(clock, contestant, rng):
    def reading():
        clock.cpu += 300  # a system call
        return clock.cpu

    who = contestant(lambda item: clock.work(500))
    (run,) = take_turns([who], Clocks(lambda: clock.wall, reading), rng)
    assert set(run.cpu) == {500.0}


def test_without_a_clock_of_cpu_time_there_is_none(clock, contestant, rng):
    clocks = Clocks(lambda: clock.wall, None)
    (run,) = take_turns([contestant(lambda item: clock.work(500))], clocks, rng)
    assert np.all(np.isnan(run.cpu)) and run.median == 500


def test_turns_are_short_and_warmed_up_by_the_items_before(clock, contestant, rng):
    order = []
    short = [
        contestant(lambda item, name=name: order.append((name, item)), range(120)) for name in "ab"
    ]
    take_turns(short, clock.clocks, rng)
    turns = [order[i : i + 80] for i in range(0, len(order), 80)]
    assert len(turns) == 4 and len(order) == 4 * 80
    for turn in turns:
        assert len({name for name, _ in turn}) == 1
        first = turn[20][1]
        assert first in (0, 60)
        assert [item for _, item in turn] == [i % 120 for i in range(first - 20, first + 60)]
    assert {turn[0][0] for turn in turns[:2]} == {"a", "b"}


def test_the_order_is_drawn_anew_for_every_turn(clock, contestant):
    firsts = []
    field = [
        contestant(lambda item, i=i: firsts.append(i) if item == 30 else None, range(60))
        for i in range(3)
    ]
    rng = np.random.default_rng(0)
    for _ in range(30):
        take_turns(field, clock.clocks, rng)
    orders = {tuple(firsts[i : i + 3]) for i in range(0, len(firsts), 3)}
    assert len(orders) == 6


def test_contestants_with_other_hops_share_the_turns(clock, contestant, rng):
    order = []
    many = contestant(lambda item: order.append("many"), range(240))
    few = contestant(lambda item: order.append("few"), range(3), is_long=True)
    runs = take_turns([many, few], clock.clocks, rng)
    assert [len(run.wall) for run in runs] == [240, 3]
    assert order.count("few") == 3, "a long call is not warmed up"
    between = "".join("f" if name == "few" else "m" for name in order).strip("m")
    assert between.count("m") > 60, "the three calls lie in different turns"


@pytest.mark.parametrize("own_ns, counted_ns", [(900_000, 4_900_000), (1_100_000, 1_100_000)])
def test_hops_above_a_millisecond_count_in_cpu_time(clock, contestant, rng, own_ns, counted_ns):
    """Most of them meet the moment when others get the core."""

    def step(item):
        clock.work(own_ns)
        clock.wait(4_000_000)

    ((run,),) = [take_turns([contestant(step, range(3))], clock.clocks, rng)]
    assert run.median == counted_ns


def test_long_calls_count_in_cpu_time(clock, contestant, rng):
    def step(item):
        clock.work(20_000_000)
        clock.wait(5_000_000)

    who = contestant(step, range(3), is_long=True)
    (run,) = take_turns([who], clock.clocks, rng)
    assert run.median == 20_000_000
    (run,) = take_turns([who], Clocks(lambda: clock.wall, None), rng)
    assert run.median == 25_000_000


def test_parts_are_taken_in_extra_steps(clock, contestant, rng):
    who = contestant(range(60).__getitem__, range(60), inside=(lambda item: [item, 2 * item],))
    (run,) = take_turns([who], clock.clocks, rng)
    assert run.inside.tolist() == [[i, 2 * i] for i in range(20)]


def test_a_look_has_the_caches_to_itself(clock, contestant, rng):
    """It is taken at all items before the next one begins; one that waited takes all with it."""
    seen = []

    def look(name, wait_at):
        def inside(item):
            seen.append(name)
            clock.work(1_000_000)
            clock.wait(4_000_000 if item == wait_at else 0)
            return [item]

        return inside

    who = contestant(items=range(4), inside=(look("a", 1), look("b", 2)))
    (run,) = take_turns([who], clock.clocks, rng)
    assert seen == 4 * ["a"] + 4 * ["b"]
    assert run.inside.tolist() == [[0, 0], [3, 3]]


def test_spread_is_the_90th_over_the_10th_percentile_of_run_medians(run_of):
    medians = [10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]
    rounds = [[run_of([m, m, 1000]), run_of([5, 5, 5])] for m in medians]
    assert spreads(rounds) == pytest.approx([19 / 11, 1.0])


def rounds_of(run_of, values):
    """Rounds of one contestant with these medians, then an error."""
    it = iter(values)
    return lambda: [run_of(3 * [next(it)])]


def test_quiet_runs_are_enough(run_of):
    steps = []
    rounds, made = until_quiet(rounds_of(run_of, 5 * [10]), 5, 1.1, ["a"], steps.append)
    assert made == len(rounds) == 5 and steps == 5 * [1]


def test_runs_go_on_until_the_last_ones_agree(run_of):
    values = [10, 30, 10, 25, 10, 10, 10, 10, 10, 99]
    steps = []
    rounds, made = until_quiet(rounds_of(run_of, values), 5, 1.1, ["a"], steps.append)
    assert made == 9 and [one[0].median for one in rounds] == 5 * [10_000]
    assert steps == 5 * [1]


def test_a_machine_that_stays_busy_is_given_up_with_advice(run_of):
    values = [10 * 1.05**i for i in range(25)]
    with pytest.raises(NoisyMachineError, match="stop other programs") as told:
        until_quiet(rounds_of(run_of, values), 5, 1.1, ["the slow one"])
    assert "the slow one spread by a factor of 1.17, needs 1.1 or less" in str(told.value)
    assert "25 runs brought no 5 in a row" in str(told.value)
    assert timing.PATIENCE == 5


def test_one_restless_contestant_is_enough_to_refuse(run_of):
    values = iter([10 * 1.05**i for i in range(25)])
    with pytest.raises(NoisyMachineError, match="runs of b spread"):
        until_quiet(lambda: [run_of([7]), run_of([next(values)])], 5, 1.1, ["a", "b"])


def test_another_limit_may_be_stated(run_of):
    values = [10 * 1.05**i for i in range(25)]
    _, made = until_quiet(rounds_of(run_of, values), 5, 1.2, ["a"])
    assert made == 5
