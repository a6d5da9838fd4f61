"""Calls one function of hvac's KV engines with keyword arguments from JSON: the witness of interoperation tests.

    hvac_calls.py VERSION FUNCTION ARGUMENTS-JSON

VERSION is 1 or 2. The answer is one line of JSON on standard output; null where hvac gets no body. The server comes
from VAULT_ADDR, VAULT_TOKEN and VAULT_MOUNT.
"""

import json
import os
import sys

import hvac


def main():
    version, function, arguments = sys.argv[1:]
    client = hvac.Client(url=os.environ["VAULT_ADDR"], token=os.environ["VAULT_TOKEN"])
    engine = {"1": client.secrets.kv.v1, "2": client.secrets.kv.v2}[version]
    answer = getattr(engine, function)(mount_point=os.environ["VAULT_MOUNT"], **json.loads(arguments))
    print(json.dumps(answer if isinstance(answer, dict) else None))


if __name__ == "__main__":
    main()
