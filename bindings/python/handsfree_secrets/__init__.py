"""Secrets in HashiCorp Vault or in the environment, by libhandsfree_secrets. Standard library only.

    from handsfree_secrets import get_default_secret_manager

    secret_manager = get_default_secret_manager()
    reference = secret_manager.store_secret("github_token_user_123", "ghp_...", metadata={"scopes": "repo,user"})
    token = secret_manager.get_secret(reference)

Errors: ValueError for what the caller or the configuration got wrong, VaultError for everything else. A secret that
does not exist is None or False, and so is a text that is no reference of the manager (the library logs a warning).

Any number of threads may use a manager at once; ctypes releases the interpreter's lock during a call. After a fork the
child may go on using it. Python's strings cannot be wiped: what get_secret returns stays in memory until it is reused.

The library is found as the dynamic linker finds it; HANDSFREE_SECRETS_LIBRARY=/path names another.
"""

from .default import get_default_secret_manager, reset_default_secret_manager
from .errors import VaultError
from .manager import EnvSecretManager, SecretManager, VaultSecretManager

__all__ = ["EnvSecretManager", "SecretManager", "VaultError", "VaultSecretManager", "get_default_secret_manager",
           "reset_default_secret_manager"]
