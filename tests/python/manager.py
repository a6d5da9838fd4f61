"""What the Python VaultSecretManager does to a server, in the terms of its client `hvac`: the other side of the
interoperation tests. One operation a run; the answer is one line of JSON on standard output.

    manager.py store KEY VALUE [METADATA-JSON]
    manager.py get REFERENCE | metadata REFERENCE | delete REFERENCE | list [PREFIX]
    manager.py update REFERENCE VALUE
    manager.py add-fields REFERENCE COUNT     (another program's writes: waits for a line, then adds note-0, note-1, …)

The server comes from VAULT_ADDR, VAULT_TOKEN and VAULT_MOUNT.
"""

import json
import os
import sys

import hvac
import requests
from hvac.exceptions import InvalidPath

SCHEME = "vault://"


class Manager:
    def __init__(self):
        client = hvac.Client(url=os.environ["VAULT_ADDR"], token=os.environ["VAULT_TOKEN"])
        assert client.is_authenticated()
        self.kv = client.secrets.kv.v2
        self.mount = os.environ["VAULT_MOUNT"]

    @staticmethod
    def path(key):
        return key.removeprefix(SCHEME).replace(".", "/").replace("_", "/")

    def document(self, reference):
        try:
            answer = self.kv.read_secret_version(
                path=self.path(reference), mount_point=self.mount, raise_on_deleted_version=True)
        except InvalidPath:
            return None
        return answer["data"]["data"]

    def store(self, key, value, metadata=None):
        document = {"value": value}
        if metadata is not None:
            document["metadata"] = json.loads(metadata)
        self.kv.create_or_update_secret(path=self.path(key), secret=document, mount_point=self.mount)
        return SCHEME + key

    def get(self, reference):
        document = self.document(reference)
        return document and document.get("value")

    def metadata(self, reference):
        document = self.document(reference)
        return document and document.get("metadata")

    def update(self, reference, value):
        document = self.document(reference)
        if document is None:
            return False
        document["value"] = value
        self.kv.create_or_update_secret(path=self.path(reference), secret=document, mount_point=self.mount)
        return True

    def delete(self, reference):
        if self.document(reference) is None:
            return False
        self.kv.delete_metadata_and_all_versions(path=self.path(reference), mount_point=self.mount)
        return True

    def list(self, prefix=""):
        wanted, found, folders = self.path(prefix), [], [""]
        while folders:
            folder = folders.pop(0)
            try:
                names = self.kv.list_secrets(path=folder, mount_point=self.mount)["data"]["keys"]
            except InvalidPath:
                continue
            for name in names:
                (folders if name.endswith("/") else found).append(folder + name)
        return sorted(SCHEME + path for path in found if path.startswith(wanted))

    def add_fields(self, reference, count):
        print("ready", flush=True)
        sys.stdin.readline()
        # hvac's own patch is a read and a write, which fails with concurrent writers; the server's patch is atomic.
        url = f"{os.environ['VAULT_ADDR']}/v1/{self.mount}/data/{self.path(reference)}"
        headers = {"X-Vault-Token": os.environ["VAULT_TOKEN"], "Content-Type": "application/merge-patch+json"}
        for number in range(int(count)):
            patch = json.dumps({"data": {f"note-{number}": "kept"}})
            requests.patch(url, headers=headers, data=patch, timeout=30).raise_for_status()
        return True


if __name__ == "__main__":
    operation, arguments = sys.argv[1].replace("-", "_"), sys.argv[2:]
    print(json.dumps(getattr(Manager(), operation)(*arguments)))
