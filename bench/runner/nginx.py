"""nginx with a recorded KV answer: a server so fast that mostly the client is measured."""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

VALUE = "Wd2mE8hTq5ZrK1xVn7BcYs4LfJ9gPa6uQ3oR0tXi"

READY_SECONDS = 20
BIND_TRIES = 8
PR_SET_PDEATHSIG = 1

CONFIGURATION = """daemon off;
master_process off;
pid nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  default_type application/json;
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
  server {{
    listen 127.0.0.1:{port}{tls};
    location /v1/sys/internal/ui/mounts/ {{ return 200 '{mount}'; }}
    location /v1/ {{ return 200 '{secret}'; }}
  }}
}}
"""


def envelope(data):
    """An answer of Vault, in its compact form."""
    answer = {"request_id": "5d1a3b0e-0000-4000-8000-000000000001", "lease_id": "", "renewable": False,
              "lease_duration": 0, "data": data, "wrap_info": None, "warnings": None, "auth": None}
    return json.dumps(answer, separators=(",", ":"))


MOUNT = envelope({"path": "secret/", "type": "kv", "options": {"version": "2"}})
SECRET = envelope({"data": {"value": VALUE},
                   "metadata": {"created_time": "2026-01-01T00:00:00.000000000Z", "custom_metadata": None,
                                "deletion_time": "", "destroyed": False, "version": 1}})


def die_with_parent():
    """The kernel ends the server if the benchmark is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_certificates(folder):
    """Creates a CA and a certificate for localhost: the paths of the CA, the certificate and its key."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=bench CA")
    openssl("req", *new_key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    with open(os.path.join(folder, "extensions"), "w") as extensions:
        extensions.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "extensions", "-out", "server.pem")
    return [os.path.join(folder, name) for name in ("ca.pem", "server.pem", "server.key")]


def start(folder, tls):
    """A running nginx and its port; None if another program took the port meanwhile."""
    port = free_port()
    configuration = os.path.join(folder, "nginx.conf")
    with open(configuration, "w") as file:
        file.write(CONFIGURATION.format(port=port, tls=tls, mount=MOUNT, secret=SECRET))
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    server = subprocess.Popen(["nginx", "-p", folder, "-e", os.path.join(folder, "error.log"), "-c", configuration],
                              env=os.environ | {"PATH": path}, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
    end = time.monotonic() + READY_SECONDS
    while server.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return server, port
        time.sleep(0.01)
    server.kill()
    server.wait()
    return None


@contextlib.contextmanager
def nginx(with_tls=False):
    """Runs an nginx, and yields the settings for it: VAULT_ADDR and so on."""
    with tempfile.TemporaryDirectory(prefix="handsfree-nginx-") as folder:
        settings, tls, host = {"SECRET_MANAGER_TYPE": "vault", "VAULT_TOKEN": "recorded"}, "", "http://127.0.0.1"
        if with_tls:
            authority, certificate, key = make_certificates(folder)
            settings["VAULT_CACERT"] = authority
            tls, host = f" ssl; ssl_certificate {certificate}; ssl_certificate_key {key}", "https://localhost"
        for _ in range(BIND_TRIES):
            if (started := start(folder, tls)) is not None:
                break
        else:
            sys.exit("bench: nginx did not come up; scripts/bootstrap bench installs it")
        server, port = started
        try:
            yield settings | {"VAULT_ADDR": f"{host}:{port}"}
        finally:
            server.kill()
            server.wait()
