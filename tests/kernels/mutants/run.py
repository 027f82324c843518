#!/usr/bin/env python3
"""Breaks kernels one by one and shows that the tests of tests/kernels notice.

usage: run.py [--only WORD] [--faulty] [--skip N] [--list] [--jobs N] [--work FOLDER] [--build FOLDER]

Every mutant of table.py is one change of one file of kernels/.  The tests that include the file are compiled with it and
run on the emulator until one fails; if none does, once more under the address and undefined-behaviour sanitizers.  Tests
that need the library ("library:PROGRAM:FILTER") are those of --build, run with the emulator's plugin made of the mutant.
Exit status 1: a mutant that should be killed lives or does not compile, one that is said to be equivalent is killed, or
the text that a mutant replaces is not in the file, once.  A change of a kernel changes the table with it.
"""
import argparse
import os
import queue
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from table import MUTANTS

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
COMPILER = os.environ.get("CXX", "g++")
FLAGS = shlex.split(
    "-std=c++20 -O1 -DVELBO_SIMT_EMULATOR -ffp-contract=off -fno-math-errno -Wno-unknown-pragmas"
) + [f"-I{ROOT}/{folder}" for folder in ("tests", "src", "include")]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]
LIBRARIES = ["-lgtest_main", "-lgtest", "-lboost_context", "-lpthread"]
SUPPORT = ["tests/emulator/" + name for name in ("block.cpp", "fiber.cpp", "machine.cpp", "runtime.cpp")]
SUPPORT += ["tests/kernels/mutants/plain_normals.cpp", "src/math/sobol.cpp"]
PLUGIN = ["tests/emulator/" + name for name in ("plugin.cpp", "mixtures_plugin.cpp", "sequences_plugin.cpp", "topics_plugin.cpp")]
# The tests that include a file, the quickest first.  One with a colon is compiled with tiles of so many rows only.
FUSED = ["fused_rows_float:8", "fused_rows_float", "fused_rows_double"]
SPARSE = ["sparse", "library:ops_test:*WideSparse*", "library:fit_device_test:*WideSparse*"]
MIXTURES = ["mixture_sums", "mixture_densities"]
STEPS = ["library:device_steps_test:*", "step"]
ALL_TILES = "std::integer_sequence<int, 8, 16, 32, 64>"
TESTS = {
    "normals.cuh": ["normals"],
    "reduce.cuh": ["reduce"],
    "row_panel.cuh": ["outer_products", "project_rows"] + FUSED,
    "row_terms.cuh": ["project_rows"] + FUSED,
    "fused_passes.cuh": FUSED,
    "fused_rows.cuh": FUSED,
    "project_rows.cuh": ["project_rows"],
    "outer_products.cuh": ["outer_products"],
    "row_passes.cuh": ["outer_products", "project_rows"] + FUSED,
    "sparse_rows.cuh": SPARSE,
    "sparse_ops.cuh": SPARSE,
    "step_begin.cuh": STEPS,
    "step_place.cuh": STEPS,
    "step_gradients.cuh": STEPS,
    "step_update.cuh": STEPS,
    "step_program.cuh": STEPS,
    "sobol.cuh": ["families"],
    "gaussian_family.cuh": ["families"],
    "mixture_densities.cuh": ["mixture_densities"],
    "feature_sums.cuh": ["mixture_sums"],
    "mixture_passes.cuh": MIXTURES,
    "topic_documents.cuh": ["topics"],
    "topic_statistics.cuh": ["topics"],
    "topic_words.cuh": ["topics"],
    "device_topics.cuh": ["library:topics_device_test:*", "library:topics_step_test:*"],
    "sequence_chain.cuh": ["sequence"],
    "sequence_rows.cuh": ["sequence"],
    "sequence_passes.cuh": ["sequence"],
}
# A mutant may wait for ever.  Of each that runs at once:
SECONDS = 300
BROKEN = "DOES NOT COMPILE"


class Tests:
    """Compiles and runs tests against a copy of kernels/."""

    def __init__(self, work, sanitized, build, seconds):
        self.build = build
        self.seconds = seconds
        self.extra = SANITIZERS if sanitized else []
        self.work = os.path.join(work, "sanitized" if sanitized else "plain")
        os.makedirs(self.work)
        self.support = None
        self.plugins = set()  # folders of kernels whose plugin is there
        # Compiled once, for a third of every test's time goes into reading them.
        self.headers = os.path.join(self.work, "headers.h")
        with open(self.headers, "w", encoding="utf-8") as file:
            file.write("#include <gtest/gtest.h>\n")

    def compile(self, source, to, kernels):
        command = [COMPILER, *FLAGS, "-fPIC", *self.extra, f"-I{kernels}", "-include", self.headers, "-c", os.path.join(ROOT, source),
                   "-o", to]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)

    def fails(self, test, kernels):
        """Why the test fails; nothing if it passes."""
        name, _, tile = test.partition(":")
        if tile and name != "library":
            kernels = with_tiles(kernels, tile)
        if self.support is None:
            self.support = []
            subprocess.run([COMPILER, *FLAGS, "-fPIC", *self.extra, "-x", "c++-header", self.headers, "-o", self.headers + ".gch"],
                           check=True)
            for source in SUPPORT:
                to = os.path.join(self.work, os.path.basename(source) + ".o")
                compiled = self.compile(source, to, kernels)
                if compiled.returncode != 0:
                    sys.exit(compiled.stdout)
                self.support.append(to)
        if name == "library":
            return self.library_fails(*tile.split(":"), kernels)
        built, program = os.path.join(self.work, name + ".o"), os.path.join(self.work, name)
        compiled = self.compile(f"tests/kernels/{name}_test.cpp", built, kernels)
        if compiled.returncode != 0:
            return BROKEN
        subprocess.run([COMPILER, *self.extra, built, *self.support, *LIBRARIES, "-o", program], check=True)
        return why_failed([program], self.seconds)

    def library_fails(self, program, only, kernels):
        if self.extra:
            return ""  # the library has not been built with sanitizers
        built, plugin = [os.path.join(self.work, os.path.basename(source) + ".o") for source in PLUGIN], os.path.join(self.work, "plugin.so")
        if kernels not in self.plugins:  # of the mutant before
            for source, to in zip(PLUGIN, built):
                if self.compile(source, to, kernels).returncode != 0:
                    return BROKEN
            subprocess.run([COMPILER, "-shared", *built, *self.support, "-lboost_context", "-lpthread", "-o", plugin], check=True)
            self.plugins.add(kernels)
        environment = dict(os.environ, VELBO_TEST_DEVICE="cuda", VELBO_CUDA_PLUGIN=plugin)
        return why_failed([os.path.join(self.build, "tests", program), f"--gtest_filter={only}"], self.seconds, environment)


def why_failed(command, seconds, environment=None):
    try:
        ran = subprocess.run([*command, "--gtest_fail_fast", "--gtest_brief=1"], stdout=subprocess.PIPE, env=environment,
                             stderr=subprocess.STDOUT, text=True, errors="replace", timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return "does not end"
    if ran.returncode == 0:
        return ""
    return reason_in(ran.stdout) or f"exit status {ran.returncode}"


def with_tiles(kernels, tile):
    few = kernels + "_few"
    shutil.rmtree(few, ignore_errors=True)
    shutil.copytree(kernels, few)
    path = os.path.join(few, "row_passes.cuh")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert text.count(ALL_TILES) == 1, "the list of tiles is another one"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(ALL_TILES, f"std::integer_sequence<int, {tile}>"))
    return few


def reason_in(output):
    for sign, reason in (("AddressSanitizer", "sanitizer: memory"), ("runtime error", "sanitizer: undefined"),
                         ("same_bits", "other bits under a schedule"), ("number ", "wrong numbers"),
                         ("barrier", "barrier"), ("copy_async", "copy"), ("shared memory", "shared memory"),
                         ("rows.source().copying", "way of copying")):
        if sign in output:
            return reason
    return ""


def verdict(mutant, plain, sanitized, work):
    """(killed by, test) or ("", "")"""
    kernels = os.path.join(work, "kernels")
    shutil.rmtree(kernels, ignore_errors=True)
    plain.plugins.clear()
    shutil.copytree(os.path.join(ROOT, "kernels"), kernels)
    if mutant is None:
        names = sorted({name for some in TESTS.values() for name in some if ":" not in name or name.startswith("library")})
    else:
        path = os.path.join(kernels, mutant.file)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if text.count(mutant.original) != 1:
            return "TEXT NOT FOUND" if mutant.original not in text else "TEXT NOT UNIQUE", ""
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(mutant.original, mutant.replacement))
        names = TESTS[mutant.file]
    for tests in (plain, sanitized):
        # Of one that is expected to live, all tests would take minutes to say so.
        for name in names[:1] if tests is sanitized and mutant is not None and mutant.equivalent else names:
            why = tests.fails(name, kernels)
            if why:
                return why, name
    return "", ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORD", help="only mutants with it in their file or description")
    parser.add_argument("--faulty", action="store_true", help="without the equivalent ones, which take longest")
    parser.add_argument("--skip", type=int, default=0, metavar="N", help="without the first N of those")
    parser.add_argument("--list", action="store_true", help="say what there is, run nothing")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="mutants at once (default: processors)")
    parser.add_argument("--work", metavar="FOLDER", help="build there (default: a temporary folder)")
    parser.add_argument("--build", metavar="FOLDER", default=os.path.join(ROOT, "build"),
                        help="of the programs of tests that need the library (default: build/)")
    options = parser.parse_args()
    chosen = [m for m in MUTANTS if options.only in m.file + " " + m.what and not (options.faulty and m.equivalent)]
    chosen = chosen[options.skip:]
    if options.list:
        for mutant in chosen:
            print(f"{mutant.file:20} {mutant.what}" + (f"  [equivalent: {mutant.equivalent}]" if mutant.equivalent else ""))
        return 0
    if not chosen:
        sys.exit(f'no mutant matches "{options.only}"')

    work = tempfile.mkdtemp(prefix="velbo_mutants_", dir=options.work)
    bad = []
    benches, jobs = queue.Queue(), max(1, min(options.jobs, len(chosen)))
    for job in range(jobs):
        folder = os.path.join(work, str(job))
        os.makedirs(folder)
        benches.put((*(Tests(folder, sanitized, options.build, SECONDS * jobs) for sanitized in (False, True)), folder))

    def timed(mutant):
        bench, start = benches.get(), time.monotonic()
        try:
            return *verdict(mutant, *bench), time.monotonic() - start
        finally:
            benches.put(bench)

    pool = ThreadPoolExecutor(jobs)
    try:
        if not options.only and not options.skip:
            why, name, _ = timed(None)
            if why:
                sys.exit(f"{name} fails without any mutant: {why}")
        for mutant, (why, name, seconds) in zip(chosen, pool.map(timed, chosen)):
            wrong = why.startswith("TEXT") or why == BROKEN or bool(why) == bool(mutant.equivalent)
            shown = f"killed: {why} ({name})" if name else why or "lives"
            if mutant.equivalent:
                shown += f" [equivalent: {mutant.equivalent}]"
            print(f"{'WRONG' if wrong else 'ok':5} {mutant.file:20} {mutant.what:60} {shown}  {seconds:.0f} s",
                  flush=True)
            if wrong:
                bad.append(mutant)
    finally:
        pool.shutdown(cancel_futures=True)
        shutil.rmtree(work)
    equivalent = sum(1 for m in chosen if m.equivalent)
    print(f"{len(chosen)} mutants: {len(chosen) - equivalent} to be killed, {equivalent} equivalent; {len(bad)} not as expected")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
