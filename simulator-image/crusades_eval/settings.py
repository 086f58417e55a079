"""What one evaluation is asked to do: the order a judge reads, checked once at the door."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

ORDER_VERSION = 1
#: Of an order to judge by production's own code: a judge that knows none of that must not judge it by its own.
PRODUCTION_ORDER_VERSION = 2
#: Where production's files lie below /app (spec/evaluation.md section 6); hparams.json comes from the profile.
PRODUCTION_PATHS = ("env.py", "crusades/core/security_defs.py")
#: The same as in `app/common/container-size.ts` and `hparams/schema.json`.
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(?:([kmgtp])(?:i?b)?|b)?", re.IGNORECASE | re.ASCII)
_UNITS = "kmgtp"


def parse_size(text: str) -> int:
    """Docker's notation for memory ("320g", "1.5 GiB"), powers of 1024, in bytes. ValueError for anything else."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"not a size: {text!r}")
    power = 0 if match[2] is None else _UNITS.index(match[2].lower()) + 1
    return int(float(match[1]) * 1024**power)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The parts of a resolved profile that the evaluation uses, under the field's own names.

    `model` holds Qwen2Config's fields or `{"name": ...}`; with fields, data is synthetic, else it is the image's own.
    """

    kind: str
    device: str
    model: dict[str, Any]
    #: Another tokenizer than the model's own; the embeddings are then resized to it.
    tokenizer_name: str | None
    batch_size: int
    seq_len: int
    eval_steps: int
    data_samples: int
    master_seed: int
    stage_seconds: float
    max_loss_difference: float
    min_params_changed_ratio: float
    weight_relative_error_max: float
    timer_divergence_threshold: float
    gpu_peak_tflops: float
    max_plausible_mfu: float
    min_mfu: float
    memory_bytes_per_rank: int | None
    processes_per_rank: int | None
    production_verification: dict[str, float]

    @classmethod
    def from_profile(cls, profile: dict[str, Any]) -> Settings:
        """`profile` is complete: the workbench has validated it and filled in defaults."""
        extra = profile.get("crusader", {})
        verification, mfu = profile["verification"], profile["mfu"]
        memory = extra.get("memory_per_rank")
        model = extra.get("model") or {"name": profile["benchmark_model_name"]}
        return cls(
            kind=extra.get("kind", "production"),
            device=extra.get("device", "cuda"),
            model=model,
            tokenizer_name=profile.get("benchmark_tokenizer_name"),
            batch_size=profile["benchmark_batch_size"],
            seq_len=profile["benchmark_sequence_length"],
            eval_steps=profile["eval_steps"],
            data_samples=profile["benchmark_data_samples"],
            master_seed=profile["benchmark_master_seed"],
            stage_seconds=float(profile["eval_timeout"]),
            max_loss_difference=verification["max_loss_difference"],
            min_params_changed_ratio=verification["min_params_changed_ratio"],
            weight_relative_error_max=verification["weight_relative_error_max"],
            timer_divergence_threshold=verification["timer_divergence_threshold"],
            gpu_peak_tflops=mfu["gpu_peak_tflops"],
            max_plausible_mfu=mfu["max_plausible_mfu"],
            min_mfu=mfu["min_mfu"],
            memory_bytes_per_rank=None if memory is None else parse_size(memory),
            processes_per_rank=extra.get("processes_per_rank"),
            production_verification=extra.get("production", {}).get("verification", {}),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductionCode:
    """The validator's own code, as the user had it fetched. The judge lays it out for the ranks and never runs it."""

    #: The revision's first characters, for people.
    label: str
    #: By path below /app, `PRODUCTION_PATHS` and hparams.json.
    files: dict[str, bytes]
    #: The profile as it is in the order, under production's own keys.
    profile: dict[str, Any]

    @classmethod
    def from_json(cls, production: dict[str, Any], profile: dict[str, Any]) -> ProductionCode:
        files: dict[str, bytes] = {}
        for file in production["files"]:
            content = base64.b64decode(file["content"], validate=True)
            if sha256(content).hexdigest() != file["sha256"]:
                raise ValueError(f"{file['path']!r} is not the file that was planned")
            files[file["path"]] = content
        if tuple(sorted(files)) != tuple(sorted(PRODUCTION_PATHS)):
            raise ValueError(f"production's files are {', '.join(PRODUCTION_PATHS)}")
        files["hparams.json"] = json.dumps(profile, indent=2).encode()
        return cls(label=production["revision"]["label"], files=files, profile=profile)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One evaluation, as the workbench asks for it on the judge's standard input (docs/architecture.md)."""

    run_id: str
    #: The file to judge, or, where there is no common disk, its bytes.
    source: Path | bytes
    settings: Settings
    policy: dict[str, Any]
    num_ranks: int
    seed: str
    #: What keeps the ranks from the rest of the machine.
    sandbox: Literal["bubblewrap", "container", "none"]
    #: bubblewrap's program, where it is the sandbox.
    bubblewrap: str | None
    #: Start the ranks even where the file asks for CUDA and the profile's device is the CPU.
    ignore_cuda_needs: bool
    #: Set where production's own code judges.
    production: ProductionCode | None

    @classmethod
    def from_json(cls, order: dict[str, Any]) -> Order:
        production = order.get("production")
        version = ORDER_VERSION if production is None else PRODUCTION_ORDER_VERSION
        if order["version"] != version:
            raise ValueError(f"an order of version {order['version']}; this judge reads version {version}")
        sandbox = order["sandbox"]
        if sandbox["kind"] not in ("bubblewrap", "container", "none"):
            raise ValueError(f"no such sandbox: {sandbox['kind']!r}")
        return cls(
            run_id=order["runId"],
            source=base64.b64decode(order["source"], validate=True) if "source" in order else Path(order["sourcePath"]),
            settings=Settings.from_profile(order["profile"]),
            policy=order["policy"],
            num_ranks=order["numRanks"],
            seed=order["seed"],
            sandbox=sandbox["kind"],
            bubblewrap=sandbox.get("program"),
            ignore_cuda_needs=bool(order.get("ignoreCudaNeeds", False)),
            production=None if production is None else ProductionCode.from_json(production, order["profile"]),
        )
