"""Metrics, traces, connections, the cache and watches of the Python package, on a real server. Run by
tests/bindings/examples/python.rs."""

import contextvars
import threading
import unittest

from handsfree_secrets import ChangeKind, EnvSecretManager, VaultSecretManager, max_age, process_metrics, trace_parent

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def samples(text):
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(number) for name, number in lines}


class Metrics(unittest.TestCase):
    def test_requests_are_counted(self):
        vault = VaultSecretManager()
        reference = vault.store_secret("python/counted", "value")
        for _ in range(3):
            vault.get_secret(reference)
        reads = 'handsfree_requests_total{operation="read",status="200"}'
        self.assertEqual(samples(vault.metrics())[reads], 3)
        self.assertGreaterEqual(samples(process_metrics())[reads], 3)
        self.assertEqual(EnvSecretManager().metrics(), "")

    def test_connections_are_opened_in_advance(self):
        vault = VaultSecretManager()
        vault.warm(3)
        self.assertEqual(samples(vault.metrics())['handsfree_connections{state="idle"}'], 3)
        for number in (0, 1 << 40, 100):
            self.assertRaises(ValueError, vault.warm, number)

    def test_a_trace_parent_is_checked_and_kept_by_threads_that_have_its_context(self):
        vault = VaultSecretManager()
        with trace_parent(PARENT):
            reference = vault.store_secret("python/traced", "value", cas=0)
            context = contextvars.copy_context()
        self.assertEqual(vault.get_secret(reference), "value")
        values = []
        thread = threading.Thread(target=lambda: values.append(context.run(vault.get_secret, reference)))
        thread.start()
        thread.join()
        self.assertEqual(values, ["value"])
        for wrong in ("00-1-2-3", PARENT.upper(), "a\0b"):
            with self.assertRaises(ValueError), trace_parent(wrong):
                self.fail("it was taken")

    def test_cached_answers_serve_until_they_are_cleared_or_too_old(self):
        other, vault = VaultSecretManager(), VaultSecretManager(options={"VAULT_CACHE_TTL": "1h"})
        reference = other.store_secret("python/cached", "first")
        self.assertEqual(vault.get_secret(reference), "first")
        other.store_secret("python/cached", "second")
        self.assertEqual(vault.get_secret(reference), "first")
        with trace_parent(PARENT), max_age(0):
            self.assertEqual(vault.get_secret(reference), "second")
        for clear in (lambda: vault.clear_cache(reference), vault.clear_cache):
            other.store_secret("python/cached", "third")
            clear()
            self.assertEqual(vault.get_secret(reference), "third")
        self.assertRaises(ValueError, vault.clear_cache, "nonsense")
        with self.assertRaises(ValueError), max_age(-1):
            self.fail("it was taken")

    def test_a_watch_tells_what_has_changed(self):
        vault = VaultSecretManager(options={"VAULT_WATCH_INTERVAL": "50ms"})
        reference = vault.store_secret("python/watched", "first")
        with vault.watch(reference) as watch:
            self.assertEqual(next(watch), (reference, ChangeKind.WRITTEN, 1, None))
            vault.store_secret("python/watched", "second")
            self.assertEqual(next(watch).version, 2)
            vault.delete_secret(reference)
            self.assertEqual(next(watch).kind, ChangeKind.DELETED)
            self.assertIsNone(watch.next_change(timeout=0.2))
            self.assertEqual([watch.remove(reference), watch.remove(reference)], [True, False])
            self.assertRaises(ValueError, watch.add, "nonsense")
            self.assertRaises(ValueError, watch.add, reference, -2)


if __name__ == "__main__":
    unittest.main()
