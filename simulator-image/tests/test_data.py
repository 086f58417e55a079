import random

import pytest
from judge import profile

torch = pytest.importorskip("torch", reason="needs python: torch is not installed")

from crusades_eval.data import BatchSource, sample_order, synthetic_samples, torch_seed  # noqa: E402
from crusades_eval.topology import plan  # noqa: E402


def test_the_seed_gives_the_orders_production_would_give():
    # From spec/evaluation.md section 4 by hand: sha256("a") is ca978112...afee48bb.
    assert torch_seed("a") == 0xAFEE48BB
    assert sample_order("a", 10, 10) == [1, 3, 6, 9, 0, 5, 4, 7, 8, 2]
    assert sample_order("a", 10, 4) == [1, 3, 6, 9]


def synthetic(**changes):
    sizes = {"num_samples": 200, "seq_len": 64, "vocab_size": 128, "master_seed": 42}
    return synthetic_samples(**(sizes | changes))


def test_synthetic_samples_are_the_same_everywhere_and_differ_by_master_seed():
    samples = synthetic()
    assert (samples.shape, samples.dtype) == ((200, 64), torch.int64)
    assert 0 <= samples.min() < samples.max() < 128
    assert torch.equal(samples, synthetic())
    assert not torch.equal(samples, synthetic(master_seed=43))


def test_synthetic_samples_are_learnable():
    """The most frequent successor of a token foretells it far better than the most frequent token does."""
    samples = synthetic(num_samples=2000)
    now, then = samples[:, :-1].flatten(), samples[:, 1:].flatten()
    counts = torch.zeros(128, 128)
    counts.index_put_((now, then), torch.ones(len(now)), accumulate=True)
    foretold = counts.max(dim=1).values.sum() / counts.sum()
    blind = torch.bincount(then).max() / len(then)
    assert foretold > 0.5 > 5 * blind


def source(num_samples=20, **changes):
    samples = torch.arange(num_samples)[:, None].expand(-1, 3)
    sizes = {"batch_size": 3, "num_ranks": 4, "dp_size": 2, "tp_size": 2}
    return BatchSource(samples, **(sizes | changes))


def first_column(batch):
    return batch[:, 0].tolist()


def test_data_groups_take_turns_and_ranks_of_one_group_see_the_same():
    batches = source()
    seen = [[first_column(batches.draw(rank)) for _ in range(4)] for rank in range(4)]
    group_0 = [[0, 1, 2], [6, 7, 8], [12, 13, 14], [0, 1, 2]]  # 18..20 would run past the end
    group_1 = [[3, 4, 5], [9, 10, 11], [15, 16, 17], [1, 2, 3]]  # 21 is 1 modulo 20
    assert seen == [group_0, group_0, group_1, group_1]
    assert batches.count == [4, 4, 4, 4]


def test_fewer_samples_than_a_batch_make_a_shorter_batch():
    assert first_column(source(num_samples=2).draw(0)) == [0, 1]


@pytest.mark.parametrize("case", range(60))
def test_every_rank_reads_what_the_plan_says(case):
    chance = random.Random(case)
    dp_size, tp_size = chance.randint(1, 4), chance.randint(1, 4)
    sizes = {"batch_size": chance.randint(1, 6), "num_samples": chance.randint(1, 40)}
    planned = plan({"dp_size": dp_size, "tp_size": tp_size}, dp_size * tp_size, **sizes, seq_len=3, num_steps=12)
    batches = source(**sizes, num_ranks=dp_size * tp_size, dp_size=dp_size, tp_size=tp_size)
    said, read, restarts = {}, {}, {}
    for group in planned["groups"]:
        for rank in group["ranks"]:
            said[rank] = [list(range(batch["first"], batch["last"] + 1)) for batch in group["batches"]]
            read[rank] = [first_column(batches.draw(rank)) for _ in range(12)]
            restarts[rank] = [step for step, batch in enumerate(group["batches"]) if batch["wrapped"]]
    assert list(said) == list(range(dp_size * tp_size))
    assert said == read
    stride = dp_size * sizes["batch_size"]
    for rank, drawn in read.items():
        expected = [rank // tp_size * sizes["batch_size"], *(batch[0] + stride for batch in drawn[:-1])]
        assert restarts[rank] == [step for step, batch in enumerate(drawn) if batch[0] != expected[step]]


def test_a_batch_is_int64_of_the_profiles_shape():
    settings = profile("quick")
    samples = synthetic(num_samples=settings["benchmark_data_samples"], seq_len=settings["benchmark_sequence_length"])
    batch = BatchSource(samples, batch_size=4, num_ranks=1, dp_size=1, tp_size=1).draw(0)
    assert (batch.shape, batch.dtype) == ((4, 16), torch.int64)
