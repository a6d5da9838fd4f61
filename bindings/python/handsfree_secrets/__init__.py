"""Secrets in HashiCorp Vault or the environment, with libhandsfree_secrets. Needs only the standard library.

    from handsfree_secrets import get_default_secret_manager

    secret_manager = get_default_secret_manager()
    reference = secret_manager.store_secret("github_token_user_123", "ghp_...", metadata={"scopes": "repo,user"})
    token = secret_manager.get_secret(reference)

    database = secret_manager.get_document("vault://db")  # all fields of one version
    user, password = database["username"], database["password"]

Errors: ValueError for invalid arguments and an invalid configuration, VaultError for everything else. For a secret that
does not exist, and for a text that is not a reference of the manager, get_secret and get_document return None, and
update_secret and delete_secret return False; for the latter the library logs a warning.

Any number of threads may use a manager at once; ctypes releases the global interpreter lock during a call. A child
process may use inherited managers after a fork. Ctrl-C ends a call of the main thread at once. Python strings cannot be
wiped: a value stays in memory until that is reused.

The dynamic linker finds the library; HANDSFREE_SECRETS_LIBRARY=/path selects another one.
"""

from ._calls import max_age, trace_parent
from .default import get_default_secret_manager, reset_default_secret_manager
from .document import Document, Stored
from .errors import VaultError
from .fields import REMOVED, FieldValue
from .lease import Credentials, Lease
from .manager import EnvSecretManager, SecretManager, VaultSecretManager
from .metrics import process_metrics
from .request import Response
from .transit import DataKey, Transit
from .versions import Rotation, Version, Versions, VersionState
from .watch import Change, ChangeKind, Watch

__all__ = ["REMOVED", "Change", "ChangeKind", "Credentials", "DataKey", "Document", "EnvSecretManager", "FieldValue",
           "Lease", "Response", "Rotation", "SecretManager", "Stored", "Transit", "VaultError", "VaultSecretManager",
           "Version", "VersionState", "Versions", "Watch", "get_default_secret_manager", "max_age", "process_metrics",
           "reset_default_secret_manager", "trace_parent"]
