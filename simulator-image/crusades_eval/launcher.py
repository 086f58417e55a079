"""Starts the ranks: first the reference's, then, when those are gone, the submission's.

This process imports torch once and forks every rank from that, through torchrun's own elastic agent (a single rank
is a plain process, as in production). It never learns a secret and imports nothing of the submission.

    python -m crusades_eval.launcher --join SOCKET     in a container of its own and the judge's (container.py)
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import warnings

from .container import join
from .log import print_to


def launch(
    role: str, socket_path: str, num_ranks: int, device_type: str, logs: dict[str, list[int]], own: list[int]
) -> int:
    """Runs one group to its end; 0 when every rank ended well.

    `logs`: what each role's ranks print to (log.py); `own`: descriptors that are no rank's.
    """
    # Here, before the ranks are forked: the slow part of their imports is paid once, and not by `--join`.
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch
    from transformers import Qwen2ForCausalLM  # noqa: F401

    from .rank import rank_main

    def run_rank() -> None:
        rank = int(os.environ.get("RANK", "0"))
        print_to(logs[role][rank], [end for ends in logs.values() for end in ends] + own)
        rank_main(role, socket_path, num_ranks, device_type)

    if num_ranks == 1:
        pid = os.fork()
        if pid == 0:
            run_rank()
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=num_ranks,
        run_id=role,
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        max_restarts=0,
        monitor_interval=0.05,
        start_method="fork",
        # The sandbox resolves no names.
        local_addr="127.0.0.1",
    )
    try:
        elastic_launch(config, entrypoint=run_rank)()
    except ChildFailedError:
        return 1
    return 0


def launch_production(socket_path: str, num_ranks: int) -> int:
    """Production's own code, started as production starts it: by torchrun, one rank by plain python."""
    command = ["-m", "crusades_eval.production_evaluation", "--socket", socket_path]
    if num_ranks == 1:
        os.execv(sys.executable, [sys.executable, "-u", *command])
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    options = ["--nproc-per-node", str(num_ranks), "--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0"]
    try:
        # The sandbox resolves no names.
        run.main([*options, "--local-addr", "127.0.0.1", *command])
    except ChildFailedError:
        return 1
    return 0


def main() -> int:
    if sys.argv[1:2] == ["--join"]:
        join(sys.argv[2])  # begins again, with the arguments that the judge names
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", required=True)
    parser.add_argument("--ranks", type=int, required=True)
    parser.add_argument("--device", choices=("cpu", "cuda"), required=True)
    parser.add_argument("--production", action="store_true", help="the ranks run production's own code")
    parser.add_argument("--reference-logs", type=_descriptors, default=[])
    parser.add_argument("--submission-logs", type=_descriptors, default=[])
    parser.add_argument("--connection", type=_descriptors, default=[])
    arguments = parser.parse_args()
    if arguments.production:
        return launch_production(arguments.socket, arguments.ranks)
    # is_available() must not initialise CUDA here: a forked rank could not use it any more.
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"
    warnings.filterwarnings("ignore", category=FutureWarning)
    logs = {"reference": arguments.reference_logs, "submission": arguments.submission_logs}
    # The agent's own account of a failed rank only repeats what the judge reports.
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    for role in ("reference", "submission"):
        status = launch(role, arguments.socket, arguments.ranks, arguments.device, logs, arguments.connection)
        if status != 0:
            return 1
        # The submission's ranks can reach what this process holds.
        for end in logs.pop(role):
            os.close(end)
    return 0


def _descriptors(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
