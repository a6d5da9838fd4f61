"""hvac, used as its documentation shows, with the commands of bench/peers/c/harness.c."""

import base64
import concurrent.futures
import os
import sys
import threading
import time

import hvac

PATH = "bench/one"
VALUE = "Wd2mE8hTq5ZrK1xVn7BcYs4LfJ9gPa6uQ3oR0tXi"

# A document that nginx.py records, with 20 fields whose texts are as long as the value.
DOCUMENT = "bench/document"
FIELDS = 20

# How many items a request to the transit engine takes: OpenBao's limit is 1,000 names and texts.
ITEMS_OF_REQUEST = 494

# The number of threads of a batch, and of many gets.
CONCURRENCY = 8


def read(client, path):
    answer = client.secrets.kv.v2.read_secret_version(path=path, mount_point="secret", raise_on_deleted_version=True)
    return answer["data"]["data"]


def get(client, path=PATH):
    return read(client, path)["value"]


def texts(client):
    """Gets a document and reads the texts of all fields."""
    length = sum(len(text) for text in read(client, DOCUMENT).values())
    if length != FIELDS * len(VALUE):
        sys.exit(f"the texts of the document have {length} bytes")


def store(client):
    client.secrets.kv.v2.create_or_update_secret(path="bench/stored", secret={"value": VALUE}, mount_point="secret")


def list_breadth_first(client, folder):
    """Lists one folder after the other, as the Python `VaultSecretManager` does."""
    count, folders = 0, [folder]
    while folders:
        folder = folders.pop(0)
        answer = client.secrets.kv.v2.list_secrets(path=folder, mount_point="secret")
        for key in answer["data"]["keys"]:
            if key.endswith("/"):
                folders.append(f"{folder}/{key[:-1]}")
            else:
                count += 1
    return count


def batch(client, count):
    paths = [f"bench/many/{i // 400}/{i // 20 % 20}/{i % 20}" for i in range(count)]
    with concurrent.futures.ThreadPoolExecutor(CONCURRENCY) as workers:
        return sum(1 for _ in workers.map(lambda path: get(client, path), paths))


def queue(client, count):
    with concurrent.futures.ThreadPoolExecutor(CONCURRENCY) as workers:
        return sum(1 for _ in workers.map(lambda _: get(client), range(count)))


def encoded():
    return base64.b64encode(VALUE.encode()).decode()


def encrypt(client):
    return client.secrets.transit.encrypt_data(name="bench", plaintext=encoded())["data"]["ciphertext"]


def verify(client):
    answer = client.secrets.transit.verify_signed_data(
        name="bench-ed25519", hash_input=encoded(), signature=os.environ["BENCH_SIGNATURE"])
    if not answer["data"]["valid"]:
        sys.exit("the signature is not valid")


def encrypt_many(client, count):
    made = 0
    for start in range(0, count, ITEMS_OF_REQUEST):
        items = [{"plaintext": encoded()} for _ in range(min(ITEMS_OF_REQUEST, count - start))]
        answer = client.secrets.transit.encrypt_data(name="bench", batch_input=items)
        made += sum("ciphertext" in result for result in answer["data"]["batch_results"])
    return made


def credentials(client, path):
    """hvac keeps nothing valid: its documentation makes credentials where they are needed."""
    mount, _, role = path.split("/")
    start = time.perf_counter_ns()
    made = client.secrets.database.generate_credentials(name=role, mount_point=mount)["data"]
    return [time.perf_counter_ns() - start, made["username"], made["password"]]


def one_by_one(count, operation):
    times = []
    for _ in range(count):
        start = time.perf_counter_ns()
        operation()
        times.append(time.perf_counter_ns() - start)
    return times


def once(operation):
    start = time.perf_counter_ns()
    count = operation()
    return [time.perf_counter_ns() - start, count]


def threads(client, count, milliseconds):
    start = threading.Barrier(count + 1)
    gets = [0] * count

    def work(index):
        get(client)  # connects before the clock starts
        start.wait()
        end = time.perf_counter_ns() + milliseconds * 1_000_000
        while time.perf_counter_ns() < end:
            get(client)
            gets[index] += 1

    workers = [threading.Thread(target=work, args=[index]) for index in range(count)]
    for worker in workers:
        worker.start()
    start.wait()
    begin = time.perf_counter_ns()
    for worker in workers:
        worker.join()
    return [sum(gets), time.perf_counter_ns() - begin]


def obey(client, words):
    match words:
        case ["get", count]:
            return one_by_one(int(count), lambda: get(client))
        case ["document", count]:
            return one_by_one(int(count), lambda: texts(client))
        case ["store", count]:
            return one_by_one(int(count), lambda: store(client))
        case ["threads", count, milliseconds]:
            return threads(client, int(count), int(milliseconds))
        case ["list", folder]:
            return once(lambda: list_breadth_first(client, folder))
        case ["queue", count]:
            return once(lambda: queue(client, int(count)))
        case ["encrypt", count]:
            return one_by_one(int(count), lambda: encrypt(client))
        case ["verify", count]:
            return one_by_one(int(count), lambda: verify(client))
        case ["encrypt-many", count]:
            return once(lambda: encrypt_many(client, int(count)))
        case ["credentials", path]:
            return credentials(client, path)
        case ["batch", count]:
            return once(lambda: batch(client, int(count)))
    sys.exit(f"what is {words}?")


def main():
    client = hvac.Client(url=os.environ["VAULT_ADDR"], token=os.environ["VAULT_TOKEN"],
                         verify=os.environ.get("VAULT_CACERT", True))
    if sys.argv[1:2] == ["gets"]:
        for _ in range(int(sys.argv[2])):
            get(client)
        return
    print("ready", get(client), flush=True)
    for line in sys.stdin:
        print(*obey(client, line.split()), flush=True)


if __name__ == "__main__":
    main()
