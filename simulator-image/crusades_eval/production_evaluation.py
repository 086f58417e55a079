"""One rank of production's own evaluation: imports the validator's env.py from the judge's folder and calls it.

The submission runs in this very process, as in production, so whatever leaves it is the submission's claim
(docs/security.md). What it cannot do is reach the judge, or pass for another rank: the connection was made before
production's code was imported, and nothing that is printed is ever read for a result.

    python -m crusades_eval.production_evaluation --socket SOCKET      (launcher.py, with torchrun's environment)
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import inspect
import json
import logging
import os
import socket
import sys
import traceback
from typing import Any

from .wire import Channel, PeerClosed

#: The module and the class in it (spec/evaluation.md section 6).
MODULE, ACTOR = "env", "Actor"
LOGGER = "env"
MAX_LOG_CHARACTERS = 2000
#: A submission can log without end through production's logger; stages are begun long before.
MAX_LOG_RECORDS = 20_000
#: Of the JSON that the result is; diagnostics beyond that are left out.
MAX_RESULT_BYTES = 1024 * 1024
MAX_TEXT_CHARACTERS = 20_000


class JudgeHandler(logging.Handler):
    """Tells the judge what production's code logs; it reads the stages from that."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(logging.INFO)
        self._channel = channel
        self._left = MAX_LOG_RECORDS

    def emit(self, record: logging.LogRecord) -> None:
        if self._left == 0:
            return
        self._left -= 1
        try:
            self._channel.send("log", text=record.getMessage()[:MAX_LOG_CHARACTERS])
        except PeerClosed:
            pass  # the judge has what it wants, or is gone
        except Exception:  # noqa: BLE001 - as every handler: a record that cannot be told stops nobody
            self.handleError(record)


def listen_to_log(channel: Channel) -> None:
    """After env.py was imported, which may have set up its log itself; where nobody prints it, it is printed."""
    logger = logging.getLogger(LOGGER)
    if not logger.hasHandlers():
        logger.addHandler(logging.StreamHandler())
    if logger.getEffectiveLevel() > logging.INFO:
        logger.setLevel(logging.INFO)
    logger.addHandler(JudgeHandler(channel))


def accepted(evaluate: Any, fields: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The fields that this revision's `evaluate` takes, and the names of those it does not."""
    parameters = inspect.signature(evaluate).parameters
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        return fields, []
    return (
        {name: value for name, value in fields.items() if name in parameters},
        [name for name in fields if name not in parameters],
    )


async def _evaluate(evaluate: Any, fields: dict[str, Any]) -> Any:
    answer = evaluate(**fields)
    return await answer if inspect.isawaitable(answer) else answer


def reportable(result: Any) -> dict[str, Any]:
    """The result as the JSON that production makes of it. ValueError where there is none, as in production."""
    if not isinstance(result, dict):
        dump = getattr(result, "model_dump", None)
        result = dump() if callable(dump) else result
    try:
        text = json.dumps(result)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"the result cannot be reported as JSON: {error}") from error
    if not isinstance(result, dict):
        raise ValueError(f"the result is a {type(result).__qualname__}")
    if len(text) <= MAX_RESULT_BYTES:
        return result
    rest = {name: value for name, value in result.items() if name != "diagnostics"}
    if len(json.dumps(rest)) > MAX_RESULT_BYTES:
        raise ValueError(f"the result has {len(text):,} characters")
    return {**rest, "diagnostics": f"{len(text):,} characters, left out"}


def report(channel: Channel, error: BaseException) -> None:
    channel.send(
        "error",
        kind=type(error).__qualname__,
        message=str(error)[:MAX_TEXT_CHARACTERS],
        traceback="".join(traceback.format_exception(error))[-MAX_TEXT_CHARACTERS:],
        line=None,
    )


def run(channel: Channel, rank: int, setup: dict[str, Any]) -> None:
    """Raises what production's code raises."""
    os.chdir(setup["folder"])
    sys.path.insert(0, setup["folder"])
    actor = getattr(importlib.import_module(MODULE), ACTOR)()
    with open(setup["sourcePath"], encoding="utf-8") as file:
        fields, refused = accepted(actor.evaluate, {**setup["fields"], "code": file.read()})
    listen_to_log(channel)
    channel.send("ready", refused=refused)
    channel.receive()
    try:
        result = asyncio.run(_evaluate(actor.evaluate, fields))
    except SystemExit:
        if rank == 0:
            raise
        result = None
    if rank == 0:
        channel.send("result", result=reportable(result))
    else:
        channel.send("finished")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", required=True)
    arguments = parser.parse_args()
    rank = int(os.environ.get("RANK", "0"))
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(arguments.socket)
    channel = Channel(connection)
    try:
        channel.send("hello", role="production", rank=rank)
        setup, _ = channel.receive()
        _, (output,), _, _ = socket.recv_fds(connection, 1, 1)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        try:
            run(channel, rank, setup)
        except PeerClosed:
            raise
        except BaseException as error:  # noqa: BLE001 - production's code and the submission raise what they like
            report(channel, error)
        # Alive until the judge has taken it: torchrun ends the others when one is gone.
        channel.receive()
    except PeerClosed:
        pass  # the judge has what it wants, or is gone
    sys.stdout.flush()
    # Not through the interpreter's end, which would wait for threads of the submission's.
    os._exit(0)


if __name__ == "__main__":
    main()
