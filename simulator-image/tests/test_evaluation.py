"""The evaluation, run for real: every submission of fixtures/submissions, and what needs a test of its own."""

import json
import os
import signal
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from judge import BUBBLEWRAP, ROOT, Run, needs_sandbox, profile, run_judge, started_judge
from submissions import FIXTURES, FOLDER, named, source_of

pytest.importorskip("torch", reason="needs python: torch is not installed")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs linux: processes are followed through /proc")

PACKAGE = str(ROOT / "simulator-image")
#: Most of an evaluation's seconds are one process's imports.
AT_ONCE = 2


def judged(fixture: dict) -> Run:
    settings = profile(fixture.get("profile", "quick"), fixture.get("set"))
    return run_judge(source_of(fixture), ranks=fixture.get("ranks", 1), settings=settings)


@pytest.fixture(scope="session")
def runs(request) -> dict[str, Future]:
    """Every fixture whose test was selected, evaluated two at a time."""
    selected = [item.callspec.params["fixture"] for item in request.session.items if "fixture" in _parameters(item)]
    runnable = [fixture for fixture in selected if BUBBLEWRAP or not fixture.get("sandbox")]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {fixture["name"]: pool.submit(judged, fixture) for fixture in runnable}
        pool.shutdown(cancel_futures=True)


def _parameters(item) -> dict:
    return item.callspec.params if hasattr(item, "callspec") else {}


@pytest.mark.parametrize("fixture", FIXTURES, ids=[fixture["name"] for fixture in FIXTURES])
def test_submission(fixture, runs):
    if fixture.get("sandbox") and BUBBLEWRAP is None:
        pytest.skip("needs sandbox: no bwrap on this machine")
    run = runs[fixture["name"]].result()
    result, failure = run.result, run.failure
    failed = [name for name, check in run.checks().items() if check["state"] == "failed"]
    seen = {
        "outcome": result["outcome"],
        "kind": failure.get("kind"),
        "code": failure.get("code"),
        "stage": failure.get("stage"),
        "check": failed[0] if failed else None,
        "rank": failure.get("rank"),
        "line": failure.get("line"),
    }
    expected = dict.fromkeys(seen) | fixture["expect"]
    notes = set(expected.pop("notes", []))
    assert seen == expected, failure
    assert notes <= run.notes()
    # Each ends with a clear error: a sentence, and for a fault of the submission nothing that reads like ours.
    if failure:
        assert failure["message"].endswith((".", "?")) or failure["kind"] == "exception"
        assert failure["fault"] == ("submission" if result["outcome"] == "failed" else "environment")
    stages = [(event["stage"], event["state"]) for event in run.events if event["type"] == "stage"]
    ended = [stage for stage, state in stages if state != "running"]
    assert sorted(set(ended)) == sorted(ended) and len(ended) == 8


HANG_IN = {
    "prepare": source_of(named("honest")),
    "reference": source_of(named("honest")),
    "import": source_of(named("hang: import")),
    "warmup": source_of(named("hang: warm-up")),
    "timed": source_of(named("hang: timed run")),
}


@pytest.mark.parametrize("stage", HANG_IN)
def test_cancel_ends_within_five_seconds(stage):
    with started_judge(HANG_IN[stage]) as run:
        run.wait_for(type="stage", stage=stage, state="running")
        asked = time.monotonic()
        run.say("cancel")
        run.process.wait(10)
        assert time.monotonic() - asked < 5
    assert (run.result["outcome"], run.failure["kind"], run.failure["stage"]) == ("cancelled", "cancelled", stage)


def test_the_parents_end_is_the_judges_end():
    with started_judge(HANG_IN["timed"], expect_killed=True) as run:
        run.wait_for(type="stage", stage="timed", state="running")
        run.process.stdin.close()
        run.process.wait(5)
    assert run.process.returncode == 1
    assert run.events[-1]["type"] != "result"


@needs_sandbox
def test_a_killed_judge_leaves_no_process():
    with started_judge(HANG_IN["timed"], expect_killed=True) as run:
        run.wait_for(type="stage", stage="timed", state="running")
        assert len(run.processes()) > 2
        run.process.kill()
    assert run.process.returncode == -signal.SIGKILL
    assert run.events[-1]["type"] != "result"


@needs_sandbox
def test_a_rank_killed_from_outside():
    with started_judge(HANG_IN["timed"]) as run:
        run.wait_for(type="stage", stage="timed", state="running")
        # The last one started is the submission's rank.
        os.kill(max(run.processes()), signal.SIGKILL)
    assert (run.result["outcome"], run.failure["kind"], run.failure["rank"]) == ("failed", "rank_exited", 0)


def test_two_simulations_at_once_do_not_touch_each_other():
    with (
        started_judge(source_of(named("honest on two ranks")), ranks=2) as first,
        started_judge(source_of(named("hang: timed run"))) as second,
    ):
        second.wait_for(type="stage", stage="timed", state="running")
        first.wait_for(type="result")
        assert second.process.poll() is None
        second.say("cancel")
    assert first.result["outcome"] == "passed"
    assert second.result["outcome"] == "cancelled"


def test_the_same_seed_gives_the_same_reference_and_another_does_not():
    source = source_of(named("honest"))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = pool.map(lambda seed: run_judge(source, seed=seed), ("a", "a", "b"))
        first, again, other = (run.checks()["loss"]["message"] for run in runs)
    assert first == again != other


#: What each rank prints once, in the timed run; `{rank}` is its number.
WORDS = """
    if num_steps > 2:
        import glob
        rank = torch.distributed.get_rank()
        print("a word of", rank, flush=True)
        print("\\r10 %\\r20 %", end="", flush=True)
        print()
        print("[rank 7] fake")
        print("error", file=glob.os.sys.stderr)
        glob.os.write(1, bytes([0, 255, 27, 10]))
        glob.os.write(2, b"no end")
"""


@pytest.mark.parametrize("sandbox", [pytest.param(True, marks=needs_sandbox), False], ids=["sandbox", "no sandbox"])
def test_what_a_rank_prints_is_log_and_says_which_rank(sandbox):
    source = source_of(named("honest on two ranks")).replace(b"    tokens = 0\n", f"{WORDS}    tokens = 0\n".encode())
    run = run_judge(source, ranks=2, sandbox=sandbox)
    assert run.result["outcome"] == "passed"
    for rank in (0, 1):
        assert run.printed(f"rank {rank}") == [
            f"a word of {rank}",
            "\r10 %\r20 %",
            "[rank 7] fake",
            "error",
            "\0\ufffd\x1b",
            "no end",
        ]
    assert run.printed("rank 7") == run.printed("reference 0") == []


#: A process outside of the rank's tree, session and group that goes on printing to its pipe; and a rank without any.
LEFT_BEHIND = """
    if num_steps > 2:
        import glob
        has_printed, say_so = glob.os.pipe()
        if glob.os.fork() == 0:
            glob.os.setsid()
            if glob.os.fork() == 0:
                print("left behind")
                glob.os.write(say_so, b"!")
                while True:
                    print("left behind")
            glob.os._exit(0)
        glob.os.read(has_printed, 1)
        glob.os.close(1)
        glob.os.close(2)
"""


@pytest.mark.parametrize("sandbox", [pytest.param(True, marks=needs_sandbox), False], ids=["sandbox", "no sandbox"])
def test_who_still_holds_a_ranks_pipe_is_not_waited_for(sandbox):
    source = source_of(named("honest")).replace(b"    tokens = 0\n", f"{LEFT_BEHIND}    tokens = 0\n".encode())
    with started_judge(source, sandbox=sandbox) as run:
        run.wait_for(type="result")
        run.process.wait(10)
        for pid in run.processes():  # without a sandbox the workbench ends it, by its mark
            os.kill(pid, signal.SIGKILL)
    assert run.result["outcome"] == "passed"
    assert "left behind" in run.printed("rank 0")


@needs_sandbox
def test_nothing_a_rank_can_reach_prints_as_the_reference_or_the_judge():
    # It writes to every descriptor of every process it sees.
    fixture = named("forged events")
    run = run_judge(source_of(fixture), settings=profile("quick", fixture["set"]))
    forged = [line for line in run.output.split("\n") if "forged" in line]
    assert {"[rank 0"} <= {line.split("]")[0] for line in forged} <= {"[rank 0", "[launcher"}
    assert run.printed("reference 0") == []


def test_without_a_sandbox_it_is_said_and_nothing_is_left():
    run = run_judge(source_of(named("honest on two ranks")), ranks=2, sandbox=False)
    assert run.result["outcome"] == "passed"
    assert "no_sandbox" in run.notes()


# -- what a rank can reach --------------------------------------------------------------------------------------------


def filled_in(file: str, **values) -> bytes:
    """A submission whose module-level constants have these values."""
    text = (FOLDER / file).read_text(encoding="utf-8")
    for name, value in values.items():
        empty = f"{name} = {type(value)()!r}\n"
        assert text.count(empty) == 1, empty
        text = text.replace(empty, f"{name} = {value!r}\n")
    return text.encode()


@needs_sandbox
def test_the_sandbox_shows_a_rank_nothing_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_USER", "hunter2")
    seed = "0123456789abcdef0123456789abcdef"
    outside = tmp_path / "outside"
    outside.write_text("before")
    source = filled_in(
        "look_around.py",
        LIST=[
            "/root/*",
            "/home/*",
            "/tmp/*",
            "/tmp/torch*/**",
            "/judge/*",
            "/submission/*",
            f"{ROOT}/*",
            f"{tmp_path.parent}/*",
        ],
        WRITE=[
            str(outside),
            "/submission/train.py",
            "/judge/a",
            "/usr/a",
            "/etc/a",
            "/dev/a",
            "/a",
            str(ROOT / "simulator-image" / "a"),
            f"{sys.prefix}/a",
            "/proc/sys/vm/swappiness",  # root's, which a sandbox started by root is; takes no such value
            "/proc/sysrq-trigger",
            "/tmp/a",
            "/dev/shm/a",
        ],
    )
    run = run_judge(source, seed=seed)
    assert run.result["outcome"] == "passed"
    line = next(line for line in run.printed("rank 0") if line.startswith("SEEN "))
    seen = json.loads(line.removeprefix("SEEN "))

    assert seed not in line
    assert "hunter2" not in line
    assert outside.read_text() == "before"
    # Its own bounded memory file systems, and nothing else.
    assert seen["writable"] == ["/tmp/a", "/dev/shm/a"]
    # Where the interpreter or this package lies below one of these folders, the way to it exists.
    way = {str(parent) for end in (sys.prefix, sys.base_prefix, PACKAGE) for parent in [Path(end), *Path(end).parents]}
    torch_cache = {"/tmp/torchinductor_miner", "/tmp/torchinductor_miner/"}  # made by importing torch; empty
    assert set(seen["files"]) - way - torch_cache == {"/judge/judge.sock", "/submission/train.py"}
    assert {name.split(":")[0].strip() for name in seen["interfaces"]} == {"lo"}
    # bubblewrap's init, the launcher and this rank.
    assert len(seen["processes"]) == 3
    for environment in [*seen["environments"].values(), seen["environment"]]:
        names = {entry.split("=")[0] for entry in environment} - {""}
        assert names <= RANK_ENVIRONMENT


#: Everything a rank's environment may name.
RANK_ENVIRONMENT = set(
    "PATH HOME USER TMPDIR LANG PWD PYTHONPATH PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE OMP_NUM_THREADS "
    "OMP_WAIT_POLICY TOKENIZERS_PARALLELISM HF_HUB_OFFLINE TRANSFORMERS_OFFLINE TRANSFORMERS_VERBOSITY "
    "CRUSADER_RUN_ID GLOO_SOCKET_IFNAME CUDA_VISIBLE_DEVICES PYTORCH_NVML_BASED_CUDA_CHECK".split()
)


@needs_sandbox
def test_no_memory_a_rank_can_read_holds_a_secret():
    seed = "5ec2e70000000000000000000000feed"
    secrets, controls = secrets_of(seed)
    shifted = {name: bytes((byte + 1) % 256 for byte in secret).hex() for name, secret in (secrets | controls).items()}
    run = run_judge(filled_in("read_memory.py", SECRETS=shifted), seed=seed)
    # It trains exactly as the reference does, so its own final state is the reference's, bit for bit.
    assert run.checks()["weights"]["value"] == 0.0
    assert run.result["outcome"] == "passed"
    found = {
        line.split(":")[0].removeprefix("SEARCHED "): line.partition("found ")[2]
        for line in run.printed("rank 0")
        if line.startswith("SEARCHED ")
    }
    # Controls: the search finds what is there.
    assert found == {
        "warm-up": "['initial state']",
        "before": "['initial state']",
        "after": "['final state', 'last batch']",
    }


def secrets_of(seed: str) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Bytes only the judge may know before the timed run of the quick profile, and bytes every rank knows."""
    import torch

    from crusades_eval import data
    from crusades_eval.model import build_model
    from crusades_eval.reference import run_reference
    from crusades_eval.settings import Settings

    settings = Settings.from_profile(profile("quick"))
    samples = data.synthetic_samples(
        num_samples=settings.data_samples,
        seq_len=settings.seq_len,
        vocab_size=settings.model["vocab_size"],
        master_seed=settings.master_seed,
    )
    samples = samples[data.sample_order(seed, len(samples), settings.data_samples)]
    source = data.BatchSource(samples, batch_size=settings.batch_size, num_ranks=1, dp_size=1, tp_size=1)
    batches = [source.draw(0) for _ in range(settings.eval_steps)]
    device = torch.device("cpu")
    model = build_model(settings.model, vocab_size=None, torch_seed=data.torch_seed(seed), device=device)
    name = "lm_head.weight"

    def row(tensor):
        return tensor[7].detach().contiguous().view(torch.uint8).numpy().tobytes()

    initial = row(model.state_dict()[name].clone())
    reference = run_reference(
        model, iter(batches), steps=settings.eval_steps, rank=0, num_ranks=1, device=device, on_step=lambda done: None
    )
    secrets = {
        "seed": seed.encode(),
        "last batch": batches[-1].numpy().tobytes(),
        "final state": row(reference.final_state[name]),
    }
    return secrets, {"initial state": initial}
