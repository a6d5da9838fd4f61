"""A PostgreSQL server, and the database engine of the real server in front of it."""

import contextlib
import ctypes
import ctypes.util
import os
import pathlib
import pwd
import secrets
import signal
import subprocess
import sys
import tempfile
import time

from .api import ask
from .nginx import die_with_parent, free_port

READY_SECONDS = 30
CONNECTION_OK = 0

MAKE = "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';"


def programs():
    """The folder of the newest version's programs, which Debian keeps out of the path."""
    versions = [path for path in pathlib.Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdecimal()]
    if not versions:
        sys.exit("bench: no PostgreSQL; scripts/bootstrap bench installs it")
    return max(versions, key=lambda path: int(path.parent.name))


def version():
    done = subprocess.run([programs() / "postgres", "--version"], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.split("(PostgreSQL) ")[-1].split()[0]


class Database:
    """A running server."""

    def __init__(self, port, password):
        self.port = port
        self.password = password
        self.libpq = ctypes.CDLL(ctypes.util.find_library("pq") or "libpq.so.5")
        self.libpq.PQconnectdb.restype = ctypes.c_void_p
        self.libpq.PQerrorMessage.restype = ctypes.c_char_p

    def log_in(self, user, password):
        """Opens and closes a connection. Returns "" if it is accepted, or the words of the server."""
        where = f"host=127.0.0.1 port={self.port} dbname=postgres sslmode=disable user='{user}' password='{password}'"
        connection = ctypes.c_void_p(self.libpq.PQconnectdb(where.encode()))
        try:
            accepted = self.libpq.PQstatus(connection) == CONNECTION_OK
            return "" if accepted else self.libpq.PQerrorMessage(connection).decode(errors="replace").strip()
        finally:
            self.libpq.PQfinish(connection)

    def mount(self, settings, mount, default_ttl, max_ttl):
        """Mounts a database engine, whose role `app` makes users that live this long."""
        ask(settings, f"sys/mounts/{mount}", {"type": "database"})
        url = f"postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{self.port}/postgres?sslmode=disable"
        ask(settings, f"{mount}/config/pg", {
            "plugin_name": "postgresql-database-plugin", "connection_url": url, "allowed_roles": "*",
            "username": "postgres", "password": self.password, "password_authentication": "scram-sha-256"})
        ask(settings, f"{mount}/roles/app", {
            "db_name": "pg", "creation_statements": [MAKE], "default_ttl": default_ttl, "max_ttl": max_ttl})


@contextlib.contextmanager
def postgres():
    """Runs a PostgreSQL server. It refuses to run as root, which starts it as the user of Debian's package."""
    owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="handsfree-postgres-") as folder:
        password = secrets.token_hex(16)
        file = os.path.join(folder, "password")
        pathlib.Path(file).write_text(password)
        options = {"cwd": folder, "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        if owner:
            for path in (folder, file):
                os.chown(path, owner.pw_uid, owner.pw_gid)
            options |= {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        data, port = os.path.join(folder, "data"), free_port()
        subprocess.run([programs() / "initdb", "-A", "scram-sha-256", "-U", "postgres", "--no-sync", f"--pwfile={file}",
                        "-D", data], check=True, **options)
        server = subprocess.Popen([programs() / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-F"],
                                  stderr=subprocess.DEVNULL, preexec_fn=die_with_parent, **options)
        try:
            database = Database(port, password)
            end = time.monotonic() + READY_SECONDS
            while refusal := database.log_in("postgres", password):
                if server.poll() is not None or time.monotonic() > end:
                    sys.exit(f"bench: PostgreSQL did not come up: {refusal}")
                time.sleep(0.05)
            yield database
        finally:
            server.send_signal(signal.SIGINT)  # with SIGTERM it waits for its clients
            server.wait()
