"""Keys of the transit engine in the Python package, on a real server. Run by tests/bindings/examples/python.rs, with the
Python that has hvac."""

import base64
import copy
import os
import unittest

import hvac

from handsfree_secrets import EnvSecretManager, VaultError, VaultSecretManager

MOUNT = f"transit-python-{os.getpid()}"
DATA = bytes(range(256))


def setUpModule():
    VaultSecretManager().request("POST", f"sys/mounts/{MOUNT}", {"type": "transit"})
    os.environ["VAULT_TRANSIT_MOUNT"] = MOUNT


class WithKeys(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.vault = VaultSecretManager()

    def post(self, path, **body):
        return self.vault.request("POST", f"{MOUNT}/{path}", body)

    def key(self, name, **settings):
        self.post(f"keys/{name}", **settings)
        return self.vault.transit(name)

    def assert_fails(self, status, action):
        with self.assertRaises(VaultError) as raised:
            action()
        self.assertEqual(raised.exception.status, status)
        return raised.exception


class Encryption(WithKeys):
    def test_data_come_back_from_their_ciphertext(self):
        key = self.key("bytes")
        for data in [b"", b"a\0b", DATA, bytearray(b"\0"), memoryview(DATA)[3:9], b"long" * 100_000]:
            ciphertext = key.encrypt(data)
            self.assertRegex(ciphertext, "^vault:v1:")
            self.assertEqual(key.decrypt(ciphertext), bytes(data))

    def test_a_mistyped_name_is_none_and_makes_no_key(self):
        self.assertIsNone(self.vault.transit("typo"))
        self.assertIsNone(self.vault.request("GET", f"{MOUNT}/keys/typo"))
        for name in ["", "a/b", "a\0b"]:
            self.assertRaises(ValueError, self.vault.transit, name)

    def test_context_and_associated_data_have_to_be_those_of_the_encryption(self):
        key = self.key("derived", derived=True)
        self.assertRaisesRegex(ValueError, "context", key.encrypt, DATA)
        ciphertext = key.encrypt(DATA, context=b"row 1", associated_data=b"\0\xff")
        self.assertEqual(key.decrypt(ciphertext, context=b"row 1", associated_data=b"\0\xff"), DATA)
        for context, associated_data in [(b"row 2", b"\0\xff"), (b"row 1", b""), (b"row 1", None)]:
            with self.assertRaisesRegex(ValueError, "the context or the associated data is wrong"):
                key.decrypt(ciphertext, context=context, associated_data=associated_data)

    def test_rewrap_uses_the_latest_version_of_the_key(self):
        key = self.key("rotated")
        plain, bound = key.encrypt(DATA), key.encrypt(DATA, associated_data=b"table")
        self.post("keys/rotated/rotate")
        for first, parameters in [(plain, {}), (bound, {"associated_data": b"table"})]:
            second = key.rewrap(first, **parameters)
            self.assertRegex(second, "^vault:v2:")
            self.assertEqual(key.decrypt(second, **parameters), DATA)
            self.assertRegex(key.rewrap(second, key_version=1, **parameters), "^vault:v1:")
        self.assertRegex(key.encrypt(DATA, key_version=1), "^vault:v1:")
        self.post("keys/rotated/config", min_decryption_version=2)
        failure = self.assert_fails("HF_ERR_UNSUPPORTED", lambda: key.decrypt(plain))
        self.assertIn("min_decryption_version", str(failure))

    def test_what_hvac_encrypts_is_decrypted_here_and_the_reverse(self):
        key = self.key("witness", derived=True)
        witness = hvac.Client(url=os.environ["VAULT_ADDR"], token=os.environ["VAULT_TOKEN"]).secrets.transit
        context, data = [base64.b64encode(each).decode() for each in [b"row 1", DATA]]
        theirs = witness.encrypt_data("witness", data, context=context, mount_point=MOUNT)["data"]["ciphertext"]
        self.assertEqual(key.decrypt(theirs, context=b"row 1"), DATA)
        ours = key.encrypt(DATA, context=b"row 1")
        answer = witness.decrypt_data("witness", ours, context=context, mount_point=MOUNT)
        self.assertEqual(answer["data"]["plaintext"], data)

    def test_a_data_key_is_unwrapped_by_decryption(self):
        key = self.key("wrapping")
        for bits, length in [(None, 32), (128, 16), (512, 64)]:
            made = key.data_key(bits=bits, associated_data=b"file 1")
            self.assertEqual([len(made.key), key.decrypt(made.wrapped, associated_data=b"file 1")], [length, made.key])
            self.assertNotIn("key=", repr(made))
            wrapped = key.wrapped_data_key(bits=bits)
            self.assertEqual(len(key.decrypt(wrapped)), length)
        self.assertRaises(ValueError, key.data_key, bits=100)


class Signatures(WithKeys):
    def test_signatures_and_hmacs_are_verified(self):
        for kind in ["ed25519", "ecdsa-p256"]:
            key = self.key(kind, type=kind)
            for made in [key.sign(DATA), key.hmac(DATA)]:
                self.assertIs(key.verify(DATA, made), True)
                self.assertIs(key.verify(DATA + b"x", made), False)

    def test_the_parameters_of_a_signature_count(self):
        key = self.key("rsa", type="rsa-2048")
        how = {"hash_algorithm": "sha2-512", "signature_algorithm": "pkcs1v15"}
        signature = key.sign(DATA, **how)
        self.assertEqual([key.verify(DATA, signature, **how), key.verify(DATA, signature)], [True, False])
        digest = b"0123456789abcdef0123456789abcdef"
        signature = key.sign(digest, prehashed=True, hash_algorithm="sha2-256", key_version=1)
        self.assertTrue(key.verify(digest, signature, prehashed=True, hash_algorithm="sha2-256"))
        self.assertFalse(key.verify(digest, signature, hash_algorithm="sha2-256"))
        key = self.key("ecdsa", type="ecdsa-p256")
        signature = key.sign(DATA, marshaling_algorithm="jws")
        self.assertTrue(key.verify(DATA, signature, marshaling_algorithm="jws"))

    def test_every_key_makes_hmacs(self):
        key = self.key("mac")
        hmac = key.hmac(DATA, hash_algorithm="sha2-512", key_version=1)
        self.assertEqual([key.verify(DATA, hmac, hash_algorithm="sha2-512"), key.verify(DATA, hmac)], [True, False])
        self.assert_fails("HF_ERR_UNSUPPORTED", lambda: key.sign(DATA))


class Many(WithKeys):
    def test_thousands_of_items_come_back_in_order(self):
        key = self.key("thousands", derived=True)
        rows = [f"row {number}".encode() + b"\0" for number in range(2_000)]
        contexts = [{"context": row} for row in rows]
        ciphertexts = key.encrypt_many(iter(rows), item_parameters=iter(contexts))
        self.assertEqual(key.decrypt_many(ciphertexts, item_parameters=contexts), rows)
        self.post("keys/thousands/rotate")
        rewrapped = key.rewrap_many(ciphertexts[:100], item_parameters=contexts[:100])
        self.assertTrue(all(each.startswith("vault:v2:") for each in rewrapped))
        self.assertEqual(key.decrypt_many(rewrapped, item_parameters=contexts[:100]), rows[:100])

    def test_a_bad_item_is_an_exception_in_its_place(self):
        key = self.key("places")
        first, second = key.encrypt_many([b"first", b""], associated_data=b"table")
        own = [None, None, {"associated_data": b"other"}, {"contxt": b"x"}]
        results = key.decrypt_many([first, "bad", second, first], associated_data=b"table", item_parameters=own)
        self.assertEqual([results[0], *map(type, results[1:])], [b"first", ValueError, ValueError, ValueError])
        self.assertIn("the associated data is wrong", str(results[2]))
        self.assertEqual(key.decrypt(second, associated_data=b"table"), b"")
        self.post("keys/places/rotate")
        self.post("keys/places/config", min_decryption_version=2)
        old, new = key.rewrap_many([first, key.encrypt(b"new")])
        self.assertEqual([old.status, new[:9]], ["HF_ERR_UNSUPPORTED", "vault:v2:"])
        self.assertEqual([key.encrypt_many([]), key.decrypt_many(iter([])), key.rewrap_many([])], [[], [], []])

    def test_mistakes_about_all_items_are_raised(self):
        key = self.key("mistakes")
        self.assertRaises(ValueError, key.encrypt_many, [b"a"], item_parameters=[None, None])
        self.assertRaises(ValueError, key.decrypt_many, ["a\0b"])
        for data in [["a"], [5]]:
            self.assertRaises(TypeError, key.encrypt_many, data)
        self.assertRaises(TypeError, key.encrypt_many, [b"a"], item_parameters=[{"context": "x"}])


class Mistakes(WithKeys):
    def test_data_and_context_are_bytes(self):
        key = self.key("types")
        for data in ["text", 5, None, [1]]:
            self.assertRaises(TypeError, key.encrypt, data)
        for parameters in [{"context": "x"}, {"associated_data": 5}]:
            self.assertRaises(TypeError, key.encrypt, b"a", **parameters)
        self.assertRaises(ValueError, key.decrypt, "vault:v1:\0")
        self.assertRaises(ValueError, key.encrypt, b"a", key_version=7)
        self.assertRaises(TypeError, copy.copy, key)

    def test_a_key_that_cannot_do_it_and_a_mount_that_does_not_exist_are_vault_errors(self):
        signing = self.key("signing", type="ed25519")
        self.assert_fails("HF_ERR_UNSUPPORTED", lambda: signing.encrypt(b"a"))
        self.assert_fails("HF_ERR_UNSUPPORTED", lambda: signing.encrypt_many([b"a"]))
        os.environ["VAULT_TRANSIT_MOUNT"] = "no-such-mount"
        elsewhere = VaultSecretManager()
        os.environ["VAULT_TRANSIT_MOUNT"] = MOUNT
        self.assertIn("VAULT_TRANSIT_MOUNT", str(self.assert_fails("HF_ERR_CONFIG", lambda: elsewhere.transit("a"))))
        self.assert_fails("HF_ERR_UNSUPPORTED", lambda: EnvSecretManager().transit("a"))

    def test_a_key_keeps_its_manager_open(self):
        self.key("alone")
        key = VaultSecretManager().transit("alone")
        self.assertEqual(key.decrypt(key.encrypt(b"a")), b"a")


if __name__ == "__main__":
    unittest.main()
