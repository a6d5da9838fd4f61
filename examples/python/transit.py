#!/usr/bin/env python3
"""Encryption, signatures and data keys of Vault's transit engine with libhandsfree_secrets from Python.

    vault secrets enable transit
    vault write -f transit/keys/python-rows
    vault write transit/keys/python-messages type=ed25519
    PYTHONPATH=../../bindings/python python3 transit.py
"""

import sys

from handsfree_secrets import VaultError, VaultSecretManager


def opened(vault, name):
    key = vault.transit(name)
    if key is None:
        sys.exit(f"transit: there is no key {name}")
    return key


def main():
    vault = VaultSecretManager()  # VAULT_ADDR, VAULT_TOKEN, VAULT_TRANSIT_MOUNT, ...
    rows, messages = opened(vault, "python-rows"), opened(vault, "python-messages")

    # The associated data bind a ciphertext to its row: copied to another row, it is refused.
    ciphertext = rows.encrypt(b"4111 1111 1111 1111", associated_data=b"card of customer 7")
    print("  encrypt ", ciphertext[:9])
    print("  decrypt ", rows.decrypt(ciphertext, associated_data=b"card of customer 7").decode())

    # Thousands of rows in one call. Each has its own outcome.
    ciphertexts = rows.encrypt_many([b"first", b"second"])
    for outcome in rows.decrypt_many([*ciphertexts, "vault:v1:nonsense"]):
        print("  many    ", type(outcome).__name__ if isinstance(outcome, Exception) else outcome.decode())

    signature = messages.sign(b"pay 5 to Bob")
    print("  verify  ", messages.verify(b"pay 5 to Bob", signature), messages.verify(b"pay 500 to Bob", signature))

    data_key = rows.data_key()  # encrypt with data_key.key, and keep data_key.wrapped beside the data
    print("  data key", len(data_key.key), rows.decrypt(data_key.wrapped) == data_key.key)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, VaultError) as error:
        sys.exit(f"transit: {error}")
