import ast
from itertools import islice

import pytest

from crusades_eval.topology import batch_starts, check_topology, data_group, effective_topology, read_strategy


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
