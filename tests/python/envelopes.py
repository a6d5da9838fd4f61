"""Envelopes in the Python package, on a real server. Run by tests/bindings/examples/python.rs."""

import os
import tempfile
import unittest

from handsfree_secrets import VaultSecretManager, envelope

MOUNT = f"transit-envelopes-{os.getpid()}"
DATA = bytes(range(256)) * 1000


class Envelopes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        VaultSecretManager().request("POST", f"sys/mounts/{MOUNT}", {"type": "transit"})
        os.environ["VAULT_TRANSIT_MOUNT"] = MOUNT
        cls.vault = VaultSecretManager()
        cls.vault.request("POST", f"{MOUNT}/keys/k", {})
        cls.key = cls.vault.transit("k")

    def test_data_come_back_whole_in_pieces_and_through_files(self):
        for data in (b"", b"short", DATA):
            sealed = envelope.encrypt(self.key, data, associated_data=b"file")
            self.assertEqual(envelope.decrypt(self.key, sealed, associated_data=b"file"), data)
            encryptor, decryptor = envelope.Encryptor(self.key), envelope.Decryptor(self.key)
            sealed = b"".join([encryptor.update(data[:999]), encryptor.update(data[999:]), encryptor.finish()])
            opened = [decryptor.update(sealed[at:at + 5000]) for at in range(0, len(sealed), 5000)]
            self.assertEqual(b"".join(opened) + decryptor.finish(), data)
        with tempfile.TemporaryFile() as plain, tempfile.TemporaryFile() as sealed, tempfile.TemporaryFile() as opened:
            plain.write(DATA)
            plain.flush()
            for file in (plain, sealed):
                os.lseek(file.fileno(), 0, os.SEEK_SET)
            envelope.encrypt_file(self.key, plain, sealed)
            os.lseek(sealed.fileno(), 0, os.SEEK_SET)
            envelope.decrypt_file(self.key, sealed, opened)
            self.assertEqual(os.pread(opened.fileno(), len(DATA) + 1, 0), DATA)

    def test_what_is_not_whole_is_a_value_error(self):
        sealed = envelope.encrypt(self.key, DATA)
        for wrong in (sealed[:-1], sealed + b"x", sealed[:500] + b"x" + sealed[501:]):
            with self.assertRaises(ValueError):
                envelope.decrypt(self.key, wrong)
        with self.assertRaises(ValueError):
            envelope.decrypt(self.key, sealed, associated_data=b"file")

    def test_a_new_version_of_the_key_changes_the_header_only(self):
        sealed = envelope.encrypt(self.key, DATA)
        self.vault.request("POST", f"{MOUNT}/keys/k/rotate", {})
        renewed = envelope.rewrap(self.key, sealed[:8200]) + sealed[envelope.header_length(sealed):]
        self.assertNotEqual(renewed[:30], sealed[:30])
        for cut in (b"", b"HFE\x01", sealed[:envelope.header_length(sealed) - 1], DATA):
            with self.assertRaises(ValueError):
                envelope.header_length(cut)
        self.assertEqual(envelope.decrypt(self.key, renewed), DATA)


if __name__ == "__main__":
    unittest.main()
