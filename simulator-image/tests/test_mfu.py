import pytest

from crusades_eval.mfu import mfu_percent, unique_tokens


def test_unique_tokens_count_a_tensor_parallel_group_once():
    sizes = {"batch_size": 16, "seq_len": 1024, "steps": 5}
    assert unique_tokens(**sizes, dp_size=1) == 81_920
    assert unique_tokens(**sizes, dp_size=4) == 327_680


def test_mfu_is_six_flops_a_parameter_and_token_over_the_peak():
    # 6 * 7e9 * 1e6 = 4.2e16 FLOP in 60 s on two GPUs of 700 TFLOP/s: half their peak.
    half = {"parameters": 7_000_000_000, "tokens": 1_000_000, "gpu_peak_tflops": 700.0, "num_gpus": 2}
    assert mfu_percent(**half, seconds=60.0) == pytest.approx(50.0)
    assert mfu_percent(**half, seconds=120.0) == pytest.approx(25.0)


def test_mfu_is_capped_at_100():
    assert mfu_percent(parameters=10**12, tokens=10**9, gpu_peak_tflops=1.0, num_gpus=1, seconds=1.0) == 100.0


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_a_span_that_is_none_is_refused(seconds):
    with pytest.raises(ValueError, match="positive"):
        mfu_percent(parameters=1, tokens=1, gpu_peak_tflops=1.0, num_gpus=1, seconds=seconds)
