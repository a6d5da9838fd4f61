"""Handlers of signals run while the main thread waits for a server. The server has stopped to answer, so a call that is not
interrupted would end by its timeout, long after the limit of this program."""

import os
import pathlib
import signal
import socket
import sys
import threading
import time
import unittest
from urllib.parse import urlsplit

from handsfree_secrets import VaultError, VaultSecretManager

LIMIT = 60  # seconds, for each test; calls have more
OPTIONS = {"VAULT_CLIENT_TIMEOUT": "600s"}


def threads_of_queues():
    """The names of threads that the library has made."""
    names = (pathlib.Path("/proc/self/task", task, "comm").read_text().strip() for task in os.listdir("/proc/self/task"))
    return [name for name in names if name == "hf_queue"]


class Relay:
    """Connections to the server. While it is silent, it takes requests and passes none on."""

    def __init__(self):
        self.is_silent = False
        self.asked = threading.Semaphore(0)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        server = urlsplit(os.environ["VAULT_ADDR"])
        while True:
            client, _ = self.listener.accept()
            upstream = socket.create_connection((server.hostname, server.port))
            threading.Thread(target=self.pass_on, args=(client, upstream, True), daemon=True).start()
            threading.Thread(target=self.pass_on, args=(upstream, client, False), daemon=True).start()

    def pass_on(self, source, target, are_requests):
        while data := source.recv(65536):
            if not (self.is_silent and are_requests):
                target.sendall(data)
            else:
                self.asked.release()
        target.close()


class Interrupts(unittest.TestCase):
    def setUp(self):
        signal.alarm(LIMIT)
        self.addCleanup(signal.alarm, 0)
        self.relay = Relay()

    def open(self):
        manager = VaultSecretManager(self.relay.address, options=OPTIONS)
        self.addCleanup(setattr, self.relay, "is_silent", False)
        return manager

    def while_it_waits(self, action):
        """Runs an action in another thread once the silent server was asked."""
        self.relay.is_silent = True

        def run():
            self.relay.asked.acquire()
            action()

        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)

    def interrupted(self, call, send=lambda: os.kill(os.getpid(), signal.SIGINT)):
        sent = []
        self.while_it_waits(lambda: (sent.append(time.monotonic()), send()))
        with self.assertRaises(KeyboardInterrupt):
            call()
        print("KeyboardInterrupt after %.1f ms" % (1000 * (time.monotonic() - sent[0])), file=sys.stderr)

    def test_ctrl_c_ends_a_manager_that_is_being_opened(self):
        self.interrupted(self.open)

    def test_ctrl_c_ends_calls_and_the_manager_works_afterwards(self):
        manager = self.open()
        reference = manager.store_secret("interrupted", "value")
        watch = manager.watch(reference)
        for call in (lambda: manager.get_secret(reference), lambda: manager.store_document("a", {"b": 1}, cas=0),
                     lambda: manager.request("GET", "sys/health", wrap_ttl=60), lambda: next(watch),
                     lambda: watch.next_change(300)):
            self.interrupted(call)
            self.relay.is_silent = False
            self.assertEqual(manager.get_secret(reference), "value")

    def test_a_signal_that_interrupts_no_wait_is_handled_all_the_same(self):
        # To another thread, because no test can have it arrive just before the wait of the main thread begins.
        self.interrupted(self.open, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGINT))

    def test_a_handler_that_raises_nothing_does_not_end_the_call(self):
        manager = self.open()
        reference = manager.store_secret("handled", "value")
        values = []

        def handle(number, frame):
            self.relay.is_silent = False
            values.append(self.open().get_secret(reference))  # a call within a call
            threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGINT)).start()

        before = signal.signal(signal.SIGUSR1, handle)
        self.addCleanup(signal.signal, signal.SIGUSR1, before)
        self.while_it_waits(lambda: os.kill(os.getpid(), signal.SIGUSR1))
        with self.assertRaises(KeyboardInterrupt):
            manager.get_secret(reference)
        self.assertEqual(values, ["value"])

    def test_other_threads_block_and_are_not_interrupted(self):
        manager = self.open()
        reference = manager.store_secret("thread", "value")
        self.relay.is_silent = True
        thread = threading.Thread(target=manager.get_secret, args=(reference,), daemon=True)
        thread.start()
        self.relay.asked.acquire()
        with self.assertRaises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(LIMIT)
        self.assertTrue(thread.is_alive())

    def test_a_child_process_uses_the_manager_and_a_fork_copies_no_threads_of_the_library(self):
        manager = self.open()
        reference = manager.store_secret("forked", "value")
        self.assertEqual(manager.get_secret(reference), "value")
        self.assertTrue(threads_of_queues(), "the main thread has one")
        names = []
        os.register_at_fork(after_in_parent=lambda: names.extend(threads_of_queues()))
        child = os.fork()
        if child == 0:
            os._exit(0 if manager.get_secret(reference) == "value" else 1)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        self.assertEqual(names, [])
        self.assertEqual(manager.get_secret(reference), "value")

    def test_errors_are_those_of_calls_that_block(self):
        manager = self.open()
        with self.assertRaises(ValueError):
            manager.store_secret("a__b", "value")
        with self.assertRaises(VaultError) as raised:
            manager.request("POST", "no/such/mount", {})
        self.assertIn("HF_", raised.exception.status)
        self.assertIsNone(manager.get_secret("vault://absent"))


if __name__ == "__main__":
    unittest.main()
