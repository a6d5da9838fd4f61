"""results.md: tables, the goals with the measured values, and the machine."""

import datetime
import os
import pathlib
import platform
import re
import statistics
import subprocess

from . import peers
from .cases import CASES
from .peers import ROOT

FACTORS = {"µs": 1e3, "ms": 1e6, "gets/s": 1}


def percentile(samples, share):
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Measured:
    """The samples of all cases, in nanoseconds or gets per second."""

    def __init__(self, samples):
        self.samples = samples

    def median(self, case, peer):
        return statistics.median(self.samples[case.key][peer.key])

    def ratio(self, case, peer, to):
        """The time (or the rate) as a multiple of that of `to`."""
        return self.median(case, peer) / self.median(case, to)

    def shown(self, case, peer):
        return figure(self.median(case, peer) / FACTORS[case.unit])

    def p99(self, case, peer):
        return figure(percentile(self.samples[case.key][peer.key], 0.99) / FACTORS[case.unit])


def figure(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def table(case, measured):
    baseline = case.baseline
    last = f"× {baseline.name.split(',')[0]}" if baseline else "× this library, C"
    # The maximum of a few samples is not a percentile.
    has_p99 = len(measured.samples[case.key][case.peers[0].key]) >= 100
    yield f"### {case.title[0].upper()}{case.title[1:]}, on {case.server}\n"
    yield f"| client | median, {case.unit} | {'p99, ' + case.unit + ' | ' if has_p99 else ''}{last} |"
    yield f"|---|--:|{'--:|' if has_p99 else ''}--:|"
    for peer in sorted(case.peers, key=lambda peer: measured.median(case, peer), reverse=case.more_is_better):
        name = f"**{peer.name}**" if peer.is_ours else peer.name
        p99 = f" {measured.p99(case, peer)} |" if has_p99 else ""
        ratio = measured.ratio(case, peer, baseline or peers.OURS_C)
        yield f"| {name} | {measured.shown(case, peer)} |{p99} {ratio:.2f} |"
    yield ""


def bounds(measured):
    """The goals: name, limit, measured value, and whether it is reached."""
    case = {case.key: case for case in CASES}
    ours = peers.OURS_C

    def at_most(what, bound, ratio):
        return what, f"≤ {bound:.2f}", ratio, ratio <= bound

    def at_least(what, bound, ratio):
        return what, f"≥ {bound:.2f}", ratio, ratio >= bound

    yield at_most("get on nginx, × raw socket", 1.10, measured.ratio(case["get"], ours, peers.RAW))
    yield at_most("get over TLS, × raw rustls", 1.15, measured.ratio(case["get-tls"], ours, peers.RUSTLS))
    yield at_least("8 threads, × wrk with 8 connections", 0.80, measured.ratio(case["threads-8"], ours, peers.WRK))
    yield at_most("cold start, × libcurl", 1.00, measured.ratio(case["cold"], ours, peers.CURL))
    faster = 1 / measured.ratio(case["list"], ours, peers.HVAC)
    yield at_least("list, times faster than breadth first with hvac", 5.00, faster)
    for each in CASES:
        others = [peer for peer in each.peers if not peer.is_ours and not peer.is_baseline]
        pick = max if each.more_is_better else min
        best = pick(others, key=lambda peer: measured.median(each, peer))
        ratio = measured.ratio(each, ours, best)
        check = at_least if each.more_is_better else at_most
        yield check(f"{each.title}, {each.server}: × the best other, {best.name}", 1.00, ratio)


def bounds_table(measured):
    yield "| what | bound | measured | |"
    yield "|---|--:|--:|---|"
    for what, bound, ratio, is_met in bounds(measured):
        yield f"| {what} | {bound} | {ratio:.2f} | {'met' if is_met else '**missed**'} |"


def first_line(*command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except OSError:
        return "unknown"
    return done.stdout.splitlines()[0].strip() if done.stdout else "unknown"


def locked(path, pattern):
    found = re.search(pattern, (ROOT / path).read_text())
    return found.group(1) if found else "unknown"


def crate(name):
    return locked("bench/peers/rust/Cargo.lock", rf'name = "{name}"\nversion = "(\S+)"')


def processor():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found.group(1) if found else platform.machine()


def memory():
    text = pathlib.Path("/proc/meminfo").read_text()
    return round(int(re.search(r"MemTotal:\s+(\d+)", text).group(1)) / 2**20)


def where(openbao):
    """The machine, and the version of everything that was measured."""
    nginx = f"PATH=$PATH:/usr/sbin nginx -v"
    yield f"- {datetime.date.today().isoformat()}, Linux {platform.release()}"
    yield f"- {processor()}, {os.cpu_count()} processors, {memory()} GiB; servers and clients on the same machine"
    yield f"- this library {locked('Cargo.toml', r'version = .(.+?).$'.replace('$', chr(10)))}, {first_line('rustc', '--version')}"
    yield f"- libcurl {first_line('curl-config', '--version').split()[-1]} and cJSON, {first_line('cc', '--version')}"
    yield (f"- vaultrs {crate('vaultrs')} on reqwest {crate('reqwest')} and tokio {crate('tokio')}; "
           f"rustls {crate('rustls')}")
    api = locked("bench/peers/go/go.mod", r"hashicorp/vault/api v(\S+)")
    yield f"- HashiCorp's api {api}, {first_line('go', 'version')}"
    hvac = locked("tests/python/requirements.txt", r"hvac==(\S+)")
    yield f"- hvac {hvac}, {first_line(peers.HVAC.command[0], '--version')}"
    yield f"- {first_line('sh', '-c', nginx)}, {openbao}, {first_line('sh', '-c', 'wrk -v | head -1').split(' Copyright')[0]}"


def write(measured, openbao, is_quick, path):
    lines = ["# Benchmark\n", "`make bench` wrote this page and the plot. All clients of a case run at the same time and "
             "take turns in small blocks; each keeps its connections.\n"]
    if is_quick:
        lines.append("This was a quick run, of a few rounds: good for a look, not for a claim.\n")
    lines += [*where(openbao), "", "![All cases](results.svg)\n", "## Bounds\n", *bounds_table(measured), "", "## Cases\n"]
    for case in CASES:
        lines += table(case, measured)
    lines += ["## How to read it\n",
              "- The raw socket sends a constant request and only searches for the end of the answer; the difference of "
              "a client to it is the cost of that client. On nginx, which serves one recorded answer, that is nearly the "
              "whole difference; on OpenBao every figure includes the work of the server.",
              "- Single gets on nginx, with TLS and without, have the server and all clients on one processor. "
              "Otherwise the kernel decides, once for each client, whether answers come from the same processor, within "
              "17 µs, or from another one, within 60 µs.",
              "- A list sends one request at a time, breadth first with hvac, as the Python manager does, and depth first "
              "with libcurl; HashiCorp's api and vaultrs have 8 requests in flight.",
              "- A batch has 8 requests in flight with every client except the raw socket, which sends one after the other.",
              "- Several threads share one client, except with libcurl and the raw socket, where each thread has its own.\n"]
    path.write_text("\n".join(lines))
