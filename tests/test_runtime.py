"""Instruction sets, threads, explanations, and what importing costs and brings."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import pyconv
import pyconv.nn.functional as F
from pyconv import _native, nn


def python(code, **environment):
    """Run code in a new interpreter; return its output and errors."""
    env = {k: v for k, v in os.environ.items() if k not in ("PYCONV_ISA", "OMP_NUM_THREADS")} | environment
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=120)
    return done.returncode, done.stdout.strip(), done.stderr


# ---- instruction sets ----


def test_isas():
    names = pyconv.available_isas()
    assert "scalar" in names
    assert len(set(names)) == len(names)
    assert set(names) <= {"scalar", "avx2", "avx512", "neon"}
    assert pyconv.isa() in names


def test_a_forced_target_is_the_one_that_runs(isa):
    x, w = np.ones((1, 3, 9, 9), np.float32), np.ones((4, 3, 3, 3), np.float32)
    assert pyconv.explain(F.conv2d, x, w).isa == isa
    assert pyconv.explain(F.max_pool2d, x, 2).isa == isa
    assert pyconv.explain(F.avg_pool2d, x, 2).isa == isa
    assert pyconv.explain(F.adaptive_avg_pool2d, x, 2).isa == isa
    assert pyconv.explain(F.linear, x, np.ones((2, 9), np.float32)).isa == isa


@pytest.mark.parametrize("name", ["avx1024", "", "AVX2 ", "neon" if "neon" not in pyconv.available_isas() else "avx2"])
def test_an_unknown_or_missing_target_is_an_error(name):
    before = pyconv.isa()
    with pytest.raises(ValueError, match=name.strip() or "isa"):
        pyconv.set_isa(name)
    assert pyconv.isa() == before


@pytest.mark.parametrize("name", pyconv.available_isas())
def test_the_environment_forces_a_target(name):
    assert python("import pyconv; print(pyconv.isa())", PYCONV_ISA=name)[:2] == (0, name)


def test_the_environment_is_not_ignored_quietly():
    call = "import numpy as np, pyconv.nn.functional as F; F.relu(np.ones(3)); F.max_pool2d(np.ones((1, 4, 4)), 2)"
    code, _, errors = python(call, PYCONV_ISA="avx1024")
    assert code != 0
    assert "PYCONV_ISA" in errors
    assert "avx1024" in errors


# ---- threads ----


def test_threads():
    default = pyconv.get_num_threads()
    assert default >= 1
    pyconv.set_num_threads(3)
    assert pyconv.get_num_threads() == 3
    with pyconv.threads(2):
        assert pyconv.get_num_threads() == 2
        with pyconv.threads(5):
            assert pyconv.get_num_threads() == 5
        assert pyconv.get_num_threads() == 2
    assert pyconv.get_num_threads() == 3
    pyconv.set_num_threads(default)
    assert pyconv.get_num_threads() == default


def test_a_block_is_left_by_an_exception_too():
    before = pyconv.get_num_threads()
    with pytest.raises(KeyError), pyconv.threads(before + 1):
        raise KeyError
    assert pyconv.get_num_threads() == before


def test_one_block_object_may_nest_in_itself():
    before, block = pyconv.get_num_threads(), pyconv.threads(4)
    with block, pyconv.threads(2), block:
        assert pyconv.get_num_threads() == 4
    assert pyconv.get_num_threads() == before


def test_a_block_is_one_threads_own():
    seen = []
    before = pyconv.get_num_threads()
    with pyconv.threads(before + 3):
        other = threading.Thread(target=lambda: seen.append(pyconv.get_num_threads()))
        other.start()
        other.join()
    assert seen == [before]


@pytest.mark.parametrize(
    "call",
    [
        lambda: pyconv.set_num_threads(0),
        lambda: pyconv.set_num_threads(-1),
        lambda: pyconv.threads(0),
        lambda: pyconv.threads(-2),
    ],
)
def test_thread_counts_that_are_none(call):
    with pytest.raises(ValueError, match="thread"):
        call()


def test_the_default_number_of_threads():
    show = "import pyconv; print(pyconv.get_num_threads())"
    assert python(show, OMP_NUM_THREADS="3")[1] == "3"
    if hasattr(os, "sched_setaffinity"):
        one = f"import os; os.sched_setaffinity(0, {{{min(os.sched_getaffinity(0))}}}); {show}"
        assert python(one)[1] == "1"
        assert python(show)[1] == str(len(os.sched_getaffinity(0)))


def test_calls_from_many_python_threads(rng):
    x, w = rng.standard_normal((2, 8, 20, 20)), rng.standard_normal((16, 8, 3, 3))
    right, wrong = F.conv2d(x, w), []

    def work(n):
        with pyconv.threads(n):
            for _ in range(20):
                if F.conv2d(x, w).tobytes() != right.tobytes():
                    wrong.append(n)

    workers = [threading.Thread(target=work, args=(n,)) for n in (1, 2, 3, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_computes():
    """OpenMP's threads do not survive a fork: a child that waits for them hangs."""
    code, out, errors = python(
        "import os, signal, numpy as np, pyconv, pyconv.nn.functional as F\n"
        "x, w = np.ones((2, 32, 56, 56), np.float32), np.ones((64, 32, 3, 3), np.float32)\n"
        "pyconv.set_num_threads(2)\n"
        "before = F.conv2d(x, w)\n"
        "assert pyconv.explain(F.conv2d, x, w).threads == 2\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    signal.alarm(20)\n"
        "    os._exit(not np.array_equal(F.conv2d(x, w), before))\n"
        "print(os.waitpid(child, 0)[1])"
    )
    assert (code, out) == (0, "0"), errors


# ---- explanations ----


def test_explain_conv2d():
    x, w = np.ones((2, 16, 20, 20), np.float32), np.ones((32, 16, 3, 3), np.float32)
    explained = pyconv.explain(F.conv2d, x, w, padding=1)
    assert explained.algorithm in pyconv.algorithms()
    assert set(explained.refused) == set(pyconv.algorithms()) - {explained.algorithm}
    assert all(isinstance(reason, str) and reason for reason in explained.refused.values())
    assert explained.flops == 2 * (2 * 32 * 20 * 20) * (16 * 9)
    assert explained.tile
    assert explained.packed_bytes >= w.nbytes
    assert 1 <= explained.threads <= pyconv.get_num_threads()
    assert 0 <= explained.workspace_bytes_per_thread <= explained.workspace_bytes <= 512 * 1024 * explained.threads
    text = str(explained)
    for part in (
        explained.algorithm,
        explained.tile,
        explained.isa,
        f"{explained.flops:,}",
        *explained.refused.values(),
    ):
        assert part in text


def test_explain_layers(rng):
    net = nn.Sequential(
        nn.ReLU(inplace=True),
        nn.Conv2d(1, 6, 3, padding=1, padding_mode="reflect"),
        nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)),
        nn.Flatten(),
        nn.Linear(6 * 4 * 4, 10),
    )
    x = rng.standard_normal((1, 1, 8, 8)).astype(np.float32)
    kept = x.copy()
    for training in (True, False):
        conv, pool, linear = pyconv.explain(net.train(training), x)
        assert np.array_equal(x, kept)
        assert conv.flops == 2 * 6 * 64 * 9
        assert linear.flops == 2 * 96 * 10
        assert conv == pyconv.explain(net[1], x)
        assert linear == pyconv.explain(net[4], np.ones((1, 96), np.float32))
        assert pool == pyconv.explain(nn.MaxPool2d(2), np.ones((1, 6, 8, 8), np.float32))
        assert pool == pyconv.explain(
            F.max_pool2d, np.ones((1, 6, 8, 8), np.float32), 2, out=np.ones((1, 6, 4, 4), np.float32)
        )
    assert pyconv.explain(nn.Sequential(nn.ReLU()), x) == []


def test_explain_averages():
    x = np.ones((1, 6, 9, 8), np.float32)
    net = nn.Sequential(nn.AvgPool2d(3, 2, 1, True, False, 5), nn.AdaptiveAvgPool2d((3, None)))
    average, adaptive = pyconv.explain(net, x)
    assert average.algorithm == adaptive.algorithm == "average_pool"
    assert average == pyconv.explain(F.avg_pool2d, x, 3, 2, 1, True, False, 5, out=np.ones((1, 6, 5, 5), np.float32))
    assert adaptive == pyconv.explain(F.adaptive_avg_pool2d, np.ones((1, 6, 5, 5), np.float32), (3, None))
    assert pyconv.explain(F.adaptive_avg_pool2d, x, (3, 4)) == pyconv.explain(F.avg_pool2d, x, (3, 2))
    assert pyconv.explain(F.adaptive_avg_pool2d, x, 0).algorithm == "average_pool"


def test_explain_raises_what_the_call_raises():
    with pytest.raises(ValueError, match="stride"):
        pyconv.explain(F.conv2d, np.ones((1, 1, 4, 4)), np.ones((1, 1, 1, 1)), stride=0)
    with pytest.raises(TypeError, match="float32"):
        pyconv.explain(nn.Conv2d(1, 1, 1), np.ones((1, 1, 4, 4)))


@pytest.mark.parametrize("target", [F.relu, np.add, nn.ReLU(), nn.Module(), 3, []])
def test_explain_knows_what_it_knows(target):
    with pytest.raises(TypeError, match="conv2d"):
        pyconv.explain(target, np.ones((1, 1, 4, 4)))


# ---- the package ----


def test_what_is_exported():
    for module in (pyconv, nn, F, pyconv.image, pyconv.reference, nn.init, nn.utils):
        for name in module.__all__:
            assert hasattr(module, name), (module.__name__, name)
    assert set(dir(pyconv)) == set(pyconv.__all__)
    with pytest.raises(AttributeError, match="nonesuch"):
        _ = pyconv.nonesuch
    assert pyconv.__version__ == _native.__version__


def test_functions_have_a_reference_of_the_same_name():
    assert set(F.__all__) == set(pyconv.reference.__all__)


def test_importing_brings_little():
    """Import time is measured elsewhere; this keeps out what would cost it."""
    code, out, errors = python(
        "import sys, numpy; a = set(sys.modules); import pyconv; print(*sorted(set(sys.modules) - a))"
    )
    assert code == 0, errors
    foreign = [name for name in out.split() if name.split(".")[0] not in ("pyconv", "__future__")]
    assert foreign == []
    assert "pyconv.image" not in out.split()
    assert "pyconv.reference" not in out.split()
    assert "pyconv.cli" not in out.split()
