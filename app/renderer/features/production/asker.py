"""Asks the validator's own scan function for its verdict. Runs in the sandbox (sandbox-worker.ts), and only there.

The function is code of others and its signature is not known: it gets the text or the parsed tree, as its parameters
ask for, and its way of answering is learnt from two files of which the verdict is known. What it says is believed for
nothing but its own opinion.
"""

import ast
import inspect
import json
import pathlib

MAX_TEXT = 2_000
MAX_ITEMS = 1_000
FILE_NAME = "train.py"

# Production accepts the first and rejects the second, each for several reasons of its own.
ACCEPTED = """import torch


def get_strategy():
    return {"dp_size": 1, "tp_size": 1}


def inner_steps(model, data_iterator, optimizer, num_steps, device):
    return None
"""
REJECTED = (
    ACCEPTED
    + """

import subprocess
import importlib

text = "__globals__ and __subclasses__"
eval("1")
exec("1")
torch.load("weights")
"""
)

TREE_NAMES = {"tree", "module", "node", "root", "parsed", "ast_tree", "syntax_tree"}
TEXT_NAMES = {"source", "code", "text", "content", "contents", "src", "script", "program", "source_code", "train_code"}
PATH_NAMES = {"path", "file_path", "filepath", "train_path", "script_path"}
LABEL_NAMES = {"filename", "file_name", "name"}
COUNT_NAMES = {"num_gpus", "world_size", "num_ranks", "gpu_count"}

# What a function dies of, rather than says: a part of it that was not taken along, or a limit of this place.
CRASHES = (
    AttributeError,
    ImportError,
    LookupError,
    MemoryError,
    NameError,
    NotImplementedError,
    OSError,
    RecursionError,
    TypeError,
)


class NotAskable(Exception):
    """Why there is no answer, as a sentence without its end."""


def shortened(value):
    try:
        text = value if type(value) is str else str(value)
    except Exception as error:  # noqa: BLE001 - the text is made by code of others
        text = f"(a text that cannot be made: {type(error).__name__})"
    return text[:MAX_TEXT]


def kind_of(parameter):
    """What a parameter wants: "tree", "text", "bytes", "path", "label", "count"; None where nothing tells."""
    annotation = parameter.annotation
    named = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    name = parameter.name.lower()
    if named in {"AST", "Module"} or named.startswith("ast."):
        return "tree"
    if named == "bytes":
        return "bytes"
    if named.endswith("Path") or name in PATH_NAMES:
        return "path"
    if name in LABEL_NAMES:
        return "label"
    if name in COUNT_NAMES:
        return "count"
    if name in TREE_NAMES:
        return "tree"
    if name in TEXT_NAMES or named == "str":
        return "text"
    return None


def required(function):
    """The parameters that must be given; NotAskable where a call cannot be made up."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise NotAskable(f"its parameters cannot be read ({shortened(error)})") from None
    wanted = [
        one for one in parameters if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
    if not wanted and parameters and parameters[0].kind is not parameters[0].VAR_KEYWORD:
        wanted = parameters[:1]
    if not wanted:
        raise NotAskable("it takes no file")
    kinds = [kind_of(one) for one in wanted]
    if kinds == [None]:
        kinds = ["text"]
    for one, kind in zip(wanted, kinds, strict=True):
        if kind is None:
            raise NotAskable(f'it needs a parameter "{shortened(one.name)}", whose meaning is not known')
    if not {"tree", "text", "bytes", "path"} & set(kinds):
        raise NotAskable("it takes no file")
    return list(zip(wanted, kinds, strict=True))


SAID = {
    "tree": "the parsed file",
    "text": "the text",
    "bytes": "the bytes",
    "path": "a path to the file",
    "label": "its name",
    "count": "the number of GPUs",
}


class Asker:
    """One scan function, and how it is asked."""

    def __init__(self, source, entry):
        """Runs the definitions. NotAskable where they, or the function, cannot be used."""
        names = {"__name__": "validator_scan"}
        try:
            exec(compile(source, "<validator>", "exec"), names)
        except BaseException as error:  # noqa: BLE001 - they are code of others
            raise NotAskable(f"its definitions stop with {type(error).__name__}: {shortened(error)}") from None
        function = names.get(entry)
        if not callable(function):
            raise NotAskable(f'the definitions hold no function "{shortened(entry)}"')
        self.function = function
        self.parameters = required(function)
        accepted, rejected = self.answer(ACCEPTED, 1), self.answer(REJECTED, 1)
        if accepted["signal"] == "raised":
            raise NotAskable(f"it rejects a file that is known to be fine: {accepted['message']}")
        if accepted["signal"] == rejected["signal"]:
            raise NotAskable("it answers the same for a file that is fine and for one that breaks many rules")
        self.accepts, self.rejects = accepted["signal"], {rejected["signal"], "raised"}
        given = ", ".join(f"{shortened(one.name)}: {SAID[kind]}" for one, kind in self.parameters)
        self.how = f"{shortened(entry)}({given}); a file that is fine answers {self.accepts}"

    def answer(self, text, num_gpus):
        """`{signal, message, line}`: what it returned in one word, and what it said. NotAskable where it crashed."""
        if {"tree"} & {kind for _, kind in self.parameters}:
            try:
                tree = ast.parse(text)
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                reason = "takes a parsed file, and this one does not parse"
                raise NotAskable(f"it {reason} ({shortened(error)})") from None
        else:
            tree = None
        positional, named = [], {}
        for one, kind in self.parameters:
            value = self.value(kind, text, tree, num_gpus)
            if one.kind is one.KEYWORD_ONLY:
                named[one.name] = value
            else:
                positional.append(value)
        try:
            returned = self.function(*positional, **named)
            if inspect.iscoroutine(returned):
                returned = finished(returned)
            return signal_of(returned)
        except NotAskable:
            raise
        except CRASHES as error:
            raise NotAskable(f"it stopped with {type(error).__name__}: {shortened(error)}") from None
        except Exception as error:  # noqa: BLE001 - raising is how some functions reject
            line = error.lineno if isinstance(error, SyntaxError) else line_of(error)
            message = f"{type(error).__name__}: {shortened(error)}"
            return {"signal": "raised", "message": message, "line": line}

    @staticmethod
    def value(kind, text, tree, num_gpus):
        if kind == "tree":
            return tree
        if kind == "bytes":
            return text.encode("utf-8", "surrogatepass")
        if kind == "path":
            path = pathlib.Path("/submission") / FILE_NAME
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
            return path
        return {"text": text, "label": FILE_NAME, "count": num_gpus}[kind]

    def verdict(self, text, num_gpus):
        """What the window reads: `{outcome: "accepted" | "rejected" | "unasked", message, line}`."""
        try:
            answer = self.answer(text, num_gpus)
        except NotAskable as error:
            return {"outcome": "unasked", "message": shortened(error), "line": None}
        if answer["signal"] == self.accepts:
            outcome = "accepted"
        elif answer["signal"] in self.rejects:
            outcome = "rejected"
        else:
            outcome = "unasked"
            answer["message"] = f"it answered {answer['signal']}, as for no file of which the verdict is known"
        return {"outcome": outcome, "message": answer["message"], "line": answer["line"]}


def finished(coroutine):
    """What an async function returns that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise NotAskable("it waits for something outside")


def line_of(value):
    line = getattr(value, "lineno", getattr(value, "line", None))
    return line if type(line) is int and 0 < line < 10_000_000 else None


VERDICT_NAMES = ("ok", "valid", "is_valid", "passed", "safe", "is_safe", "success", "accepted", "allowed")
MESSAGE_NAMES = ("message", "reason", "error", "error_message", "detail", "details", "msg")


def signal_of(returned):
    """The verdict in a returned value, in one word, and the text beside it. NotAskable for a shape without one."""
    if returned is None:
        return {"signal": "nothing", "message": "", "line": None}
    if type(returned) is bool:
        return {"signal": str(returned), "message": "", "line": None}
    if isinstance(returned, str):
        signal = "a text" if returned else "nothing"
        return {"signal": signal, "message": shortened(returned), "line": None}
    if isinstance(returned, tuple) and returned and (type(returned[0]) is bool or returned[0] is None):
        rest = returned[1:]
        text = next((shortened(one) for one in rest if isinstance(one, str) and one), "")
        if not text:
            text = next((shortened(one[0]) for one in rest if isinstance(one, list) and one), "")
        line = next((one for one in rest if type(one) is int and one > 0), None)
        return {"signal": str(returned[0]), "message": text, "line": line}
    if isinstance(returned, (list, tuple, set, frozenset)):
        found = list(returned)[:MAX_ITEMS]
        first = found[0] if found else None
        line = None if first is None else line_of(first)
        signal = "violations" if found else "no violations"
        return {"signal": signal, "message": "" if first is None else shortened(first), "line": line}
    read = returned.get if isinstance(returned, dict) else lambda name: getattr(returned, name, None)
    for name in VERDICT_NAMES:
        verdict = read(name)
        if type(verdict) is bool:
            text = next((read(one) for one in MESSAGE_NAMES if isinstance(read(one), str)), "")
            line = read("line") if type(read("line")) is int else read("lineno")
            line = line if type(line) is int else None
            return {"signal": f"{name} {verdict}", "message": shortened(text), "line": line}
    raise NotAskable(f"it returns a {type(returned).__name__}, in which no verdict is recognised")


asker = None


def start(source, entry):
    """JSON: `{"how": ...}`, or `{"why": ...}` where it cannot be asked."""
    global asker
    try:
        asker = Asker(source, entry)
        return json.dumps({"how": asker.how[: 2 * MAX_TEXT]})
    except NotAskable as error:
        return json.dumps({"why": shortened(error)})


def ask(text, num_gpus):
    """JSON of one verdict."""
    return json.dumps(asker.verdict(text, num_gpus))
