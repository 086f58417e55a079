import ast
from itertools import islice

import pytest

from crusades_eval.topology import (
    MAX_PLANNED_STEPS,
    batch_starts,
    check_topology,
    data_group,
    effective_topology,
    plan,
    read_strategy,
)


def test_ranks_of_one_tensor_parallel_group_share_their_data():
    assert [data_group(rank, tp_size=2) for rank in range(4)] == [0, 0, 1, 1]
    assert [data_group(rank, tp_size=1) for rank in range(3)] == [0, 1, 2]
    assert [data_group(rank, tp_size=4) for rank in range(4)] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("group", "dp_size", "batch_size", "num_samples", "starts"),
    [
        (0, 1, 16, 64, [0, 16, 32, 48, 0, 16]),
        (0, 2, 16, 64, [0, 32, 0, 32]),
        (1, 2, 16, 64, [16, 48, 16, 48]),
        # 4 + 4 > 7: the batch would run past the end, so it starts over at 0 before it is taken.
        (0, 1, 4, 7, [0, 0, 0]),
        (1, 2, 4, 10, [4, 2, 0, 0]),
        (0, 2, 3, 10, [0, 6, 2, 0]),
        # The first index wraps, too.
        (3, 4, 4, 10, [2, 0, 6, 2]),
        (1, 2, 8, 4, [0, 0]),
        (0, 1, 4, 4, [0, 0]),
    ],
)
def test_batch_starts(group, dp_size, batch_size, num_samples, starts):
    assert list(islice(batch_starts(group, dp_size, batch_size, num_samples), len(starts))) == starts


@pytest.mark.parametrize("arguments", [(2, 2, 1, 1), (-1, 2, 1, 1), (0, 0, 1, 1), (0, 1, 0, 1), (0, 1, 1, 0)])
def test_an_impossible_split_is_refused(arguments):
    with pytest.raises(ValueError, match="no data split"):
        batch_starts(*arguments)


def test_read_strategy_takes_the_nodes_of_a_walk():
    tree = ast.parse('def get_strategy():\n    return {"dp_size": 2, "tp_size": 2}')
    assert read_strategy(ast.walk(tree), 8) == {"dp_size": 2, "tp_size": 2}
    assert read_strategy(ast.walk(ast.parse("")), 8) is None


def test_topologies_that_fit():
    assert effective_topology(None, 1) == {"dp_size": 1, "tp_size": 1}
    assert effective_topology({"dp_size": 2, "tp_size": 2}, 4) == {"dp_size": 2, "tp_size": 2}


def test_topologies_that_do_not_fit():
    assert check_topology({"dp_size": 2, "tp_size": 1}, 4) == (
        "get_strategy() declares dp_size 2 x tp_size 1 = 2 GPUs, but the evaluation uses 4: make the product 4."
    )
    assert check_topology({"dp_size": 2, "tp_size": 1}, 1) is not None
    assert check_topology(None, 2) == (
        "2 GPUs need a declared topology: add get_strategy() with a literal return such as "
        '{"dp_size": 2, "tp_size": 1}.'
    )
    with pytest.raises(ValueError, match="need a declared topology"):
        effective_topology(None, 2)


SIZES = {"batch_size": 16, "seq_len": 1024, "num_samples": 10_000, "num_steps": 2}


def batch(first, last, *, wrapped=False):
    return {"first": first, "last": last, "wrapped": wrapped}


def test_a_plan_says_who_reads_what():
    assert plan({"dp_size": 2, "tp_size": 2}, 4, **SIZES) == {
        "topology": {"dp_size": 2, "tp_size": 2},
        "groups": [
            {"ranks": [0, 1], "batches": [batch(0, 15), batch(32, 47)]},
            {"ranks": [2, 3], "batches": [batch(16, 31), batch(48, 63)]},
        ],
        "tokensPerStep": 16_384,
        "uniqueTokensPerStep": 32_768,
        "uniqueTokens": 65_536,
        "steps": 2,
    }


def test_a_plan_without_a_declaration_is_for_one_gpu():
    planned = plan(None, 1, **SIZES)
    assert (planned["topology"], planned["groups"]) == (
        {"dp_size": 1, "tp_size": 1},
        [{"ranks": [0], "batches": [batch(0, 15), batch(16, 31)]}],
    )


def test_a_plan_marks_where_the_data_begins_again():
    planned = plan({"dp_size": 2, "tp_size": 1}, 2, **SIZES | {"batch_size": 3, "num_samples": 10, "num_steps": 4})
    assert [group["batches"] for group in planned["groups"]] == [
        [batch(0, 2), batch(6, 8), batch(2, 4, wrapped=True), batch(0, 2, wrapped=True)],
        [batch(3, 5), batch(0, 2, wrapped=True), batch(6, 8), batch(2, 4, wrapped=True)],
    ]


def test_a_plan_of_fewer_samples_than_a_batch_shows_the_short_batch_and_counts_whole_ones():
    planned = plan(None, 1, **SIZES | {"batch_size": 8, "num_samples": 5})
    assert planned["groups"] == [{"ranks": [0], "batches": [batch(0, 4), batch(0, 4, wrapped=True)]}]
    assert planned["uniqueTokens"] == 8 * 1024 * 2


def test_a_long_plan_is_cut_and_its_totals_are_not():
    planned = plan(None, 1, **SIZES | {"num_steps": 100_000})
    assert [len(group["batches"]) for group in planned["groups"]] == [MAX_PLANNED_STEPS]
    assert (planned["steps"], planned["uniqueTokens"]) == (100_000, 16 * 1024 * 100_000)


def test_an_impossible_plan_is_refused_with_a_sentence():
    with pytest.raises(ValueError, match="make the product 2"):
        plan({"dp_size": 2, "tp_size": 2}, 2, **SIZES)
    with pytest.raises(ValueError, match="2 GPUs need a declared topology"):
        plan(None, 2, **SIZES)
    with pytest.raises(ValueError, match="no plan for"):
        plan(None, 1, **SIZES | {"num_steps": 0})
    with pytest.raises(ValueError, match="no data split"):
        plan(None, 1, **SIZES | {"batch_size": 0})
