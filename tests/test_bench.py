"""The benchmarks' own machinery: problem files, the comparison with other libraries, the report. No time is judged."""

from __future__ import annotations

import fnmatch
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / "bench"
FILES = sorted((BENCH / "problems").glob("*.txt"))


def load_problem_module() -> Any:
    """bench/problem.py under a name of its own: bench/ is a folder of programs, not a package."""
    spec = importlib.util.spec_from_file_location("pyconv_bench_problem", BENCH / "problem.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


problem = load_problem_module()


def run(program: str, *arguments: str | Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program of bench/; modules in `path` come before the installed ones."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if path is not None:
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(path), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, str(BENCH / program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)


# ---- problem files ----


def test_the_problem_files_are_there() -> None:
    networks = {"resnet50", "resnext50", "vgg16", "mobilenet_v2", "efficientnet_b0", "densenet121", "inception_v3"}
    networks |= {"convnext_t", "vit_patch", "yolov8n", "unet", "superres", "lenet"}
    networks |= {"audio1d", "decoder", "unet3d"}
    assert {path.stem for path in FILES} == networks | {"depthwise", "filter", "large", "pool", "separable"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_problem_file_parses_and_explains_itself(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("# ")
    problems = list(problem.load(path))
    assert problems
    assert all(p.file == path.stem for p in problems)


def test_names_and_layers_are_distinct() -> None:
    problems = [p for path in FILES for p in problem.load(path)]
    names = [p.name for p in problems]
    assert len(set(names)) == len(names)
    for path in FILES:
        layers = [(p.kind, p.shape, p.bias, p.ceil_mode) for p in problem.load(path)]
        assert len(set(layers)) == len(layers)


@pytest.mark.parametrize(
    ("file", "count", "name", "shape", "flops"),
    [
        ("resnet50", 23, "res2_3x3", "64x56x56 -> 64x56x56 3x3 p1", 231_211_008),
        ("resnet50", 23, "res1_7x7_s2", "3x224x224 -> 64x112x112 7x7 s2 p3", 236_027_904),
        ("vgg16", 9, "vgg_conv1_2", "64x224x224 -> 64x224x224 3x3 p1", 3_699_376_128),
        ("mobilenet_v2", 30, "mb1_dw", "32x112x112 -> 32x112x112 3x3 p1 g32", 7_225_344),
        ("efficientnet_b0", 46, "eff4_dw5_s2", "144x56x56 -> 144x28x28 5x5 s2 p2 g144", 5_644_800),
        ("densenet121", 21, "dense1_3x3", "128x56x56 -> 32x56x56 3x3 p1", 231_211_008),
        ("inception_v3", 47, "incep_6b_1x7", "128x17x17 -> 128x17x17 1x7 p0x3", 66_289_664),
        ("unet", 19, "unet_down5_2", "1024x16x16 -> 1024x16x16 3x3 p1", 4_831_838_208),
        ("yolov8n", 43, "yolo9_pool_5x5", "128x20x20 -> 128x20x20 5x5 p2", 0),
        ("convnext_t", 16, "cnx_stem_4x4_s4", "3x224x224 -> 96x56x56 4x4 s4", 28_901_376),
        ("resnext50", 25, "rnx3_3x3_g32_s2", "256x56x56 -> 256x28x28 3x3 s2 p1 g32", 28_901_376),
        ("superres", 15, "edsr_107x161_tail_by3", "64x321x483 -> 3x321x483 3x3 p1", 535_828_608),
        ("vit_patch", 4, "vit_l14", "3x224x224 -> 1024x16x16 14x14 s14", 308_281_344),
        ("separable", 15, "sep_9x9", "1x1024x1024 -> 1x1024x1024 9+9 p4", 37_748_736),
        ("large", 19, "filter_51x51", "1x1024x1024 -> 1x1024x1024 51x51 p25", 5_454_692_352),
        ("large", 19, "fir_1025", "1x1x160000 -> 1x1x160000 1x1025 p0x512", 328_000_000),
        ("pool", 32, "avg_global_resnet50", "2048x7x7 -> 2048x1x1 7x7 s7", 0),
        ("pool", 32, "max_1d_3_s2", "64x1x16384 -> 64x1x8192 1x3 s1x2 p0x1", 0),
        ("filter", 35, "filter_9x9", "1x1024x1024 -> 1x1024x1024 9x9 p4", 169_869_312),
        ("audio1d", 25, "w2v_k10_s5", "1x16000 -> 512x3199 k10 s5", 32_757_760),
        ("audio1d", 25, "hifi_up1_k16_s8", "512x32 -> 256x256 k16 s8 p4 transposed", 134_217_728),
        ("audio1d", 25, "m5_pool", "128x2000 -> 128x500 k4 s4", 0),
        ("unet3d", 24, "unet3_down3_2", "128x8x8x8 -> 256x8x8x8 3x3x3 p1", 905_969_664),
        ("unet3d", 24, "r21d_3_3x1x1_s2", "230x8x28x28 -> 128x4x28x28 3x1x1 s2x1x1 p1x0x0", 553_943_040),
        ("decoder", 25, "dcgan_2_4x4_s2", "512x4x4 -> 256x8x8 4x4 s2 p1 transposed", 67_108_864),
        ("decoder", 25, "digits_1_3x3_s2", "64x7x7 -> 32x14x14 3x3 s2 p1 op1 transposed", 1_806_336),
        ("filter", 35, "hd_gauss21_21x1", "1x1080x1920 -> 1x1080x1920 21x1 p10x0", 87_091_200),
    ],
)
def test_known_layers(file: str, count: int, name: str, shape: str, flops: int) -> None:
    problems = {p.name: p for p in problem.load(BENCH / "problems" / f"{file}.txt")}
    assert len(problems) == count
    assert problems[name].shape == shape
    assert problems[name].flops == flops


def test_grammar() -> None:
    line = "conv2d name=a ic=4 oc=6 ih=9 iw=11 k=3 kw=5 s=2 ph=1 g=2 bias=1 boundary=reflect  # why"
    p = problem.parse_line(line, "f")
    assert (p.size, p.kernel, p.stride, p.padding, p.dilation) == ((9, 11), (3, 5), (2, 2), (1, 0), (1, 1))
    assert (p.groups, p.bias, p.boundary, p.file, p.out) == (2, True, "reflect", "f", (5, 4))
    assert p.flops == 2 * 6 * 5 * 4 * 2 * 3 * 5
    assert p.moved_bytes(batch=3, itemsize=8) == 8 * (3 * (4 * 9 * 11 + 6 * 5 * 4) + 6 * 2 * 3 * 5)
    pool = problem.parse_line("maxpool2d name=b c=3 i=7 k=3 ceil=1")
    assert (pool.stride, pool.out, pool.flops) == ((3, 3), (3, 3), 0)
    average = problem.parse_line("avgpool2d name=c c=3 i=7 k=3 p=1 include_pad=0")
    assert (average.kind, average.stride, average.out, average.flops) == ("avgpool2d", (3, 3), (3, 3), 0)
    assert (average.include_pad, average.covers_image) == (False, False)
    plane = problem.parse_line("avgpool2d name=d c=3 i=7 k=7")
    assert (plane.include_pad, plane.covers_image) == (True, True)
    separable = problem.parse_line("conv2d name=e ic=3 oc=3 g=3 i=9 k=3 separable=1")
    assert (separable.separable, separable.flops, separable.weight_elements) == (True, 2 * 3 * 49 * 6, 18)
    column, row = separable.factors("float32")
    np.testing.assert_array_equal(separable.data(1, "float32")[1][1, 0], np.outer(column[1], row[1]))
    pixels = problem.parse_line("conv2d name=f ic=1 oc=1 i=4 k=3 bytes=1")
    assert (pixels.shape, pixels.data(2, "float64")[0].dtype) == ("1x4x4 -> 1x2x2 3x3 uint8", "uint8")
    assert pixels.moved_bytes(batch=2, itemsize=8) == 2 * (16 + 4 * 8) + 9 * 8
    assert problem.parse_line("  # nothing\n") is None
    assert problem.Problem.from_json(json.loads(json.dumps(p.to_json()))) == p


def test_grammar_of_every_rank() -> None:
    line = problem.parse_line("conv1d name=a ic=4 oc=6 i=20 k=3 s=2 p=1 d=2 g=2")
    assert (line.operation, line.rank, line.size, line.out) == ("conv", 1, (20,), (9,))
    assert (line.shape, line.flops) == ("4x20 -> 6x9 k3 s2 p1 d2 g2", 2 * 6 * 9 * 2 * 3)
    volume = problem.parse_line("conv3d name=b ic=2 oc=3 i=8 id=5 k=3 kd=1 dd=2 p=1 pd=0")
    assert (volume.size, volume.kernel, volume.out) == ((5, 8, 8), (1, 3, 3), (5, 8, 8))
    assert volume.shape == "2x5x8x8 -> 3x5x8x8 1x3x3 p0x1x1 d2x1x1"
    assert volume.data(2, "float32")[1].shape == (3, 2, 1, 3, 3)
    pool = problem.parse_line("maxpool3d name=c c=3 i=7 k=3 ceil=1")
    assert (pool.stride, pool.out, pool.covers_image) == ((3, 3, 3), (3, 3, 3), False)
    assert problem.parse_line("avgpool1d name=d c=3 i=7 k=7").covers_image


def test_grammar_of_transposed_layers() -> None:
    p = problem.parse_line("conv_transpose2d name=a ic=4 oc=6 i=5 k=3 s=2 p=1 op=1 oph=0 g=2 bias=1")
    assert (p.operation, p.out, p.output_padding) == ("conv_transpose", (9, 10), (0, 1))
    assert p.shape == "4x5x5 -> 6x9x10 3x3 s2 p1 op0x1 g2 transposed"
    assert p.flops == 2 * 2 * 6 * 25 * 9
    _, weight, bias = p.data(1, "float32")
    assert (weight.shape, bias.shape, p.weight_elements) == ((4, 3, 3, 3), (6,), weight.size)
    assert problem.Problem.from_json(json.loads(json.dumps(p.to_json()))) == p
    dilated = problem.parse_line("conv_transpose1d name=b ic=1 oc=1 i=4 k=3 d=2 op=1")
    assert dilated.out == (9,)


# Each line with a word of the complaint that both parsers make.
MISTAKES = [
    ("convolution name=a", "unknown kind"),
    ("conv2d ic=1 oc=1 i=3 k=3", "name="),
    ("conv2d name=a oc=1 i=3 k=3", "ic="),
    ("conv2d name=a ic=4 oc=4 i=3 k=3 g=3", "divisible"),
    ("conv2d name=a ic=1 oc=1 i=3", "must be given"),
    ("conv2d name=a ic=1 oc=1 i=3 k=4", "larger"),
    ("conv2d name=a ic=1 oc=1 i=3 k=3 d=2", "larger"),
    ("conv2d name=a ic=1 oc=1 i=3 k=3 s=-1", "integer"),
    ("conv2d name=a ic=2 oc=2 i=3 k=3 separable=1", "separable"),
    ("maxpool2d name=a c=1 i=3 k=3 separable=1", "no key"),
    ("conv2d name=a ic=1 oc=1 i=3 k=3 z=1", "no key"),
    ("conv2d name=a ic=1 oc=1 i=3 k=3 kx=1", "no key"),
    ("conv2d name=a ic=1 oc=1 i=3 k=3 c=1", "no key"),
    ("maxpool2d name=a c=1 i=3 k=3 g=1", "no key"),
    ("maxpool2d name=a c=1 i=3 k=3 include_pad=0", "no key"),
    ("avgpool2d name=a c=1 i=3 k=3 d=1", "no key"),
    ("avgpool2d name=a c=1 i=3 k=4", "larger"),
    ("conv2d name=a ic=1 oc=1 i=3 k", "key=value"),
    ("conv2d name=a ic=1 oc=1 i=3 k=3 boundary=odd", "boundary"),
    ("conv4d name=a ic=1 oc=1 i=3 k=3", "unknown kind"),
    ("conv1d name=a ic=1 oc=1 i=3 k=3 kh=1", "no key"),
    ("conv1d name=a ic=1 oc=1 g=1 i=3 k=3 separable=1", "no key"),
    ("conv2d name=a ic=1 oc=1 i=3 k=3 dd=1", "no key"),
    ("conv3d name=a ic=1 oc=1 ih=3 iw=3 k=3", "must be given"),
    ("conv3d name=a ic=1 oc=1 i=3 id=2 k=3", "larger"),
    ("conv2d name=a ic=1 oc=1 i=3 k=3 op=1", "no key"),
    ("conv_transpose2d name=a ic=1 oc=1 i=3 k=3 boundary=0", "no key"),
    ("conv_transpose2d name=a ic=1 oc=1 i=3 k=3 bytes=1", "no key"),
    ("conv_transpose2d name=a ic=1 oc=1 i=3 k=3 s=2 op=2", "smaller"),
    ("conv_transpose2d name=a ic=1 oc=1 i=3 k=3 opx=0", "no key"),
    ("conv_transpose1d name=a ic=1 oc=1 i=1 k=3 p=2", "padding"),
    ("conv_transpose1d name=a ic=3 oc=4 i=1 k=3 g=2", "divisible"),
    ("maxpool1d name=a c=1 i=3 k=3 op=1", "no key"),
    ("avgpool3d name=a c=1 i=3 k=3 dd=1", "no key"),
    ("avgpool3d name=a c=1 i=3 k=4", "larger"),
]


@pytest.mark.parametrize(("line", "word"), MISTAKES)
def test_mistakes_in_a_problem_are_named(line: str, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        problem.parse_line(line)


def test_a_mistake_in_a_file_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_text("# fine\nconv2d name=a\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"bad\.txt:2: "):
        list(problem.load(path))


C_DRIVER = r"""
#include <stdio.h>
#include "problem.h"
int main(void)
{
    char line[1024], text[512];
    problem p;
    while (fgets(line, sizeof(line), stdin)) {
        int parsed = problem_parse(line, &p, text, sizeof(text));
        if (parsed < 0)
            printf("error: %s\n", text);
        if (parsed > 0) {
            problem_shape(&p, text, sizeof(text));
            printf("%s|%s|%lld|", p.name, text, (long long)problem_flops(&p));
            problem_line(&p, text, sizeof(text));
            printf("%s\n", text);
        }
    }
    return 0;
}
"""


@pytest.fixture(scope="module")
def c_parser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("problem")
    (folder / "driver.c").write_text(C_DRIVER, encoding="utf-8")
    program = folder / "driver"
    includes = [f"-I{BENCH}", f"-I{ROOT / 'csrc' / 'include'}"]
    sources = [str(folder / "driver.c"), str(BENCH / "problem.c")]
    subprocess.run([compiler, "-std=c11", *includes, *sources, "-o", str(program)], check=True)
    return program


# What no file has: every kind with every key that it knows, each axis its own value.
EVERY_KEY = """
conv1d name=a ic=4 oc=6 iw=20 kw=3 sw=2 pw=1 dw=2 g=2 bias=1 bytes=1 boundary=circular
conv3d name=b ic=4 oc=6 id=20 ih=19 iw=18 kd=1 kh=2 kw=3 sd=3 sh=2 sw=1 pd=0 ph=1 pw=2 dd=3 dh=2 dw=1 boundary=reflect
conv_transpose1d name=c ic=4 oc=6 iw=20 kw=3 sw=3 pw=1 dw=2 opw=2 g=2 bias=1
conv_transpose2d name=d ic=4 oc=6 ih=9 iw=8 kh=4 kw=3 sh=3 sw=2 ph=1 pw=2 dh=1 dw=2 oph=2 opw=0 g=2 bias=1
conv_transpose3d name=e ic=4 oc=6 id=5 ih=9 iw=8 kd=1 kh=4 kw=3 s=2 sd=1 p=1 pd=0 d=1 dd=2 op=1 opw=0
maxpool1d name=f c=3 i=9 k=3 s=2 p=1 d=2 ceil=1
maxpool3d name=g c=3 id=9 ih=8 iw=7 kd=1 kh=2 kw=3 s=2 p=0 d=1 dw=2 ceil=1
avgpool1d name=h c=3 i=9 k=3 s=2 p=1 include_pad=0
avgpool3d name=i c=3 id=9 ih=8 iw=7 kd=1 kh=2 kw=3 ceil=1 include_pad=0
"""


def test_both_parsers_read_the_same(c_parser: Path) -> None:
    text = EVERY_KEY + "".join(path.read_text(encoding="utf-8") for path in FILES)
    printed = subprocess.run([c_parser], input=text, capture_output=True, text=True, check=True).stdout.splitlines()
    problems = [p for p in map(problem.parse_line, EVERY_KEY.splitlines()) if p]
    problems += [p for path in FILES for p in problem.load(path)]
    assert len(printed) == len(problems)
    for line, p in zip(printed, problems, strict=True):
        name, shape, flops, rewritten = line.split("|")
        assert (name, shape, int(flops)) == (p.name, p.shape, p.flops)
        assert problem.parse_line(rewritten, p.file) == p


@pytest.mark.parametrize(("line", "word"), MISTAKES)
def test_both_parsers_refuse_the_same(c_parser: Path, line: str, word: str) -> None:
    printed = subprocess.run([c_parser], input=line + "\n", capture_output=True, text=True, check=True).stdout
    assert printed.startswith("error: ")
    assert word in printed


# ---- the comparison ----

TINY = """
conv2d name=tiny_filter ic=1 oc=1 ih=12 iw=10 k=3 p=1 bias=1
conv2d name=tiny_layer ic=3 oc=4 i=8 k=3
maxpool2d name=tiny_pool c=2 i=6 k=2
avgpool2d name=tiny_average c=2 i=6 k=3 s=2 p=1 include_pad=0
conv1d name=tiny_line ic=3 oc=4 i=9 k=3 s=2 bias=1
conv_transpose3d name=tiny_up ic=4 oc=2 i=3 k=3 s=2 p=1 op=1 g=2
"""
BRIEF = ("--rounds", "1", "--seconds", "0.001")

# A stand-in for OpenCV, right or broken, so that a comparison can be watched failing.
FAKE_CV2 = """
import os
from scipy.ndimage import correlate
__version__ = "fake"
BORDER_CONSTANT = 0
def setNumThreads(n): pass
def filter2D(src, ddepth, kernel, dst, anchor, delta, border):
    print("chatter on standard output")
    correlate(src, kernel, dst, "constant")
    dst += delta
    {sabotage}
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.txt"
    path.write_text(TINY, encoding="utf-8")
    return path


def fake_cv2(folder: Path, sabotage: str) -> Path:
    (folder / "cv2.py").write_text(FAKE_CV2.format(sabotage=sabotage), encoding="utf-8")
    return folder


def sides_of(path: Path) -> dict[str, dict[str, Any]]:
    """The sides of each problem in a JSON file of compare.py."""
    return {r["problem"]: r["sides"] for r in json.loads(path.read_text(encoding="utf-8"))["results"]}


@pytest.mark.parametrize("extra", [(), ("--dtype", "f64", "--batch", "2"), ("--layout", "nhwc", "--batch", "2")])
def test_compare_with_scipy(tiny: Path, tmp_path: Path, extra: tuple[str, ...]) -> None:
    output = tmp_path / "run.json"
    done = run("compare.py", tiny, "--peers", "pyconv-out,pyconv-cl,scipy", *BRIEF, *extra, "--json", output)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "geometric mean" in done.stdout
    report = json.loads(output.read_text(encoding="utf-8"))
    assert set(report["versions"]) == {"pyconv", "pyconv-out", "pyconv-cl", "scipy"}
    assert "pyconv in its faster layout" in done.stdout
    assert report["machine"]["cpu"]
    sides = sides_of(output)
    assert list(sides) == ["tiny_filter", "tiny_layer", "tiny_pool", "tiny_average", "tiny_line", "tiny_up"]
    for problem_sides in sides.values():
        assert problem_sides["pyconv"]["us_best"] > 0
        assert problem_sides["pyconv-out"]["us_best"] > 0
        assert problem_sides["pyconv-cl"]["difference"] == 0
        assert problem_sides["pyconv-out"]["difference"] == 0
    assert sides["tiny_filter"]["scipy"]["difference"] < 1e-6
    assert "unsupported" in sides["tiny_layer"]["scipy"]
    by_name = {r["problem"]: r for r in report["results"]}
    filtered = by_name["tiny_filter"]
    assert filtered["best_peer"] == "scipy"
    assert filtered["ratio"] == pytest.approx(
        filtered["sides"]["scipy"]["us_best"] / filtered["sides"]["pyconv"]["us_best"]
    )
    ours = min(filtered["sides"][side]["us_best"] for side in ("pyconv", "pyconv-cl"))
    assert filtered["ratio_either_layout"] == pytest.approx(filtered["sides"]["scipy"]["us_best"] / ours)
    assert by_name["tiny_layer"]["ratio"] is None
    assert by_name["tiny_layer"]["ratio_either_layout"] is None


def test_compare_times_half_floats_beside_floats(tiny: Path, tmp_path: Path) -> None:
    pytest.importorskip("ml_dtypes")
    output = tmp_path / "run.json"
    done = run("compare.py", tiny, "--peers", "pyconv-f16,pyconv-bf16", *BRIEF, "--json", output)
    assert done.returncode == 0, done.stdout + done.stderr
    for side, least in (("pyconv-f16", 1e-6), ("pyconv-bf16", 1e-4)):
        assert f"# {side} takes " in done.stdout
        for name, sides in sides_of(output).items():
            assert sides[side]["us_best"] > 0, name
            assert sides[side]["difference"] > least or "pool" in name, name  # rounded, so not float32's
    assert {r["best_peer"] for r in json.loads(output.read_text(encoding="utf-8"))["results"]} == {None}


# Layers in which a library could mistake an axis, a group or an end for another; torch checks them.
EVERY_KIND = """
conv1d name=line ic=4 oc=6 i=9 k=3 s=2 p=1 g=2 bias=1
conv3d name=volume ic=2 oc=3 id=4 ih=5 iw=6 kd=1 kh=2 kw=3 pw=1
conv_transpose1d name=up1 ic=4 oc=6 i=5 k=4 s=3 p=1 op=2 g=2 bias=1
conv_transpose2d name=up2 ic=4 oc=2 ih=5 iw=4 kh=3 kw=2 sh=2 sw=3 ph=1 opw=1 g=2
conv_transpose3d name=up3 ic=2 oc=3 id=3 ih=4 iw=2 kd=1 kh=2 kw=3 sd=1 sh=2 sw=2 bias=1
maxpool3d name=max3 c=2 id=4 ih=6 iw=6 kd=1 kh=2 kw=3 pw=1
avgpool1d name=avg1 c=2 i=7 k=3 s=2 p=1 include_pad=0
avgpool3d name=avg3 c=2 id=3 ih=4 iw=5 kd=3 kh=4 kw=5
"""


def test_compare_agrees_on_every_kind(tmp_path: Path) -> None:
    path, output = tmp_path / "kinds.txt", tmp_path / "run.json"
    path.write_text(EVERY_KIND, encoding="utf-8")
    done = run("compare.py", path, "--peers", "torch,torch-cl,onnxruntime,openvino,ncnn", *BRIEF, "--json", output)
    assert done.returncode == 0, done.stdout + done.stderr
    installed = set(json.loads(output.read_text(encoding="utf-8"))["versions"]) - {"torch-cl"}
    for name, sides in sides_of(output).items():
        if "unsupported" in sides["pyconv"]:  # a pooling that it does not have: nothing to compare with
            assert name.startswith(("max", "avg"))
            continue
        for side in installed:
            assert "us_best" in sides[side], (name, side)


def test_compare_leaves_out_what_is_missing(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "ncnn.py").write_text("raise ImportError('not here')\n", encoding="utf-8")
    done = run("compare.py", tiny, "--peers", "ncnn,scipy", "--name", "filter", *BRIEF, path=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ncnn is left out: not here" in done.stderr
    assert "scipy" in done.stdout


def test_compare_accepts_a_library_that_prints(tiny: Path, tmp_path: Path) -> None:
    output = tmp_path / "run.json"
    done = run("compare.py", tiny, "--peers", "opencv", *BRIEF, "--json", output, path=fake_cv2(tmp_path, "pass"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert sides_of(output)["tiny_filter"]["opencv"]["us_best"] > 0


@pytest.mark.parametrize("sabotage", ["dst[0, 0] += 1", "dst[0, 0] = float('nan')"])
def test_compare_does_not_time_a_wrong_result(tiny: Path, tmp_path: Path, sabotage: str) -> None:
    output = tmp_path / "run.json"
    done = run("compare.py", tiny, "--peers", "opencv", *BRIEF, "--json", output, path=fake_cv2(tmp_path, sabotage))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "opencv wrong: differs by" in done.stdout
    side = sides_of(output)["tiny_filter"]["opencv"]
    assert "wrong" in side
    assert "us_best" not in side


def test_compare_survives_a_library_that_dies(tiny: Path, tmp_path: Path) -> None:
    output = tmp_path / "run.json"
    path = fake_cv2(tmp_path, "os._exit(3)")
    done = run("compare.py", tiny, "--peers", "opencv,scipy", *BRIEF, "--json", output, path=path)
    assert done.returncode == 0, done.stdout + done.stderr
    sides = sides_of(output)
    assert "exit code 3" in sides["tiny_filter"]["opencv"]["failed"]
    assert sides["tiny_filter"]["scipy"]["us_best"] > 0
    assert sides["tiny_pool"]["opencv"]["failed"] == "died earlier"


def test_compare_overhead(tmp_path: Path) -> None:
    output = tmp_path / "run.json"
    done = run("compare.py", "--overhead", "--peers", "scipy", *BRIEF, "--json", output)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(output.read_text(encoding="utf-8"))["results"]
    assert [r["mode"] for r in results] == ["functional", "layer", "functional"]
    assert all(r["sides"]["pyconv"]["us_best"] > 0 for r in results)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.txt",), "nowhere.txt"),
        ((), "no problem left"),
        (("--peers", "caffe"), "unknown peer caffe"),
        (("--rounds", "0"), "--rounds must be at least 1"),
    ],
)
def test_compare_explains_what_it_cannot_do(arguments: tuple[str, ...], message: str) -> None:
    done = run("compare.py", *arguments)
    assert done.returncode == 2
    assert message in done.stderr


# ---- the report ----


def bench_row(name: str, algo: str, us: float, **fields: Any) -> dict[str, Any]:
    """A row as pyconv_bench writes it: 1 MFLOP, so that GFLOP/s are 1000 / us."""
    return {
        "problem": name,
        "shape": "1x8x8 -> 1x8x8 3x3 p1",
        "kind": "conv2d",
        "dtype": "f32",
        "layout": "nchw",
        "batch": 1,
        "threads_asked": 1,
        "algo": algo,
        "tile": "8x1",
        "isa": "avx2",
        "flops": 1_000_000,
        "bytes": 50_000,
        "us_best": us,
        **fields,
    }


def bench_run(path: Path, *rows: dict[str, Any]) -> Path:
    document = {
        "program": "pyconv_bench",
        "format": 1,
        "time": "2026-01-01T00:00:00Z",
        "machine": {"cpu": "A CPU"},
        "compiler": "a compiler",
        "versions": {"pyconv": "0.1.0"},
        "copy_gbps": {"1": 20.0},
        "peaks": [{"isa": "avx2", "dtype": "f32", "threads": 1, "gflops": 100.0}],
        "results": list(rows),
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_report_of_the_c_program(tmp_path: Path) -> None:
    conv = bench_row("layer", "rows", 20.0, fraction=0.5)
    pool = bench_row("pool", "max_pool", 10.0, kind="maxpool2d", flops=0)
    checked = {key: value for key, value in bench_row("untimed", "rows", 1.0).items() if key != "us_best"}
    picture = tmp_path / "roofline.png"
    done = run("report.py", bench_run(tmp_path / "run.json", conv, pool, checked), "--png", picture)
    assert done.returncode == 0, done.stderr
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()]
    assert cells[2][3:] == ["rows avx2", "8x1", "20.00", "50.0", "50 %", ""]
    assert cells[3][3:] == ["max_pool avx2", "8x1", "10.00", "", "", "5.0"]
    assert "untimed" not in done.stdout
    assert "avx2 f32 x1 100.0" in done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_report_of_a_comparison(tiny: Path, tmp_path: Path) -> None:
    output, picture = tmp_path / "run.json", tmp_path / "roofline.png"
    assert run("compare.py", tiny, "--peers", "scipy", *BRIEF, "--json", output).returncode == 0
    done = run("report.py", output, "--png", picture)
    assert done.returncode == 0, done.stderr
    assert "scipy, us" in done.stdout
    assert "geometric mean" in done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
    summed_up = tmp_path / "RESULTS.md"
    assert run("report.py", output, "--markdown", summed_up).returncode == 0
    assert "## tiny\n" in summed_up.read_text(encoding="utf-8")


def test_report_compares_runs_across_a_change_of_algorithm(tmp_path: Path) -> None:
    old = bench_run(tmp_path / "old.json", bench_row("a", "pixel_lanes", 40.0), bench_row("b", "rows", 10.0))
    new = bench_run(tmp_path / "new.json", bench_row("a", "channel_lanes", 10.0), bench_row("b", "rows", 10.0))
    done = run("report.py", "--compare", old, new)
    assert done.returncode == 0, done.stderr
    assert "pixel_lanes avx2 -> channel_lanes avx2" in done.stdout
    assert "avx2: 2.000 over 2 rows" in done.stdout


def test_report_matches_algorithms_by_name_where_there_are_several(tmp_path: Path) -> None:
    old = bench_run(tmp_path / "old.json", bench_row("a", "rows", 40.0), bench_row("a", "reference", 900.0))
    new = bench_run(tmp_path / "new.json", bench_row("a", "reference", 300.0), bench_row("a", "rows", 30.0))
    done = run("report.py", "--compare", old, new)
    assert done.returncode == 0, done.stderr
    assert "avx2: 2.000 over 2 rows" in done.stdout
    assert "avx2 ->" not in done.stdout


def compared(name: str, file: str, ours: float, theirs: float, **fields: Any) -> dict[str, Any]:
    """A result as compare.py writes it: 1 MFLOP, two sides with these times."""
    sides = {"pyconv": {"us_best": ours, "gflops": 1000 / ours}, "ncnn": {"us_best": theirs, "gflops": 1000 / theirs}}
    row = {"problem": name, "file": file, "shape": "1x8x8 -> 1x8x8 3x3 p1", "kind": "conv2d", "dtype": "f32"}
    row |= {"layout": "nchw", "batch": 1, "threads": 1, "flops": 1_000_000, "bytes": 50_000, "sides": sides}
    ratio = theirs / ours
    return {**row, "best_peer": "ncnn", "ratio": ratio, "ratio_either_layout": ratio, **fields}


def compared_run(path: Path, *results: dict[str, Any], threads: int = 1) -> Path:
    document = {
        "program": "compare.py",
        "format": 1,
        "time": "2026-01-01T00:00:00Z",
        "machine": {"cpu": "A CPU"},
        "versions": {"pyconv": "0.1.0", "ncnn": "1.0"},
        "copy_gbps": {str(threads): 20.0},
        "peaks": [{"isa": "avx2", "dtype": "f32", "threads": threads, "gflops": 100.0 * threads}],
        "results": list(results),
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def table_cells(text: str) -> dict[str, list[str]]:
    """The rows of all tables of a Markdown document by their first cell; the last of that name."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    return {first: others for first, *others in rows}


def test_report_sums_up_runs_as_markdown(tmp_path: Path) -> None:
    pool = compared("pool", "b", 4.0, 2.0, kind="maxpool2d", flops=0)
    for state in pool["sides"].values():
        del state["gflops"]
    broken = compared("broken", "b", 4.0, 2.0, best_peer=None, ratio=None, ratio_either_layout=None)
    broken["sides"]["ncnn"] = {"wrong": "differs by 1.0e+00"}
    slow = compared("slow_1", "a", 10.0, 9.0, ratio_either_layout=1.6)
    one = [compared("fast", "a", 10.0, 40.0), slow, pool, broken]
    two = [compared(name, "a", 10.0, us, threads=2, batch=16) for name, us in (("fast", 10.0), ("slow_1", 2.5))]
    runs = [compared_run(tmp_path / "1.json", *one), compared_run(tmp_path / "2.json", *two, threads=2)]
    causes, output = tmp_path / "losses.txt", tmp_path / "RESULTS.md"
    causes.write_text("# why\n\nslow_*: the loop: too short\nslow_1: hidden\n", encoding="utf-8")
    picture = tmp_path / "roofline.png"
    done = run("report.py", *runs, "--markdown", output, "--losses", causes, "--png", picture)
    assert done.returncode == 0, done.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
    text = output.read_text(encoding="utf-8")
    assert "](roofline.png)\n" in text
    assert "- A CPU; pyconv 0.1.0, ncnn 1.0; 2026-01-01. Peak GFLOP/s: avx2 f32 x1 100.0, avx2 f32 x2 200.0.\n" in text
    assert text.index("## a\n") < text.index("## b\n") < text.index("## Losses\n") < text.index("## Not timed\n")
    rows = table_cells(text)
    assert rows["file"] == ["layers", "1 thread, batch 1", "either layout", "2 threads, batch 16", "either layout"]
    assert rows["a"] == ["2", "1.90, 1 of 2", "2.53, 2 of 2", "0.50, 1 of 2", "0.50, 1 of 2"]
    assert rows["all"] == ["4", "1.22, 1 of 3", "1.47, 2 of 3", "0.50, 1 of 2", "0.50, 1 of 2"]
    assert rows["fast"][1:] == ["100.0", "ncnn 25.0", "4.00", "100.0", "ncnn 100.0", "1.00"]
    assert rows["pool"][1:] == ["4.0 us", "ncnn 2.0 us", "0.50", "", "", ""]
    assert rows["broken"][1:4] == ["250.0", "-", "-"]
    assert rows["geometric mean"][1:] == ["", "", "0.50", "", "", "-"]
    assert "- `slow_1` (0.900 to ncnn, 1 thread, batch 1; 0.250 to ncnn, 2 threads, batch 16): the loop: too" in text
    assert "- `pool` (0.500 to ncnn, 1 thread, batch 1): no cause known yet\n" in text
    assert "- `broken`, 1 thread, batch 1: ncnn wrong: differs by 1.0e+00\n" in text
    assert "`fast`" not in text


def test_report_takes_the_later_of_two_runs_of_a_problem(tmp_path: Path) -> None:
    runs = [compared_run(tmp_path / f"{us}.json", compared("again", "a", us, 8.0)) for us in (16.0, 4.0)]
    output = tmp_path / "RESULTS.md"
    assert run("report.py", *runs, "--markdown", output).returncode == 0
    text = output.read_text(encoding="utf-8")
    assert table_cells(text)["again"][1:] == ["250.0", "ncnn 125.0", "2.00"]
    assert "## Losses\n\nNone.\n" in text


def test_causes_of_losses_name_problems() -> None:
    names = [p.name for path in FILES for p in problem.load(path)]
    for line in (BENCH / "losses.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            assert fnmatch.filter(names, line.partition(":")[0].strip()), line


def test_report_refuses_what_it_cannot_read(tmp_path: Path) -> None:
    foreign, newer = tmp_path / "foreign.json", bench_run(tmp_path / "newer.json")
    foreign.write_text("{}", encoding="utf-8")
    newer.write_text(newer.read_text(encoding="utf-8").replace('"format": 1', '"format": 2'), encoding="utf-8")
    empty = bench_run(tmp_path / "empty.json")
    other = bench_run(tmp_path / "other.json", bench_row("b", "rows", 10.0))
    tables, causes = compared_run(tmp_path / "tables.json", compared("a", "f", 1.0, 2.0)), tmp_path / "losses.txt"
    causes.write_text("no colon\n", encoding="utf-8")
    for arguments, message in [
        ((tmp_path / "nowhere.json",), "nowhere.json"),
        ((foreign,), "neither"),
        ((newer,), "format 2"),
        ((empty, "--png", tmp_path / "x.png"), "no convolution"),
        (("--compare", empty, other), "in common"),
        ((other, "--markdown", tmp_path / "x.md"), "compare.py alone"),
        ((tables, "--markdown", tmp_path / "x.md", "--losses", causes), "losses.txt:1: "),
        ((tables, tables), "--markdown"),
        (("--compare", tables, tables, "--markdown", tmp_path / "x.md"), "does not go with --compare"),
    ]:
        done = run("report.py", *arguments)
        assert done.returncode == 2, done.stdout
        assert message in done.stderr


# ---- the search for cliffs ----

# A stand-in for pyconv_bench: every operation costs the same, but for layers with an odd number of input channels.
FAKE_BENCH = """#!{python}
import json, sys
sys.path.insert(0, {bench!r})
from problem import parse_line
problems = [parse_line(line, "-") for line in sys.stdin if line.strip()]
us = [1e-3 * p.flops * ({factor} if p.ic % 2 else 1) for p in problems]
print(json.dumps({{"results": [{{"us_best": t}} for t in us]}}))
"""


@pytest.mark.parametrize("factor", [1, 3])
def test_sweep_finds_what_costs_more_an_operation(tmp_path: Path, factor: int) -> None:
    program = tmp_path / "pyconv_bench"
    text = FAKE_BENCH.format(python=sys.executable, bench=str(BENCH), factor=factor)
    program.write_text(text, encoding="utf-8")
    program.chmod(0o755)
    arguments = ("--pyconv-bench", program, "--layers", "2", "--seed", "5", "--families", "3x3")
    done = run("sweep.py", *arguments)
    assert done.returncode == 0, done.stderr
    *found, summary = done.stdout.splitlines()
    assert summary.startswith("# seed 5: ")
    # Of each layer's eight neighbours two have another parity of input channels.
    assert len(found) == (4 if factor == 3 else 0)
    assert summary.startswith(f"# seed 5: {len(found)} of 16 pairs")
    assert all(line.startswith("3.00  3x3: ") for line in found)


def test_sweep_names_an_unknown_family() -> None:
    done = run("sweep.py", "--pyconv-bench", "unused", "--families", "4x4")
    assert done.returncode == 2
    assert "no such family: 4x4" in done.stderr
