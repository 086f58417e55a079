"""A double of the validator's env.py for tests, written from spec/evaluation.md sections 4 and 6: the class `Actor`
with its `evaluate`, the logger `env`, the fields, the result. It trains for seconds on a CPU. `# double: WORD` in the
submission asks for an answer without any training (`ANSWERS`).
"""

import asyncio
import importlib.util
import json
import logging
import os
import re
import sys
import time
from pathlib import Path

import torch
from crusades.core.security_defs import REJECTED_WORD
from transformers import Qwen2Config, Qwen2ForCausalLM

logger = logging.getLogger("env")
HERE = Path(__file__).parent
WARMUP_STEPS = 2


class Actor:
    async def evaluate(
        self,
        task_id: str,
        seed: str,
        model_url: str,
        data_url: str,
        steps: int,
        batch_size: int,
        timeout: int,
        sequence_length: int,
        data_samples: int,
        code: str,
        max_loss_difference: float,
        min_params_changed_ratio: float,
        weight_relative_error_max: float,
        timer_divergence_threshold: float,
        gpu_peak_tflops: float,
        max_plausible_mfu: float,
        min_mfu: float,
        num_gpus: int = 1,
        require_cuda_timing: bool = True,
    ) -> dict:
        result = {
            "task_id": task_id,
            "mfu": 0.0,
            "tps": 0.0,
            "total_tokens": 0,
            "wall_time_seconds": 0.0,
            "success": False,
            "error": None,
            "error_code": None,
            "seed": seed,
            "diagnostics": {},
        }
        asked = re.search(r"^# double: (.+)$", code, re.MULTILINE)
        if asked is not None:
            return await ANSWERS[asked[1]](result)
        if REJECTED_WORD in code:
            return result | {"error": f"scan: {REJECTED_WORD}"}

        logger.info("settings: warmup=%d, timed=%d, verification on", WARMUP_STEPS, steps)
        rank = int(os.environ.get("RANK", "0"))
        if num_gpus > 1:
            torch.distributed.init_process_group("gloo")
        model, parameters = build(seed)
        logger.info("Running the reference loop")
        train(model, batches(batch_size, sequence_length, seed, rank), steps)
        submission = imported(code)
        logger.info("Warm-up, %d steps", WARMUP_STEPS)
        model, _ = build(seed)
        data = batches(batch_size, sequence_length, seed, rank)
        submission.inner_steps(model, data, None, WARMUP_STEPS, torch.device("cpu"), num_gpus=num_gpus)
        logger.info("Timed run")
        model, _ = build(seed)
        data = batches(batch_size, sequence_length, seed, rank)
        started = time.perf_counter()
        outcome = submission.inner_steps(model, data, None, steps, torch.device("cpu"), num_gpus=num_gpus)
        seconds = time.perf_counter() - started
        logger.info("Verifying the final state")
        tokens = batch_size * sequence_length * steps
        if outcome.total_tokens != tokens:
            return result | {
                "error": f"{outcome.total_tokens} tokens, not {tokens}",
                "error_code": "token_count_mismatch",
            }
        unique = tokens * num_gpus
        return result | {
            "success": True,
            "mfu": 100 * 6 * parameters * unique / (gpu_peak_tflops * 1e12 * num_gpus * seconds),
            "tps": unique / seconds,
            "total_tokens": outcome.total_tokens,
            "wall_time_seconds": seconds,
            "diagnostics": {
                "loss": {"value": outcome.final_loss, "limit": max_loss_difference},
                "arguments": {"timeout": timeout, "model": model_url, "data": data_url, "samples": data_samples},
                "hparams_steps": json.loads((HERE / "hparams.json").read_text())["eval_steps"],
                "cuda_timing": require_cuda_timing,
                "limits": [min_params_changed_ratio, weight_relative_error_max, timer_divergence_threshold],
                "bounds": [min_mfu, max_plausible_mfu],
            },
        }


def build(seed: str):
    torch.manual_seed(sum(seed.encode()))
    hparams = json.loads((HERE / "hparams.json").read_text())
    model = Qwen2ForCausalLM(Qwen2Config(**hparams["crusader"]["model"]))
    return model, sum(parameter.numel() for parameter in model.parameters())


def batches(batch_size: int, sequence_length: int, seed: str, rank: int):
    generator = torch.Generator().manual_seed(sum(seed.encode()) + rank)
    while True:
        yield torch.randint(0, 64, (batch_size, sequence_length), generator=generator)


def train(model, data, steps: int) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    for _ in range(steps):
        batch = next(data)
        model(batch, labels=batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def imported(code: str):
    path = Path(os.environ.get("TMPDIR", "/tmp"), f"submission-{os.getpid()}.py")
    path.write_text(code)
    spec = importlib.util.spec_from_file_location("submission", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["submission"] = module
    spec.loader.exec_module(module)
    return module


# -- answers without training ------------------------------------------------------------------------------------------

PASS = {"success": True, "mfu": 60.0, "tps": 1000.0, "total_tokens": 320, "wall_time_seconds": 0.001}


async def failed(result):
    return result | {"error": "The losses are 0.9 apart.", "error_code": "loss_mismatch"}


async def raises(_result):
    raise RuntimeError("CUDA error: out of memory")


async def hangs(_result):
    await asyncio.sleep(100_000)


async def leaves(_result):
    os._exit(0)


async def not_a_number(result):
    return result | PASS | {"mfu": float("nan")}


async def huge_diagnostics(result):
    return result | {"error": "x", "error_code": "loss_mismatch", "diagnostics": {"all": "x" * 3_000_000}}


async def slower_than_the_clock(result):
    return result | PASS | {"wall_time_seconds": 1000.0}


async def another_mfu(result):
    return result | PASS


async def another_language(result):
    logger.info("Modell wird geladen")
    logger.info("fertig")
    return result | PASS


ANSWERS = {
    answer.__name__.replace("_", " "): answer
    for answer in (
        failed,
        raises,
        hangs,
        leaves,
        not_a_number,
        huge_diagnostics,
        slower_than_the_clock,
        another_mfu,
        another_language,
    )
}
