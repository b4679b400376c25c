# SPDX-License-Identifier: Apache-2.0
"""Runs every benchmark, beside PyTorch and scvi-tools where they are installed, and writes one page.

    python3 benchmarks/run_all.py [--build build/release] [--counts COUNTS.h5ad] [--peer PYTHON] [--threads 1,2]
        [--repetitions 15] [--quick] [--compilers g++-12,clang++-14] [--out benchmarks.md]

Needs Python's standard library alone; run.sh builds first and calls it. PYTHON is an interpreter with torch, and for the whole
run scvi-tools; without it there are no ratios. COUNTS is trained on from start to end; without it that part is left out.
With COMPILERS the likelihoods are built by each of them, and compared.
The lines of JSON that the programs print go to the file --out with the ending .jsonl.
"""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent


class Page:
    def __init__(self, path):
        self.path = path
        self.text = []
        self.records = []

    def write(self, line=""):
        self.text.append(line)
        self.path.write_text("\n".join(self.text) + "\n", encoding="utf-8")

    def table(self, columns, rows):
        self.write("| " + " | ".join(columns) + " |")
        self.write("|" + "---|" * len(columns))
        for row in rows:
            self.write("| " + " | ".join(str(value) for value in row) + " |")
        self.write()

    def record(self, command, lines):
        self.records += [json.dumps({"command": command, **line}) for line in lines]
        self.path.with_suffix(".jsonl").write_text("\n".join(self.records) + "\n", encoding="utf-8")


def run(command, threads, page):
    """What a command printed as JSON, one object or one a line, with its seconds and the megabytes it took at most; [] where it
    failed. The page has no paths of this machine."""
    words = [str(word) for word in command]
    shown = " ".join(os.path.relpath(word, HERE.parent) if word.startswith(str(HERE)) else pathlib.Path(word).name if os.path.isabs(word)
                     else word for word in words)
    print(shown, file=sys.stderr, flush=True)
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_PROC_BIND": "false"}
    start = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(words, stdout=output, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        printed = output.read().decode("utf-8", "replace")
    seconds = time.perf_counter() - start
    if process.returncode != 0:
        page.write(f"`{shown}` ended with {process.returncode}.\n")
        return []
    if printed.startswith("{\n"):
        lines = [json.loads(printed)]
    else:
        lines = [json.loads(line) for line in printed.splitlines() if line.startswith("{")] or [{}]
    for line in lines:
        line["run_seconds"] = round(seconds, 2)
        line["peak_mb"] = round(usage.ru_maxrss / 1024)
    page.record(shown, lines)
    return lines


def kernels(options, page):
    page.write("## Kernels\n")
    page.write("128 cells x 16,791 genes, hidden 128. Quartiles in brackets. The limit is what a product in the cache, or a stream through "
               "the memory, reached in the same moments; where a kernel has neither, the last column says how many floating-point "
               "operations the product would do in the time of one element.\n")
    rows = []
    for precision in ([], ["--double"]):
        for threads in options.threads:
            command = [options.programs / "benchmark_kernels", "--json", "--threads", threads, "--repetitions", options.repetitions,
                       "--warm-up", options.warm_up]
            for m in run(command + precision, threads, page):
                if "kernel" not in m:
                    continue
                limit = (f"{100 * m['share']:.0f}% of {m['limit']:.0f} {m['limit_unit']}" if "share" in m
                         else f"{m['flop_at_peak']:.0f} operations each")
                rows.append((m["group"], m["kernel"], m["type"], m["threads"], f"{m['ms']:.3g} ({m['ms_low']:.3g} to {m['ms_high']:.3g})",
                             f"{m['rate']:.3g} {m['unit']}", limit))
    page.table(("group", "kernel", "type", "threads", "median ms", "rate", "limit"), rows)


def compilers(options, page):
    """The likelihoods as each compiler makes them: nothing but the programs differs, and they run in turns, so that all see the same
    neighbours."""
    if not options.compilers:
        return
    page.write("### Likelihoods by compiler\n")
    builds = {}
    for compiler in options.compilers:
        build = HERE.parent / "build" / ("compiler_" + pathlib.Path(compiler).name)
        log = build.with_suffix(".log")
        build.parent.mkdir(exist_ok=True)
        with open(log, "w", encoding="utf-8") as output:
            steps = (["cmake", "--preset", "release", "-B", build, f"-DCMAKE_CXX_COMPILER={compiler}", "-DCELLVAE_BUILD_BENCHMARKS=ON",
                      "-DCELLVAE_BUILD_TESTS=OFF", "-DCELLVAE_BUILD_EXAMPLES=OFF"],
                     ["cmake", "--build", build, "--target", "benchmark_kernels"])
            if any(subprocess.call(step, cwd=HERE.parent, stdout=output, stderr=output) != 0 for step in steps):
                page.write(f"{compiler} does not build the kernels: {log.name}.\n")
                continue
        builds[compiler] = build
    rates = {}
    for precision in ([], ["--double"]):
        for _ in range(1 if options.quick else 5):
            for compiler, build in builds.items():
                for m in run([build / "benchmarks" / "benchmark_kernels", "--json", "--likelihoods", "--threads", 1, "--repetitions",
                              options.repetitions, *precision], 1, page):
                    if "kernel" in m:
                        rates.setdefault((m["kernel"], m["type"]), {}).setdefault(compiler, []).append(m["rate"])
    names = list(builds)
    rates = {which: {name: max(each) for name, each in found.items()} for which, found in rates.items()}  # neighbours only slow
    page.write("One thread, billions of elements a second with their gradient, the best of turns, each a median; the last column is the "
               "slowest's share of the fastest.\n")
    page.table(("likelihood", "type", *names, "least / most"),
               [(*which, *(f"{found.get(name, 0):.3f}" for name in names), f"{min(found.values()) / max(found.values()):.2f}")
                for which, found in rates.items()])


def functions(options, page):
    page.write("## Elementary functions\n")
    page.write("One thread, in the second-level cache, beside the C++ library's in the same loop; millions a second.\n")
    output = subprocess.run([str(options.programs / "benchmark_math"), "--json"], capture_output=True, text=True, check=False)
    timings = json.loads(output.stdout or "[]")
    page.record("benchmark_math --json", timings)
    rows = [(t["function"], t["type"], f"{t['elements_per_second'] / 1e6:.0f}", f"{t['library_elements_per_second'] / 1e6:.0f}",
             f"{t['ratio']:.1f}") for t in timings]
    page.table(("function", "type", "cellvae", "library", "ratio"), rows)


MIXTURE = ["--cells", "100", "--hidden", "100"]
BFLOAT16 = ["--products", "bfloat16"]


def steps(options, page):
    page.write("## A training step\n")
    page.write("Zero-inflated negative binomial with three decoded parameters (two where the dispersion is shared), 16,791 genes, latent 10. "
               "The limit is the sum of what the step cannot do without, each as fast as this machine does it by itself, measured after each step: "
               "products at the rate of the best product in the cache, the likelihood on data in the cache, Adam's pass at the rate of a stream. "
               "Products of bfloat16 are compared with products of bfloat16.\n")
    families = [("gaussian", []), ("gaussian, double", ["--double"]), ("gaussian, shared dispersion", ["--shared"]),
                ("gaussian, 2,000 genes", ["--genes", "2000"]), ("gaussian, bfloat16", BFLOAT16),
                ("mixture of 10, exact", ["--prior", "mixture"] + MIXTURE),
                ("mixture of 10, exact, bfloat16", ["--prior", "mixture"] + MIXTURE + BFLOAT16),
                ("mixture of 10, Gumbel-softmax", ["--prior", "mixture", "--sum", "gumbel_softmax"] + MIXTURE),
                ("mixture of 10, straight-through", ["--prior", "mixture", "--sum", "straight_through"] + MIXTURE),
                ("marginal mixture of 10", ["--prior", "marginal_mixture"]), ("VampPrior of 100", ["--prior", "vamp"])]
    rows = []
    for name, words in families:
        for threads in options.threads:
            count = options.few if "exact" in name else options.repetitions
            for m in run([options.programs / "benchmark_training_step", "--json", *words, "--threads", threads, "--steps", count,
                          "--warm-up", options.warm_up], threads, page):
                if "ms" in m:
                    rows.append((name, m["threads"], f"{m['ms']:.1f} ({m['ms_low']:.1f} to {m['ms_high']:.1f})", m["cells_per_second"],
                                 f"{m['products_ms']:.1f} + {m['likelihood_ms']:.1f} + {m['optimiser_ms']:.1f}", f"{m['limit_ms']:.1f}",
                                 f"{m['times_the_limit']:.2f}", f"{m['products_gflops']:.0f}",
                                 f"{m['onednn_gflops']:.0f}" if m["onednn_gflops"] else "", f"{m['multiply_add_gflops']:.0f}", m["peak_mb"]))
    page.table(("model", "threads", "median ms (quartiles)", "cells/s", "products + likelihood + Adam", "limit ms", "times the limit",
                "best products, GFLOP/s", "oneDNN's", "multiply-adds alone", "peak MB"),
               rows)


def against_torch(options, page):
    if not options.peer:
        return
    eager = ["--no-compile"] if options.quick else []
    warm_up = ["--warm-up", 1] if options.quick else []
    page.write("### Beside PyTorch\n")
    page.write("In turns, ours before and after. Ratios of medians. PyTorch's products are of float32 throughout.\n")
    rows = []
    torch_step = HERE / "training_step" / "torch_step.py"
    step = options.programs / "benchmark_training_step"
    mixture = ["--clusters", "10", "--no-compile"] + MIXTURE
    for name, ours, theirs in (("gaussian", [], eager), ("gaussian, bfloat16", BFLOAT16, ["--no-compile"]),
                               ("mixture of 10, exact", ["--prior", "mixture"] + MIXTURE, mixture),
                               ("mixture of 10, exact, bfloat16", ["--prior", "mixture"] + MIXTURE + BFLOAT16, mixture)):
        exact = "exact" in name
        if options.quick and BFLOAT16[0] in ours:
            continue
        for threads in options.threads[-1:] if options.quick else options.threads:
            count = ["--steps", 3 if exact else options.repetitions]
            first = run([step, "--json", *ours, "--threads", threads, *count], threads, page)
            peers = run([options.peer, torch_step, *theirs, "--threads", threads, *count, *warm_up], threads, page)
            second = run([step, "--json", *ours, "--threads", threads, *count], threads, page)
            if not (first and second):
                continue
            ms = (first[0]["ms"] + second[0]["ms"]) / 2
            for peer in peers:
                if "ms" in peer:
                    rows.append((name, threads, f"{first[0]['ms']:.1f}, {second[0]['ms']:.1f}",
                                 f"{peer['ms']:.1f} ({peer['mode']} {peer['torch']})", f"{peer['ms'] / ms:.1f}"))
    page.table(("model", "threads", "ours, ms", "PyTorch, ms", "times as fast"), rows)


def whole_runs(options, page):
    if not options.counts:
        return
    page.write("## Whole runs\n")
    page.write(f"`cellvae train` on {options.counts.name} with all genes; the architecture of scvi-tools' defaults (share scale, batch "
               "normalisation, one dispersion a gene). Cells/s are of the training steps; seconds and memory of the whole process, of ours from "
               "reading the file to the last output, of scvi-tools without any.\n")
    threads = options.threads[-1]
    settings = ["--prior", "gaussian", "--genes", "0", "--scale", "library_share", "--normalisation", "batch", "--minibatch", "128",
                "--patience", "0"]
    if options.quick:
        settings += ["--samples", "1", "--no-report"]
    ours = []
    for products in ("float32", "bfloat16"):
        with tempfile.TemporaryDirectory() as folder:
            ours += [{**m, "program": f"cellvae, {products}"} for m in
                     run([options.build / "cellvae", "train", options.counts, "--out", os.path.join(folder, "run"), "--epochs", options.epochs,
                          "--json", "--quiet", "--threads", threads, "--products", products, *settings], threads, page)]
    peers = []
    if options.peer:
        epochs = 1 if options.quick else 2
        peers = run([options.peer, HERE / "whole_run" / "scvi_train.py", options.counts, "--epochs", epochs, "--threads", threads], threads, page)
    found = [m for m in ours + peers if "cells_per_second" in m]
    theirs = next((m["cells_per_second"] for m in peers if "cells_per_second" in m), None)
    times = lambda m: f"{m['cells_per_second'] / theirs:.1f}" if theirs else ""
    page.table(("program", "epochs", "training cells/s", "times as fast", "seconds of the whole run", "peak MB of the whole run"),
               [(m["program"], m["epochs"], f"{m['cells_per_second']:.0f}", times(m), m["run_seconds"], m["peak_mb"]) for m in found])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parent / "build" / "release")
    parser.add_argument("--counts", type=pathlib.Path)
    parser.add_argument("--peer", help="a Python with torch and scvi-tools")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--repetitions", type=int, default=15)
    parser.add_argument("--epochs", type=int, default=20, help="of our whole run")
    parser.add_argument("--compilers", type=lambda text: text.split(","), default=[], help="whose likelihoods are compared")
    parser.add_argument("--quick", action="store_true", help="few repetitions, to see that all programs run")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("benchmarks.md"))
    options = parser.parse_args()
    options.threads = [int(number) for number in options.threads.split(",")]
    options.build = options.build.resolve()
    options.programs = options.build / "benchmarks"
    options.warm_up, options.few = 3, max(5, options.repetitions // 3)
    if options.quick:
        options.repetitions, options.epochs, options.warm_up, options.few = 3, 1, 1, 3
    for name in ("benchmark_kernels", "benchmark_math", "benchmark_training_step"):
        if not (options.programs / name).exists():
            parser.error(f"{options.programs / name} is not there: build it first, see README.md")
    model = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.processor()) if os.path.exists("/proc/cpuinfo") else platform.processor()
    page = Page(options.out)
    page.write("# Benchmarks of cellvae\n")
    about = run([options.programs / "benchmark_training_step", "--about"], 1, page)
    about = about[0] if about and "backends" in about[0] else parser.error("benchmark_training_step does not say what it is")
    page.write(f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores of {model}; load {os.getloadavg()[0]:.1f} at the start. {about['compiler']}; "
               f"Kokkos with {about['backends'].replace(' ', ', ')}: steps ran on {about['steps_on']}, kernels on {about['kernels_on']}."
               + (" Quick: few repetitions, which show that all runs, and no figure to quote." if options.quick else "") + "\n")
    for part in (kernels, compilers, functions, steps, against_torch, whole_runs):
        part(options, page)
    page.write(f"Load {os.getloadavg()[0]:.1f} at the end.")


if __name__ == "__main__":
    main()
