"""Leases and credentials in the Python package, on a real server. Run by tests/bindings/examples/python.rs."""

import copy
import os
import unittest

from handsfree_secrets import EnvSecretManager, VaultError, VaultSecretManager

MOUNT = f"pki-python-{os.getpid()}"
PATH = f"{MOUNT}/issue/web"
NAME = {"common_name": "a.test"}


def setUpModule():
    vault = VaultSecretManager()
    vault.request("POST", f"sys/mounts/{MOUNT}", {"type": "pki"})
    vault.request("POST", f"{MOUNT}/root/generate/internal", {"common_name": "ca", "key_type": "ec"})
    role = {"allow_any_name": True, "key_type": "ec", "generate_lease": True, "ttl": "1h"}
    vault.request("POST", f"{MOUNT}/roles/web", role)


class Leases(unittest.TestCase):
    def setUp(self):
        self.vault = VaultSecretManager()

    def test_a_lease_tells_its_time_and_is_revoked(self):
        lease = self.vault.lease(PATH, NAME)
        self.assertTrue(59 * 60 < lease.remaining <= 60 * 60)
        self.assertTrue(lease.id.startswith(PATH))
        self.assertEqual(lease.generation, 0)
        self.assertIn("PRIVATE KEY", lease["private_key"])
        self.assertNotIn("PRIVATE", repr(lease))
        with self.assertRaises(VaultError):
            lease.renew()
        lease.revoke()
        self.assertEqual(lease.remaining, 0)

    def test_credentials_give_the_same_until_they_are_refused_or_revoked(self):
        credentials = self.vault.credentials(PATH, NAME)
        first = credentials.get()
        self.assertEqual((first.generation, credentials.get().id), (1, first.id))
        with self.assertRaises(ValueError):
            first.revoke()
        credentials.refused(first)
        self.assertEqual(credentials.get().generation, 2)
        self.assertTrue(30 * 60 < self.vault.maintain() < 60 * 60)
        credentials.revoke()
        self.assertEqual((first.remaining, credentials.get().generation), (0, 3))
        for each in (first, credentials):
            with self.assertRaises(TypeError):
                copy.copy(each)

    def test_what_is_not_there_is_told(self):
        self.assertIsNone(self.vault.lease("vault://nothing"))
        self.assertIsNone(self.vault.credentials("vault://nothing"))
        for path in ["nowhere/creds/app", PATH]:
            with self.assertRaises(VaultError):
                self.vault.credentials(path)
        with self.assertRaises(ValueError):
            self.vault.lease("a//b")
        self.assertIsNone(EnvSecretManager().maintain())

    def test_a_secret_serves_as_credentials(self):
        self.vault.store_secret("lease_python", "value")
        credentials = self.vault.credentials("vault://lease_python")
        self.assertEqual((credentials.get()["value"], credentials.get().remaining), ("value", None))
        self.vault.delete_secret("vault://lease_python")


if __name__ == "__main__":
    unittest.main()
