"""Single requests to the real server."""

import http.client
import json
import urllib.parse


def ask(settings, path, body):
    """The answer of the server to a POST."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(settings["VAULT_ADDR"]).netloc, timeout=60)
    connection.request("POST", f"/v1/{path}", json.dumps(body), {"X-Vault-Token": settings["VAULT_TOKEN"]})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.status not in (200, 204):
        raise SystemExit(f"bench: the server refuses {path}: HTTP {answer.status}")
    return json.loads(content) if content else None
