"""The cases of credentials: a program that opens one connection to a database after the other."""

import contextlib
import os
import tempfile
import time

from . import peers
from .api import ask
from .nginx import gateway
from .postgres import postgres

# How long users live without a renewal, and at most. A round is the life of one.
DEFAULT_TTL = 10
MAX_TTL = 25

# The pause after a connection of each peer.
PAUSE = 0.01


class Connections(list):
    """The nanoseconds until each connection had its credentials, and what else the servers saw of a client."""
    columns = ("requests", "users made", "logins refused")

    def __init__(self, seconds, renewals_are_refused):
        super().__init__()
        self.seconds = seconds
        self.renewals_are_refused = renewals_are_refused
        self.requests = 0
        self.users = set()
        self.refused = 0

    def most_users(self):
        """How many users a client may make: one in the life of a user, or in half of the time until its renewal."""
        return self.seconds // (DEFAULT_TTL // 2 if self.renewals_are_refused else MAX_TTL - DEFAULT_TTL // 2) + 2

    def figures(self):
        """The values of the columns."""
        return self.requests, len(self.users), self.refused


def log_in(database, conversation, mount, samples):
    took, user, password = conversation.ask_words(f"credentials {mount}/creds/app")
    samples.append(int(took))
    samples.users.add(user)
    if refusal := database.log_in(user, password):
        if "authentication failed" not in refusal:
            raise SystemExit(f"bench: {conversation.peer.key}: {refusal}")
        samples.refused += 1


def connections(refuses_renewals):
    """Every client asks for credentials at each connection; each has a database engine and a gateway of its own."""
    def measure(case, settings, rounds):
        seconds = rounds * MAX_TTL
        samples = {peer.key: Connections(seconds, refuses_renewals) for peer in case.peers}
        with contextlib.ExitStack() as stack:
            database = stack.enter_context(postgres())
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="handsfree-gateway-"))
            open_gateway = stack.enter_context(gateway(folder, settings, samples, refuses_renewals))
            turns = []
            for peer in case.peers:
                mount = f"{case.key}-{peer.key}"
                database.mount(settings, mount, f"{DEFAULT_TTL}s", f"{MAX_TTL}s")
                conversation = peers.Conversation(peer, settings | {"VAULT_ADDR": open_gateway[peer.key]})
                stack.callback(conversation.close)
                turns.append((conversation, mount))
            run(database, turns, seconds, samples)
            for peer in case.peers:
                samples[peer.key].requests = lines_of(os.path.join(folder, f"{peer.key}.log"))
            for _, mount in turns:
                ask(settings, f"sys/leases/revoke-prefix/{mount}", {})  # nothing is left to do during other cases
        return samples

    return measure


def run(database, turns, seconds, samples):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for conversation, mount in turns:
            log_in(database, conversation, mount, samples[conversation.peer.key])
        turns.append(turns.pop(0))
        time.sleep(PAUSE)


def lines_of(path):
    with open(path, "rb") as log:
        return sum(1 for _ in log)
