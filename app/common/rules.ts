/**
 * Each rule of the scan for a person who met it: what it protects, what is allowed instead, and both as code. The
 * examples are ours; rules.test.ts holds them to the scanner.
 */

export type RuleHelp = {
  protects: string;
  instead: string;
  /** Python that breaks this rule. */
  rejected: string;
  /** The same where `rejected` had to be shortened to be read. */
  rejectedInFull?: string;
  /** Python to the same end, or as near to it as the rule allows, that passes. */
  allowed: string;
};

const TORCH_NAME = "The scan recognises torch by its literal name; under another name its rules would not be seen.";
const GUARDED_FUNCTIONS = "compile and load of torch are allowed only where the scan sees what they are called with.";
const REFERENCE_BACKENDS = "The reference run and yours have to compute under the same backend settings.";
const HIDDEN_CODE = "Code hidden in text cannot be read before it runs.";
const ANY_ATTRIBUTE = "Whoever reaches any attribute by name reaches the evaluation itself.";
const CLOCKS = "The score is a time; the evaluation's clocks are not for the submission.";
const NATIVE_CODE = "Native code and raw memory reach past everything that Python protects.";
const MACHINE = "The machine, the interpreter and the files of the evaluation are out of bounds.";
const PICKLES = "Loading a pickle can run code that was hidden in it.";
const ENTRY = "inner_steps is the function that the validator calls and times.";
const SPELLED_NAMES = "Text can become code, so the names of what is protected may not even be spelled in it.";

export const RULE_HELP: Readonly<Record<string, RuleHelp>> = {
  "syntax-error": {
    protects: "The file is parsed as Python 3.11, in UTF-8, before anything else.",
    instead: "Correct the syntax; newer syntax than that of 3.11 is none.",
    rejected: "def warm_up(model)\n    return model\n",
    allowed: "def warm_up(model):\n    return model\n",
  },
  "source-too-large": {
    protects: "The validator downloads and reads 500,000 bytes at most.",
    instead: "Compute large tables instead of writing them out.",
    rejected: "TABLE = [0, 0, 0]  # ... and so on for 500,000 bytes\n",
    rejectedInFull: `TABLE = [${"0, ".repeat(170_000)}]\n`,
    allowed: "TABLE = [0] * 170_000\n",
  },
  "scanner-crash": {
    protects: "A file that brings the validator's scanner down is rejected as if it had broken a rule.",
    instead: "Write the part in a simpler way: no chains of a thousand operators, no giant widths, less nesting.",
    rejected: 'PADDED = "%3000000000s" % "x"\n',
    allowed: 'PADDED = "%30s" % "x"\n',
  },
  "torch-alias-import": {
    protects: TORCH_NAME,
    instead: "Import torch as itself. Its submodules may have short names.",
    rejected: "import torch as t\n",
    allowed: "import torch\nimport torch.nn.functional as F\n",
  },
  "torch-alias-binding": {
    protects: TORCH_NAME,
    instead: "Use torch directly.",
    rejected: "import torch\n\nt = torch\n",
    allowed: "import torch\n\nzeros = torch.zeros\n",
  },
  "torch-function-binding": {
    protects: GUARDED_FUNCTIONS,
    instead: "Call it where it is needed, without a second name.",
    rejected: "import torch\n\nfast = torch.compile\n",
    allowed: "import torch\n\n\ndef prepared(model):\n    return torch.compile(model)\n",
  },
  "torch-module-write": {
    protects: "The evaluation relies on the functions of torch being torch's own.",
    instead: "Define a function of your own; switches below torch.backends may be set.",
    rejected: "import torch\n\ntorch.relu = None\n",
    allowed: "import torch\n\ntorch.backends.cuda.matmul.allow_tf32 = True\n",
  },
  "forbidden-name": {
    protects:
      "These names run text as code, reach any attribute or open files; the scan rejects them as variables, too.",
    instead: "Use another name for a variable, and plain attribute access.",
    rejected: "input = [1, 2]\n",
    allowed: "inputs = [1, 2]\n",
  },
  "module-name-binding": {
    protects: "The name under which the module runs tells the evaluation what it has loaded.",
    instead: "Use another name.",
    rejected: '__name__ = "train"\n',
    allowed: 'NAME = "train"\n',
  },
  "object-attribute": {
    protects: "Objects guard their attributes with methods that may not be passed by.",
    instead: "Assign the attribute in the usual way.",
    rejected: "def mark(model):\n    object.__setattr__(model, 'step', 1)\n",
    allowed: "def mark(model):\n    model.step = 1\n",
  },
  "torch-private-api": {
    protects: "The private core of torch can change what every public function does.",
    instead: "Use the public functions.",
    rejected: "import torch\n\nthreads = torch._C._get_tracing_state()\n",
    allowed: "import torch\n\nthreads = torch.get_num_threads()\n",
  },
  "torch-config-write": {
    protects: "The configuration of torch's compiler is the same for everybody.",
    instead: "Give options to the call of torch.compile.",
    rejected: "import torch\n\ntorch._dynamo.config.suppress_errors = True\n",
    allowed: "import torch\n\n\ndef prepared(model):\n    return torch.compile(model, dynamic=False)\n",
  },
  "class-reassignment": {
    protects: "The model and the optimizer stay what they were when they were handed over.",
    instead: "Wrap the object in one of your own.",
    rejected: "def change(model, other):\n    model.__class__ = other\n",
    allowed: "class Wrapped:\n    def __init__(self, model):\n        self.model = model\n",
  },
  "timer-attribute": {
    protects: CLOCKS,
    instead: "Leave the timing to the validator; Crusader's runs show the times.",
    rejected: "def span(start, end):\n    return start.elapsed_time(end)\n",
    allowed: "def span(start, end):\n    return end - start\n",
  },
  "attribute-overwrite": {
    protects: "The timing rests on these methods.",
    instead: "Use another name for an attribute of your own.",
    rejected: "def log(run):\n    run.record = 1\n",
    allowed: "def log(run):\n    run.step_count = 1\n",
  },
  "slots-write": {
    protects: "The layout of a class is not changed from outside.",
    instead: "Declare __slots__ in the class body.",
    rejected: "class Batch:\n    pass\n\n\nBatch.__slots__ = ('tokens',)\n",
    allowed: "class Batch:\n    __slots__ = ('tokens',)\n",
  },
  "gc-introspection": {
    protects: "The garbage collector knows every object, those of the evaluation included.",
    instead: "Use what inner_steps receives.",
    rejected: "def everything(gc):\n    return gc.get_objects()\n",
    allowed: "def parameters(model):\n    return list(model.parameters())\n",
  },
  "cudnn-write": {
    protects: REFERENCE_BACKENDS,
    instead: "Leave benchmark and deterministic as they are; TF32 may be switched.",
    rejected: "import torch\n\ntorch.backends.cudnn.benchmark = True\n",
    allowed: "import torch\n\ntorch.backends.cudnn.allow_tf32 = True\n",
  },
  "backend-toggle-call": {
    protects: REFERENCE_BACKENDS,
    instead: "Leave the switch; choose the kernel where it is called.",
    rejected: "import torch\n\ntorch.backends.cuda.enable_flash_sdp(True)\n",
    allowed:
      "import torch.nn.functional as F\n\n\ndef attend(query, key, value):\n    return F.scaled_dot_product_attention(query, key, value)\n",
  },
  "grad-toggle-call": {
    protects: "Every step has to be real training, so gradients stay on.",
    instead: "Use torch.no_grad() around what needs none.",
    rejected: "import torch\n\ntorch.set_grad_enabled(False)\n",
    allowed: "import torch\n\n\ndef count(values):\n    with torch.no_grad():\n        return values.sum()\n",
  },
  "dynamic-code-call": {
    protects: HIDDEN_CODE,
    instead: "Write the code itself. The method eval is rejected whatever it belongs to: train(False) does the same.",
    rejected: "def freeze(model):\n    model.eval()\n",
    allowed: "def freeze(model):\n    model.train(False)\n",
  },
  "compile-call": {
    protects: HIDDEN_CODE,
    instead: "Write torch.compile(...); no other method may be called compile.",
    rejected: "def prepare(model):\n    model.compile()\n",
    allowed: "import torch\n\n\ndef prepare(model):\n    return torch.compile(model)\n",
  },
  "forbidden-module": {
    protects: MACHINE,
    instead: "Remove the import; what a training loop needs is in torch, math and itertools.",
    rejected: "import os\n",
    allowed: "import math\n",
  },
  "importlib-import": {
    protects: "What is imported has to be visible to the scan.",
    instead: "Import the module by its name.",
    rejected: "import importlib.util\n",
    allowed: "import collections\n",
  },
  "forbidden-import-path": {
    protects: NATIVE_CODE,
    instead: "Remove the import; kernels can be written in triton.",
    rejected: "from torch.utils.cpp_extension import load_inline\n",
    allowed: "import triton\n",
  },
  "star-import": {
    protects: "The scan has to see every name that an import brings.",
    instead: "Name what is imported.",
    rejected: "from torch.nn import *\n",
    allowed: "from torch.nn import Linear\n",
  },
  "forbidden-torch-import": {
    protects: GUARDED_FUNCTIONS,
    instead: "Import torch, and write torch. before the name.",
    rejected: "from torch import compile\n",
    allowed: "import torch\n\n\ndef prepared(model):\n    return torch.compile(model)\n",
  },
  "forbidden-builtin-call": {
    protects: ANY_ATTRIBUTE,
    instead: "Give a method of your own another name, or do without the call.",
    rejected: "def read(files):\n    return files.open()\n",
    allowed: "def read(files):\n    return files.first()\n",
  },
  "torch-load-call": {
    protects: PICKLES,
    instead: "Build the tensors in the code.",
    rejected: 'import torch\n\nWEIGHTS = torch.load("weights.pt")\n',
    allowed: "import torch\n\nWEIGHTS = torch.ones(8)\n",
  },
  "ctypeslib-attribute": {
    protects: NATIVE_CODE,
    instead: "Convert with the functions of torch.",
    rejected: "import numpy\n\nconvert = numpy.ctypeslib.as_array\n",
    allowed: "import torch\n\nconvert = torch.as_tensor\n",
  },
  "builtins-access": {
    protects: "Whoever reaches the table of builtins reaches every one of them.",
    instead: "Call the builtin by its name.",
    rejected: "length = __builtins__\n",
    allowed: "length = len\n",
  },
  "sys-modules": {
    protects: "The table of loaded modules leads to the evaluation's own.",
    instead: "Import the module by its name.",
    rejected: "def loaded(sys):\n    return sys.modules\n",
    allowed: "import math\n\nloaded = math\n",
  },
  "dict-attribute": {
    protects: ANY_ATTRIBUTE,
    instead: "Name the attributes one by one.",
    rejected: "def copied(settings):\n    return settings.__dict__\n",
    allowed: "def copied(settings):\n    return {'rate': settings.rate}\n",
  },
  "introspection-attribute": {
    protects: "Frames, code objects and the insides of classes lead out of the submission.",
    instead: "Do without it; super() and plain methods are allowed.",
    rejected: "def owner(method):\n    return method.__self__\n",
    allowed: "def owner(model):\n    return type(model)\n",
  },
  "optimizer-attribute": {
    protects: "The evaluation's own optimizers are attributes of this name.",
    instead: "Keep the optimizer in a variable, or in self.optimizer.",
    rejected: "def step(trainer):\n    trainer.optimizer.step()\n",
    allowed: "def step(optimizer):\n    optimizer.step()\n",
  },
  "introspection-definition": {
    protects: "How objects answer to attribute access stays as it is.",
    instead: "Use another name for the method.",
    rejected: "class Lazy:\n    def __getattr__(self, name):\n        return None\n",
    allowed: "class Lazy:\n    def value_of(self, name):\n        return None\n",
  },
  "forbidden-decorator": {
    protects: "Such an attribute runs code where only a value is read.",
    instead: "Use a plain method.",
    rejected: "class Batch:\n    @property\n    def size(self):\n        return 1\n",
    allowed: "class Batch:\n    def size(self):\n        return 1\n",
  },
  "large-bytes-literal": {
    protects: "Programs can be hidden in data.",
    instead: "Compute the values; up to 256 may be written out.",
    rejected: "DATA = bytes([0, 0, 0])  # ... with more than 256 elements\n",
    rejectedInFull: `DATA = bytes([${"0, ".repeat(257)}])\n`,
    allowed: "DATA = bytes(257)\n",
  },
  "unsafe-load": {
    protects: PICKLES,
    instead: "Drop weights_only=False.",
    rejected: 'def read(loader):\n    return loader.load("x", weights_only=False)\n',
    allowed: 'def read(loader):\n    return loader.load("x")\n',
  },
  "forbidden-string": {
    protects: `${SPELLED_NAMES} That holds for docstrings, too; comments are not read.`,
    instead: "Reword the text, or make a comment of it. A main guard belongs in another file.",
    rejected: '"""Calls setattr nowhere."""\n',
    allowed: "# Calls setattr nowhere.\n",
  },
  "assembled-string": {
    protects: `${SPELLED_NAMES} That holds for text put together from parts, too.`,
    instead: "Do not build such a text.",
    rejected: 'NAME = "set" + "attr"\n',
    allowed: 'NAME = "set" + "ting"\n',
  },
  "dynamic-codec": {
    protects: "Text has to be readable without running the code.",
    instead: "Name the codec in a plain string.",
    rejected: 'CODEC = "utf-8"\nTEXT = b"loss".decode(CODEC)\n',
    allowed: 'TEXT = b"loss".decode("utf-8")\n',
  },
  "forbidden-attribute-name": {
    protects: "What may not be spelled in text may not be an attribute either.",
    instead: "Give the attribute another name.",
    rejected: "def keep(self):\n    self.initial_state = 1\n",
    allowed: "def keep(self):\n    self.first_state = 1\n",
  },
  "inner-steps-missing": {
    protects: ENTRY,
    instead: "Define it with def, at the top level of the file.",
    rejected: "def train(model):\n    return model\n",
    allowed: "def inner_steps(model, data_iterator, optimizer, num_steps, device, num_gpus=1):\n    return None\n",
  },
  "inner-steps-parameters": {
    protects: ENTRY,
    instead: "Give it at least five ordinary parameters; the sixth, num_gpus, is passed as well.",
    rejected: "def inner_steps(model, data_iterator):\n    return None\n",
    allowed: "def inner_steps(model, data_iterator, optimizer, num_steps, device, num_gpus=1):\n    return None\n",
  },
};
