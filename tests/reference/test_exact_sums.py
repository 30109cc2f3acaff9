"""Sums of integers in the exact judge: those of Python's integers, rounded once."""

import numpy as np
import pytest

from wheesht.reference.exact_ops import IntegerMatrix


@pytest.mark.parametrize("columns", [1, 1040, 1041, 4096])
@pytest.mark.parametrize("dtype, levels", [("s8", 127), ("s16", 127 * 128)])
def test_sums_are_exact_for_any_number_of_columns(columns, dtype, levels):
    """Of 4096 columns they pass 2^24, from where on float32 does not hold every integer."""
    rng = np.random.default_rng(columns)
    weight = rng.integers(55, 65, (5, columns)).astype(np.int8)  # two neighbours: 128 at most
    seen = rng.integers(levels - levels // 9, levels + 1, columns)
    own = {
        "weight": weight,
        "weight_scale": np.ones(5, np.float32),
        "input_scale": np.ones(1, np.float32),
    }
    planes = IntegerMatrix(dtype, own).sums(seen.astype(np.float32))
    coarse = [0 if dtype == "s8" else (int(x) + 64) // 128 for x in seen]
    fine = [int(x) - 128 * c for x, c in zip(seen, coarse, strict=True)]
    wanted = [fine] if dtype == "s8" else [fine, coarse]
    assert [factor for _, factor in planes] == [1, 128][: len(wanted)]
    for (got, _), integers in zip(planes, wanted, strict=True):
        by_hand = [sum(int(w) * q for w, q in zip(row, integers, strict=True)) for row in weight]
        np.testing.assert_array_equal(got, np.array(by_hand, np.float64).astype(np.float32))
