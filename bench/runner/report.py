"""results.md: tables, the goals with the measured values, and the machine."""

import dataclasses
import datetime
import os
import pathlib
import platform
import re
import statistics
import subprocess

from . import peers, postgres
from .credentials import DEFAULT_TTL, MAX_TTL
from .peers import ROOT

FACTORS = {"µs": 1e3, "ms": 1e6, "gets/s": 1, "MB/s": 1e6}

# What this library may take, as a multiple of libcurl's time. In every other case it has to be the fastest client.
TIMES_LIBCURL = {"get": 0.80, "get-tls": 0.80, "get-openbao": 0.95, "store": 1.05}

# On a machine that is fast: nanoseconds that a raw socket's get takes on nginx.
FAST_GET = 7_000


def percentile(samples, share):
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@dataclasses.dataclass(frozen=True)
class Measured:
    """The samples of the cases, in nanoseconds or gets a second."""
    cases: list
    samples: dict

    def median(self, case, peer):
        return statistics.median(self.samples[case.key][peer.key])

    def ratio(self, case, peer, to):
        """The time (or the rate) as a multiple of that of `to`."""
        return self.median(case, peer) / self.median(case, to)

    def shown(self, case, peer):
        return figure(self.median(case, peer) / FACTORS[case.unit])

    def p99(self, case, peer):
        """What 99 of 100 samples are better than; of fewer than 100 samples the worst."""
        samples = self.samples[case.key][peer.key]
        worst = min(samples) if case.more_is_better else percentile(samples, 0.99)
        return figure(worst / FACTORS[case.unit])


def figure(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def table(case, measured):
    baseline, counted = case.baseline, columns(case, measured)
    last = f"× {baseline.name.split(',')[0]}" if baseline else f"× {case.ours.name}"
    yield f"### {case.title[0].upper()}{case.title[1:]}, on {case.server}\n"
    heads = ["client", f"median, {case.unit}", f"p99, {case.unit}", last, *counted]
    yield f"| {' | '.join(heads)} |"
    yield f"|---|{'--:|' * (len(heads) - 1)}"
    for peer in sorted(case.peers, key=lambda peer: measured.median(case, peer), reverse=case.more_is_better):
        name = f"**{peer.name}**" if peer.is_ours else peer.name
        ratio = measured.ratio(case, peer, baseline or case.ours)
        cells = [name, measured.shown(case, peer), measured.p99(case, peer), f"{ratio:.2f}"]
        cells += [f"{value:,}" for value in counted_figures(case, measured, peer)]
        yield f"| {' | '.join(cells)} |"
    yield ""


def columns(case, measured):
    """The columns of a case besides those of time."""
    return getattr(measured.samples[case.key][case.ours.key], "columns", ())


def counted_figures(case, measured, peer):
    return measured.samples[case.key][peer.key].figures() if columns(case, measured) else ()


@dataclasses.dataclass(frozen=True)
class Bound:
    """A ratio, and the most that it may be; the least where more is better."""
    what: str
    limit: float
    ratio: float
    is_least: bool

    def is_met(self):
        return self.ratio >= self.limit if self.is_least else self.ratio <= self.limit

    def row(self):
        sign, verdict = "≥" if self.is_least else "≤", "met" if self.is_met() else "**missed**"
        return f"| {self.what} | {sign} {self.limit:.2f} | {self.ratio:.2f} | {verdict} |"


def bound(measured, case, other, limit):
    ratio = measured.ratio(case, case.ours, other)
    limit = 1 / limit if case.more_is_better else limit
    return Bound(f"{case.title}, {case.server}: × {other.name}", limit, ratio, case.more_is_better)


def times_libcurl(measured, case):
    """How many times as long as libcurl a case may take; `None` where this library has to be the fastest client."""
    # The faster the machine, the more of a get is the client's own.
    is_fast = case.key == "get" and measured.median(case, peers.RAW) < FAST_GET
    return 0.56 if is_fast else TIMES_LIBCURL.get(case.key)


def bounds_of(measured, case):
    if columns(case, measured):
        yield from bounds_of_credentials(measured, case)
        return
    if case.most:
        yield Bound(f"{case.title}: µs", case.most, measured.median(case, case.ours) / 1e3, False)
    others = [peer for peer in case.peers if not peer.is_ours and not peer.is_baseline]
    if case.limit:
        yield bound(measured, case, *case.limit)
    elif limit := times_libcurl(measured, case):
        yield bound(measured, case, peers.CURL, limit)
    elif others:
        pick = max if case.more_is_better else min
        yield bound(measured, case, pick(others, key=lambda peer: measured.median(case, peer)), 1.00)


def bounds(measured):
    """What is to be reached."""
    for case in measured.cases:
        yield from bounds_of(measured, case)
    yield from bounds_of_transit(measured)
    for case in measured.cases:
        if peers.BEFORE in case.peers:
            yield bound(measured, case, peers.BEFORE, 1.10 if case.server == "OpenBao" else 1.20)


def bounds_of_credentials(measured, case):
    """What the servers may see of this library, used from C and from Go."""
    for peer in (peer for peer in case.peers if peer.is_ours):
        ours = measured.samples[case.key][peer.key]
        what = f"{case.title}, {peer.name.split(', ')[1]}"
        yield Bound(f"{what}: logins refused", 0, ours.refused, False)
        yield Bound(f"{what}: users made", ours.most_users(), len(ours.users), False)


def bounds_of_transit(measured):
    """An encryption compared with a get."""
    cases = {case.key: case for case in measured.cases}
    if "encrypt" in cases and "get-openbao" in cases:
        encrypt, get = (measured.median(cases[key], peers.OURS_C) for key in ("encrypt", "get-openbao"))
        yield Bound("encryption, OpenBao: × a get", 1.10, encrypt / get, False)


def bounds_table(measured):
    yield "| what | bound | measured | |"
    yield "|---|--:|--:|---|"
    yield from (bound.row() for bound in bounds(measured))


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
    yield f"- {first_line('sh', '-c', nginx)}, {openbao}, PostgreSQL {postgres.version()}, {first_line('sh', '-c', 'wrk -v | head -1').split(' Copyright')[0]}"


def write(measured, openbao, is_quick, path):
    lines = ["# Benchmark\n", "`make bench` wrote this page and the plot. All clients of a case run at the same time and "
             "take turns in small blocks; each keeps its connections.\n"]
    if is_quick:
        lines.append("This was a quick run, of a few rounds: good for a look, not for a claim.\n")
    lines += [*where(openbao), "", "![All cases](results.svg)\n", "## Bounds\n", *bounds_table(measured), "", "## Cases\n"]
    for case in measured.cases:
        lines += table(case, measured)
    lines += ["## How to read it\n",
              "- The raw socket sends a constant request and only searches for the end of the answer; the difference of "
              "a client to it is the cost of that client. On nginx, which serves recorded answers, that is nearly the "
              "whole difference; on OpenBao every figure includes the work of the server.",
              "- Of a document every client gets all fields, and the program reads the text of each.",
              "- Single gets and documents on nginx, with TLS and without, have the server and all clients on one processor. "
              "Otherwise the kernel decides, once for each client, whether answers come from the same processor, within "
              "17 µs, or from another one, within 60 µs.",
              "- p99 is the value that 99 of 100 samples are better than. For cases with fewer samples, and for rates, it is "
              "the worst sample.",
              "- A list sends one request at a time, breadth first with hvac, as the Python manager does, and depth first "
              "with libcurl; HashiCorp's api and vaultrs have 8 requests in flight.",
              "- A batch has 8 requests in flight with every client except the raw socket, which sends one after the other.",
              "- Gets at once are begun by one thread, and 32 are under way at a time: in a queue of this library, with libcurl's "
              "multi interface, in 10,000 goroutines with Go, of which this library without a queue lets 64 call at a time. "
              "hvac has 8 threads. Beside them are 8 threads of this library that wait for one get after the other.",
              "- Of the transit engine every client encrypts the same text. Many texts go in batches of 494, which is what the "
              "server takes: this library has 8 requests in flight, the others send one after the other. This library checks "
              "signatures with the public key, without a request. An envelope of 256 MiB is made in parts of 64 KiB.",
              f"- With credentials at every connection, users of PostgreSQL live for {DEFAULT_TTL} s without a renewal, and "
              f"{MAX_TTL} s at most. Each client opens one connection after the other, all with the same code. The time is until "
              "it has the credentials, without the connection. The requests are those that the server of Vault received of it, "
              "with the first get. HashiCorp's api has a LifetimeWatcher renew them, and makes others when that ends, as its "
              "example of an application does; hvac has nothing of the kind, and makes credentials for each connection, as its "
              "documentation does. Where renewals are refused, a gateway answers them with 400, as servers answer for a lease "
              "that they do not know.",
              "- Several threads share one client, except with libcurl and the raw socket, where each thread has its own.\n"]
    path.write_text("\n".join(lines))
