import ast

import pytest

from crusades_eval.cuda_needs import cuda_needs


def needs(source):
    return [(need["line"], need["what"]) for need in cuda_needs(list(ast.walk(ast.parse(source))), source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import triton", [(1, "imports triton")]),
        ("import triton.language as tl", [(1, "imports triton")]),
        ("from flash_attn import flash_attn_func", [(1, "imports flash_attn")]),
        ("import transformer_engine.pytorch as te", [(1, "imports transformer_engine")]),
        ("s = torch.cuda.Stream()", [(1, "calls torch.cuda.Stream()")]),
        ("x = 1\nwith torch.cuda.graph(g): pass", [(2, "calls torch.cuda.graph()")]),
        ("g = torch.cuda.CUDAGraph()", [(1, "calls torch.cuda.CUDAGraph()")]),
        ("e = torch.cuda.Event(enable_timing=True)", [(1, "calls torch.cuda.Event()")]),
        ("torch.cuda.synchronize()", [(1, "calls torch.cuda.synchronize()")]),
        ("torch.cuda.nvtx.range_push('a')", [(1, "calls torch.cuda.nvtx.range_push()")]),
        ("from torch.cuda import Stream\ns = Stream()", [(2, "calls torch.cuda.Stream()")]),
        ("import torch.cuda as c\nc.synchronize()", [(2, "calls torch.cuda.synchronize()")]),
        ("from torch import cuda\ncuda.current_stream()", [(2, "calls torch.cuda.current_stream()")]),
        ("model.cuda()", [(1, "calls .cuda()")]),
        ("x.pin_memory()", [(1, "calls .pin_memory()")]),
        ("torch.empty(1, pin_memory=True)", [(1, "pins memory")]),
        ("x.to('cuda')", [(1, "uses a CUDA device")]),
        ("x.to('cuda:0')", [(1, "uses a CUDA device")]),
        ("x.to(f'cuda:{rank}')", [(1, "uses a CUDA device")]),
        ("torch.zeros(1, device='cuda')", [(1, "uses a CUDA device")]),
        ("D = 'cuda'\nx.to(D)", [(2, "uses a CUDA device")]),
        ("dist.new_group(backend='nccl')", [(1, "uses NCCL")]),
        ("assert torch.cuda.is_available()", [(1, "asserts that there is CUDA")]),
        ("if not torch.cuda.is_available():\n    raise E", [(1, "raises where there is no CUDA")]),
        ("if torch.cuda.is_available(): pass\nelse:\n    x.cuda()", [(3, "calls .cuda()")]),
        ("y = x.cpu() if torch.cuda.is_available() else x.cuda()", [(1, "calls .cuda()")]),
        ("x or torch.cuda.synchronize()", [(1, "calls torch.cuda.synchronize()")]),
        ("try:\n    import triton\nexcept ImportError:\n    raise", [(2, "imports triton")]),
        ("try:\n    import triton\nfinally:\n    pass", [(2, "imports triton")]),
        ("def inner_steps(m):\n    m.cuda()", [(2, "calls .cuda()")]),
        ("def f(m):\n    m.cuda()\ndef inner_steps(m):\n    f(m)", [(2, "calls .cuda()")]),
        ("class A:\n    def f(self):\n        torch.cuda.Stream()\nA()", [(3, "calls torch.cuda.Stream()")]),
        ("@torch.compile\n@d(torch.cuda.Stream())\ndef unused(): pass", [(2, "calls torch.cuda.Stream()")]),
        ("b.cuda()\na.cuda()", [(1, "calls .cuda()"), (2, "calls .cuda()")]),
    ],
)
def test_needs(source, expected):
    assert needs(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "x = 1",
        "torch.cuda.is_available()",
        "torch.cuda.device_count()",
        "torch.cuda.empty_cache()",
        "torch.cuda.manual_seed_all(1)",
        "torch.backends.cuda.matmul.allow_tf32 = True",
        "torch.autocast('cuda', dtype=torch.bfloat16)",
        "torch.autocast(device_type='cuda')",
        "torch.cuda.amp.GradScaler()",
        "isinstance(x, torch.cuda.Stream)",
        "print('cuda')",
        "DEVICE = 'cuda'",
        "device.type == 'cuda'",
        "if torch.cuda.is_available():\n    torch.cuda.synchronize()",
        "if device.type == 'cuda':\n    s = torch.cuda.Stream()",
        "if 'cuda' == device.type and x:\n    s = torch.cuda.Stream()",
        "if device.type != 'cpu':\n    x.cuda()",
        "if 'cuda' in str(device):\n    x.cuda()",
        "if str(device).startswith('cuda'):\n    x.cuda()",
        "if x.is_cuda:\n    torch.cuda.synchronize()",
        "if torch.cuda.device_count() > 0:\n    x.cuda()",
        "if not torch.cuda.is_available():\n    pass\nelse:\n    x.cuda()",
        "use_cuda = torch.cuda.is_available()\nif use_cuda:\n    x.cuda()",
        "device.type == 'cuda' and torch.cuda.synchronize()",
        "device.type != 'cuda' or torch.cuda.synchronize()",
        "s = torch.cuda.Stream() if device.type == 'cuda' else None",
        "d = torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "if torch.cuda.is_available():\n    def f():\n        x.cuda()\n    f()",
        "def inner_steps(d):\n    if d.type != 'cuda':\n        return 1\n    torch.cuda.synchronize()",
        "try:\n    import triton\nexcept ImportError:\n    triton = None",
        "try:\n    from flash_attn import f\nexcept (ImportError, OSError):\n    f = None",
        "def unused():\n    torch.cuda.Stream()",
        "def g():\n    torch.cuda.Stream()\ndef inner_steps(d):\n    if d.type == 'cuda':\n        g()",
        "x.to(device)",
        "DataLoader(x, pin_memory=True)",
        "torch.utils.data.DataLoader(x, pin_memory=True)",
    ],
)
def test_no_needs(source):
    assert needs(source) == []


def test_deep_trees_do_not_matter():
    assert needs("if " + "not " * 2000 + "x:\n    y.cuda()") == [(2, "calls .cuda()")]
