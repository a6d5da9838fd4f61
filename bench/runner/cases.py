"""The cases that are measured, and the order of the peers.

Every case has all its peers running at once, each with a warm client. They work one after the other in small blocks,
in another order in every round, so that what else the machine does hits all of them alike, and none has always the same
predecessor: what a client leaves to the server, such as garbage, is collected in the time of the next one.
"""

import dataclasses
import os
import random
import re
import subprocess
import time

from . import credentials, peers
from .nginx import FIELDS
from .peers import (CLIENTS, CURL, HASHICORP, HVAC, OPENSSL, OURS_C, OURS_GO, OURS_GO_QUEUE, OURS_QUEUE, OURS_THREADS,
                    RAW, RUSTLS, WRK)

# The number of secrets for lists on the server, and their folder.
MANY = 10_000
FOLDER = "bench/many"
BATCH = 1_000

# The number of items that are encrypted in one call, and the length of an envelope.
ITEMS = 10_000
ENVELOPE = 256 << 20

# The number of gets that are begun at once, and how many of them hvac makes in that case.
AT_ONCE = 10_000
AT_ONCE_OF_HVAC = 1_000

# How long threads and wrk get values; wrk counts in seconds.
RATE_MILLISECONDS = 1_000


@dataclasses.dataclass(frozen=True)
class Case:
    """One table of the results, one panel of the plot."""
    key: str
    title: str
    server: str  # "nginx", "nginx over TLS" or "OpenBao"
    peers: tuple
    measure: callable
    rounds: int
    unit: str = "µs"  # or "ms", or "gets/s" or "MB/s", for which more is better
    baseline: peers.Peer | None = None
    # The peer that the limits are for.
    ours: peers.Peer = OURS_C
    # Server and clients share one processor. Otherwise the kernel decides, once for the lifetime of each client,
    # whether answers come from the same processor, within 17 µs, or from another one, within 60 µs.
    on_one_processor: bool = False
    # A function in C that the case needs, and older libraries may lack.
    function: str | None = None
    # What the time of this library may be at most, as a multiple of that of a peer, in place of what report.py says.
    limit: tuple | None = None
    # Its median in microseconds may be at most this.
    most: float | None = None

    @property
    def more_is_better(self):
        return self.unit in ("gets/s", "MB/s")


def order(turns, round_number):
    """The turns in an order that is random, and the same in every run."""
    return random.Random(round_number).sample(turns, len(turns))


def in_turns(case, settings, rounds, ask):
    """The results of `ask` for each peer in each round, without the first round, which is the warm-up."""
    programs = (WRK, OPENSSL)
    conversations = [peers.Conversation(peer, settings) for peer in case.peers if peer not in programs]
    turns = conversations + [peer for peer in case.peers if peer in programs]
    samples = {peer.key: [] for peer in case.peers}
    try:
        for round_number in range(rounds + 1):
            for turn in order(turns, round_number):
                found = ask(turn)
                if round_number > 0:
                    samples[turn.key if turn in programs else turn.peer.key] += found
    finally:
        for conversation in conversations:
            conversation.close()
    return samples


def one_by_one(command):
    """Nanoseconds of single operations."""
    return lambda case, settings, rounds: in_turns(case, settings, rounds, lambda peer: peer.ask(command))


def whole(command, expected):
    """Nanoseconds of one large operation, whose result has to have the expected size."""
    def ask(peer):
        took, count = peer.ask(command)
        if count != expected:
            raise SystemExit(f"bench: {peer.peer.key}: {command} gave {count} in place of {expected}")
        return [took]

    return lambda case, settings, rounds: in_turns(case, settings, rounds, ask)


def rate(threads):
    """Gets per second of several threads with one client."""
    def ask(peer, settings):
        if peer is WRK:
            return [requests_of_wrk(threads, settings)]
        gets, took = peer.ask(f"threads {threads} {RATE_MILLISECONDS}")
        return [gets * 1e9 / took]

    return lambda case, settings, rounds: in_turns(case, settings, rounds, lambda peer: ask(peer, settings))


def at_once(case, settings, rounds):
    """Gets per second of many gets that are begun at once, beside threads that wait for one after the other."""
    def ask(peer):
        if peer.peer is OURS_THREADS:
            gets, took = peer.ask(f"threads 8 {RATE_MILLISECONDS}")
            return [gets * 1e9 / took]
        wanted = AT_ONCE_OF_HVAC if peer.peer is HVAC else AT_ONCE
        took, gets = peer.ask(f"queue {wanted}")
        if gets != wanted:
            raise SystemExit(f"bench: {peer.peer.key}: {gets} values in place of {wanted}")
        return [gets * 1e9 / took]

    return in_turns(case, settings, rounds, ask)


def requests_of_wrk(connections, settings):
    url = f"{settings['VAULT_ADDR']}/v1/secret/data/bench/one"
    command = ["wrk", "-t", "2", "-c", str(connections), "-d", f"{RATE_MILLISECONDS // 1000}s",
               "-H", f"X-Vault-Token: {settings['VAULT_TOKEN']}", url]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))


def envelope(case, settings, rounds):
    """Bytes per second of an envelope, and of the cipher alone."""
    def ask(peer):
        if peer is OPENSSL:
            return [bytes_of_openssl()]
        length, took = peer.ask(f"envelope {ENVELOPE}")
        return [length * 1e9 / took]

    return in_turns(case, settings, rounds, ask)


def bytes_of_openssl():
    command = ["openssl", "speed", "-seconds", "1", "-bytes", "16384", "-evp", "aes-256-gcm"]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return float(re.search(r"AES-256-GCM\s+([\d.]+)k", text, re.IGNORECASE).group(1)) * 1000


def cold_start(case, settings, rounds):
    """Nanoseconds from the start to the end of a process that makes one get."""
    samples = {peer.key: [] for peer in case.peers}
    environment = peers.environment(settings)
    for round_number in range(rounds + 1):
        for peer in order(case.peers, round_number):
            start = time.perf_counter_ns()
            process = os.posix_spawn(peer.command[0], [*peer.command, "gets", "1"], environment)
            status = os.waitpid(process, 0)[1]
            took = time.perf_counter_ns() - start
            if status != 0:
                raise SystemExit(f"bench: {peer.key}: a get of a new process failed")
            if round_number > 0:
                samples[peer.key].append(took)
    return samples


WITH_QUEUES = (OURS_QUEUE, OURS_THREADS, OURS_GO_QUEUE, OURS_GO, CURL, HASHICORP, HVAC)
WITH_TRANSIT = (OURS_C, CURL, HASHICORP, HVAC)
WITH_CREDENTIALS = (OURS_C, OURS_GO, HASHICORP, HVAC)

CASES = (
    Case("get", "get", "nginx", (RAW, *CLIENTS), one_by_one("get 50"), 150, baseline=RAW,
         on_one_processor=True),
    Case("document", f"document of {FIELDS} fields", "nginx", (RAW, *CLIENTS), one_by_one("document 50"), 150,
         baseline=RAW, on_one_processor=True, function="hf_get_document"),
    Case("get-openbao", "get", "OpenBao", (RAW, *CLIENTS), one_by_one("get 25"), 30, baseline=RAW),
    Case("store", "store", "OpenBao", (RAW, *CLIENTS), one_by_one("store 20"), 20, baseline=RAW),
    Case("get-tls", "get over TLS", "nginx over TLS", (RUSTLS, *CLIENTS), one_by_one("get 50"), 150, baseline=RUSTLS,
         on_one_processor=True),
    Case("threads-8", "8 threads on one client", "nginx", (WRK, RAW, *CLIENTS), rate(8), 7, "gets/s", RAW),
    Case("threads-64", "64 threads on one client", "nginx", (WRK, RAW, *CLIENTS), rate(64), 7, "gets/s", RAW),
    Case("queue", f"{AT_ONCE:,} gets at once", "nginx", WITH_QUEUES, at_once, 15, "gets/s", ours=OURS_QUEUE,
         function="hf_queue_new", limit=(CURL, 1 / 0.9)),
    Case("queue-openbao", f"{AT_ONCE:,} gets at once", "OpenBao", WITH_QUEUES, at_once, 15, "gets/s", ours=OURS_QUEUE,
         function="hf_queue_new", limit=(OURS_THREADS, 1 / 0.9)),
    Case("submit", "submission of a get to a queue", "nginx", (OURS_QUEUE,), one_by_one("submit 1000"), 20,
         ours=OURS_QUEUE, function="hf_queue_new", most=5),
    Case("cold", "cold start: process, open, get, exit", "nginx", (RAW, *CLIENTS), cold_start, 40, "ms", RAW),
    Case("list", "list of 10,000 in three levels", "OpenBao", CLIENTS, whole(f"list {FOLDER}", MANY), 15, "ms"),
    Case("encrypt", "encryption with the transit engine", "OpenBao", (RAW, *WITH_TRANSIT), one_by_one("encrypt 25"), 30,
         baseline=RAW, function="hf_transit_encrypt"),
    Case("encrypt-many", f"encryption of {ITEMS:,} texts", "OpenBao", (RAW, *WITH_TRANSIT),
         whole(f"encrypt-many {ITEMS}", ITEMS), 8, "ms", RAW, function="hf_transit_encrypt_many", limit=(RAW, 1 / 0.6)),
    Case("verify", "check of an Ed25519 signature", "OpenBao", WITH_TRANSIT, one_by_one("verify 25"), 30,
         function="hf_transit_verify", most=100),
    Case("envelope", "AES-256-GCM, 16 KiB, and envelope", "OpenBao", (OPENSSL, OURS_C), envelope, 8, "MB/s", OPENSSL,
         function="hf_envelope_update", limit=(OPENSSL, 1 / 0.6)),
    Case("batch", "batch of 1,000 gets", "OpenBao", (RAW, *CLIENTS), whole(f"batch {BATCH}", BATCH), 5, "ms", RAW),
    Case("credentials", "credentials at every connection", "OpenBao", WITH_CREDENTIALS, credentials.connections(False), 3,
         function="hf_credentials_get"),
    Case("credentials-refused", "credentials, all renewals refused", "OpenBao", WITH_CREDENTIALS,
         credentials.connections(True), 3, function="hf_credentials_get"),
)
