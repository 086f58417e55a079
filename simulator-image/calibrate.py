"""Measures what weight limit tells honest code from cheats under a rehearsal profile (docs/rehearsal.md).

    python simulator-image/calibrate.py [--seeds 3] [--only NAME ...]

Every row is a submission judged for real, once a seed, with the profile's weight limits wide open. Takes about ten
minutes a seed on two cores.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "tests"))

from judge import ROOT, profile, run_judge
from submissions import named, source_of

#: Far above any error, so that the other checks are judged and the weights' error is shown whatever it is.
OPEN = {"verification.weight_relative_error_max": 10.0, "verification.min_params_changed_ratio": 0.0}


@dataclass(frozen=True, slots=True)
class Variant:
    name: str
    source: bytes
    ranks: int
    #: `honest`: must pass. `cheat`: must fail. `shown`: passes in production, too, so no limit can be held against it.
    kind: str


def _template(name: str, ranks: int) -> Variant:
    return Variant(f"template {name}", (ROOT / "templates" / f"{name}.py").read_bytes(), ranks, "honest")


def _fixture(name: str, kind: str) -> Variant:
    fixture = named(name)
    return Variant(name, source_of(fixture), fixture.get("ranks", 1), kind)


def variants() -> list[Variant]:
    honest = source_of(named("honest"))
    alone = honest.replace(b"DistributedDataParallel(model) if num_gpus > 1 else model", b"model")
    assert alone != honest
    return [
        _template("single", 1),
        _template("ddp", 2),
        _template("fsdp", 2),
        _template("tp", 2),
        _template("mixed", 4),
        _fixture("README's FSDP, reference settings", "honest"),
        _fixture("FSDP 2", "honest"),
        _fixture("README's FSDP", "honest"),
        _fixture("one step less", "shown"),
        _fixture("one frozen layer", "cheat"),
        _fixture("frozen layers", "cheat"),
        _fixture("double learning rate", "cheat"),
        _fixture("SGD", "cheat"),
        _fixture("other data", "cheat"),
        _fixture("half batches", "cheat"),
        _fixture("one step", "cheat"),
        Variant("ranks that never average", alone, 2, "cheat"),
    ]


def measure(variant: Variant, seed: str) -> tuple[float, float, float]:
    """The weights' relative error, the share of changed parameters, the difference of the losses."""
    checks = run_judge(variant.source, ranks=variant.ranks, settings=profile("rehearsal", OPEN), seed=seed).checks()
    return checks["weights"]["value"], checks["params_changed"]["value"], checks["loss"]["value"]


def rounded(limit: float) -> float:
    """To one significant digit, as limits are written by hand."""
    return round(limit, -math.floor(math.log10(limit)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="runs a variant, each with a seed of its own")
    parser.add_argument("--only", nargs="*", help="names of variants")
    arguments = parser.parse_args()

    # A cheat that already fails for the share of changed parameters need not fail for its weights.
    enough_changed = profile("rehearsal")["verification"]["min_params_changed_ratio"]
    honest: list[float] = []
    cheats: list[float] = []
    print("| submission | ranks | must | weights' error, smallest to largest | changed | loss |")
    print("|---|---|---|---|---|---|")
    for variant in variants():
        if arguments.only and variant.name not in arguments.only:
            continue
        measured = [measure(variant, f"calibration {number}") for number in range(arguments.seeds)]
        weights, changed, losses = zip(*measured, strict=True)
        if variant.kind == "honest":
            honest += weights
        if variant.kind == "cheat":
            cheats += [error for error, share in zip(weights, changed, strict=True) if share >= enough_changed]
        must = {"honest": "pass", "cheat": "fail", "shown": "-"}[variant.kind]
        print(
            f"| {variant.name} | {variant.ranks} | {must} | {min(weights):.5f} to {max(weights):.5f} "
            f"| {min(changed):.2f} | {max(losses):.3f} |",
            flush=True,
        )
    if honest and cheats:
        largest, smallest = max(honest), min(cheats)
        print(f"\nLargest honest error {largest:.5f}; smallest of a cheat that only the weights tell {smallest:.5f}.")
        if largest < smallest:
            limit = rounded(math.sqrt(largest * smallest))
            print(f"Proposed weight_relative_error_max (their geometric mean): {limit}")
        else:
            print("No limit tells them apart: use more steps, or a larger model.")


if __name__ == "__main__":
    main()
