#!/usr/bin/env python3
"""All fields of a secret, its versions and its rotation with libhandsfree_secrets from Python. Needs Vault, KV
version 2.

    PYTHONPATH=../../bindings/python python3 documents.py
"""

import sys

from handsfree_secrets import VaultError, VaultSecretManager


def main():
    vault = VaultSecretManager()  # VAULT_ADDR, VAULT_TOKEN, ...
    vault.check()

    fields = {"username": "app", "password": "first password", "port": 5432}
    stored = vault.store_document("python_database", fields, metadata={"owner": "billing"})
    print("  store   ", stored.reference, "version", stored.version)

    # Two gets of two fields may see two versions; a document is one version, whole.
    database = vault.get_document(stored.reference)
    print("  read    ", database["username"], database["port"], database.metadata["owner"])

    # The fields that are not named stay. With `cas` nothing is written if somebody has changed the secret meanwhile.
    vault.update_document(stored.reference, {"port": 5433}, cas=database.version)
    rotation = vault.rotate_secret(stored.reference + "#password")
    print("  rotate  ", len(rotation.value), "characters, version", rotation.version)
    for version in vault.list_versions(stored.reference).versions:
        print("  version ", version.number, version.state.name.lower())

    vault.delete_secret(stored.reference)
    if vault.get_document(stored.reference) is None:
        print("  gone     it is not found any more")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, VaultError) as error:
        sys.exit(f"documents: {error}")
