#!/usr/bin/env python3
"""The five operations of libhandsfree_secrets from Python.

    PYTHONPATH=../../bindings/python python3 quickstart.py

The environment selects the backend: SECRET_MANAGER_TYPE=vault with VAULT_ADDR and VAULT_TOKEN, or nothing for the env
backend.
"""

import sys

from handsfree_secrets import VaultError, get_default_secret_manager


def main():
    secret_manager = get_default_secret_manager()

    reference = secret_manager.store_secret("python_quickstart", "first value", metadata={"scopes": "repo,user"})
    print("  store   ", reference)
    print("  get     ", secret_manager.get_secret(reference))  # a real program would use it

    secret_manager.update_secret(reference, "second value")
    print("  get     ", secret_manager.get_secret(reference))
    for listed in secret_manager.list_secrets(prefix="python_"):
        print("  list    ", listed)

    secret_manager.delete_secret(reference)
    if secret_manager.get_secret(reference) is None:
        print("  gone     it is not found any more")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, VaultError) as error:
        sys.exit(f"quickstart: {error}")
