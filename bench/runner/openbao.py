"""Fills the real server before the measurements."""

import base64
import concurrent.futures
import http.client
import json
import urllib.parse

from .api import ask
from .cases import FOLDER, MANY
from .nginx import VALUE

WORKERS = 4


def write(settings, paths):
    """Writes the recorded value to each path, over one connection."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(settings["VAULT_ADDR"]).netloc, timeout=60)
    body = json.dumps({"data": {"value": VALUE}})
    for path in paths:
        connection.request("POST", f"/v1/secret/data/{path}", body, {"X-Vault-Token": settings["VAULT_TOKEN"]})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"bench: the server refuses {path}: HTTP {answer.status}")
    connection.close()


def prepare_transit(settings):
    """Makes the keys of the transit engine, and puts a signature of the value into the settings."""
    ask(settings, "sys/mounts/transit", {"type": "transit"})
    ask(settings, "transit/keys/bench", {})
    ask(settings, "transit/keys/bench-ed25519", {"type": "ed25519"})
    signed = ask(settings, "transit/sign/bench-ed25519", {"input": base64.b64encode(VALUE.encode()).decode()})
    settings["BENCH_SIGNATURE"] = signed["data"]["signature"]


def fill(settings):
    """Writes the secret for gets, and the secrets for lists: three levels of 25, 20 and 20."""
    many = [f"{FOLDER}/{i // 400}/{i // 20 % 20}/{i % 20}" for i in range(MANY)]
    write(settings, ["bench/one"])
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as workers:
        list(workers.map(lambda first: write(settings, many[first::WORKERS]), range(WORKERS)))
