"""nginx with recorded KV answers: a server so fast that mostly the client is measured."""

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
import urllib.request

VALUE = "Wd2mE8hTq5ZrK1xVn7BcYs4LfJ9gPa6uQ3oR0tXi"

# bench/document has this many fields, bench/versions this many versions. harness.c has the same numbers.
FIELDS = 20
VERSIONS = 1_000

# A mount of KV version 1. Its name is as long as that of the mount of version 2, `secret`.
MOUNT_OF_VERSION_1 = "legacy"

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
    location /requests {{ stub_status; }}
    location /v1/sys/internal/ui/mounts/ {{ return 200 '{mount}'; }}
    location /v1/sys/internal/ui/mounts/{mount_1} {{ return 200 '{mount_of_version_1}'; }}
    location /v1/ {{ return 200 '{secret}'; }}
    location /v1/{mount_1}/ {{ return 200 '{secret_of_version_1}'; }}
    location /v1/database/creds/bench {{ return 200 '{credentials}'; }}
    location /v1/secret/data/bench/document {{ return 200 '{document}'; }}
    location /v1/secret/metadata/bench/versions {{ alias {folder}/versions; }}
  }}
}}
"""

# A server that passes requests on to the real one, and writes a line of its log for each.
GATEWAY = """
  server {{
    listen 127.0.0.1:{port};
    access_log {folder}/{name}.log;
    location / {{ proxy_pass {address}; proxy_http_version 1.1; proxy_set_header Connection ""; }}
    {renewals}
  }}
"""

REFUSED_RENEWALS = """location = /v1/sys/leases/renew { return 400 '{"errors":["lease not found"]}'; }"""

GATEWAYS = """daemon off;
master_process off;
pid nginx.pid;
events {{ worker_connections 1024; }}
http {{
  default_type application/json;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
{servers}
}}
"""

CREATED = "2026-01-01T00:00:00.000000000Z"


def envelope(data, lease_id="", seconds=0):
    """An answer of Vault, in its compact form."""
    answer = {"request_id": "5d1a3b0e-0000-4000-8000-000000000001", "lease_id": lease_id, "renewable": bool(lease_id),
              "lease_duration": seconds, "data": data, "wrap_info": None, "warnings": None, "auth": None}
    return json.dumps(answer, separators=(",", ":"))


def mount(path, version):
    return envelope({"path": f"{path}/", "type": "kv", "options": {"version": version}})


def secret(fields):
    """An answer of KV version 2."""
    return envelope({"data": fields,
                     "metadata": {"created_time": CREATED, "custom_metadata": None, "deletion_time": "",
                                  "destroyed": False, "version": 1}})


def versions(count):
    """The metadata of a secret with `count` versions. Each has a time of deletion, which a client has to parse."""
    each = {"created_time": CREATED, "deletion_time": CREATED, "destroyed": False}
    return envelope({"cas_required": False, "created_time": CREATED, "current_version": count, "custom_metadata": None,
                     "delete_version_after": "0s", "max_versions": count, "oldest_version": 1, "updated_time": CREATED,
                     "versions": {str(number): each for number in range(1, count + 1)}})


ANSWERS = {
    "mount": mount("secret", "2"),
    "mount_1": MOUNT_OF_VERSION_1,
    "mount_of_version_1": mount(MOUNT_OF_VERSION_1, "1"),
    "secret": secret({"value": VALUE}),
    "secret_of_version_1": envelope({"value": VALUE}),
    "credentials": envelope({"username": "v-token-bench-0123456789", "password": VALUE}, "database/creds/bench/1", 36000),
    # Texts that differ, as long as the value.
    "document": secret({f"field_{i:02}": VALUE[i:] + VALUE[:i] for i in range(FIELDS)}),
}


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
        file.write(CONFIGURATION.format(port=port, tls=tls, folder=folder, **ANSWERS))
    # In a file, because nginx takes no text of more than 4 KiB in its configuration.
    with open(os.path.join(folder, "versions"), "w") as file:
        file.write(versions(VERSIONS))
    server = launch(folder, configuration, port)
    return server and (server, port)


def launch(folder, configuration, port):
    """A running nginx, once it listens on the port; None if another program took that meanwhile."""
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    server = subprocess.Popen(["nginx", "-p", folder, "-e", os.path.join(folder, "error.log"), "-c", configuration],
                              env=os.environ | {"PATH": path}, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
    end = time.monotonic() + READY_SECONDS
    while server.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return server
        time.sleep(0.01)
    server.kill()
    server.wait()
    return None


def launch_gateways(folder, address, names, refuses_renewals):
    """A running nginx with a gateway for each name, and their addresses."""
    ports = {name: free_port() for name in names}
    renewals = REFUSED_RENEWALS if refuses_renewals else ""
    servers = [GATEWAY.format(port=port, folder=folder, name=name, address=address, renewals=renewals)
               for name, port in ports.items()]
    configuration = os.path.join(folder, "nginx.conf")
    with open(configuration, "w") as file:
        file.write(GATEWAYS.format(folder=folder, servers="".join(servers)))
    server = launch(folder, configuration, next(iter(ports.values())))
    return server and (server, {name: f"http://127.0.0.1:{port}" for name, port in ports.items()})


@contextlib.contextmanager
def gateway(folder, settings, names, refuses_renewals):
    """Runs gateways to the real server, and yields the address of each name. Their logs are in the folder, a line for each
    request. Renewals of leases may be refused, as by a server that does not know them."""
    for _ in range(BIND_TRIES):
        if (started := launch_gateways(folder, settings["VAULT_ADDR"], names, refuses_renewals)) is not None:
            break
    else:
        sys.exit("bench: nginx did not come up; scripts/bootstrap bench installs it")
    server, addresses = started
    try:
        yield addresses
    finally:
        server.kill()
        server.wait()


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


def requests(settings):
    """The number of requests that a running nginx has received, with that of this function."""
    with urllib.request.urlopen(f"{settings['VAULT_ADDR']}/requests") as page:
        return int(page.read().split(b"\n")[2].split()[2])
