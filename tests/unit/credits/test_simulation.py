"""The ledger in virtual time, on `make bench`'s model of DynamoDB: never overspent, never a false refusal."""

import pytest

from tests.bench.holds import Load, simulate


@pytest.mark.parametrize("seed", [1, 2])
def test_rule_2_what_runs_out_under_load_is_spent_to_the_end_and_no_further(seed):
    done = simulate(Load(300, 3.0, 2000, keys=3, seed=seed))
    assert (done.overspent, done.false, done.stranded) == (0, 0, 0)
    assert done.refused > 0
    assert done.offered == done.accepted + done.refused + done.gave_up
    assert done.counts["conflict"] + done.counts["throttle"] > 0, "the load was one that conflicts"


def test_lanes_take_more_than_twice_what_one_item_takes():
    assert simulate(Load(400, 3.0, 10**7)).accepted > 2 * simulate(Load(400, 3.0, 10**7, lanes=False)).accepted
