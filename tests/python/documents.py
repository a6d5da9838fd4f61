"""The documents of the Python package, on a real server. Run by tests/bindings/examples/python.rs."""

import copy
import pickle
import unittest

from handsfree_secrets import REMOVED, Document, EnvSecretManager, Stored, VaultError, VaultSecretManager


class Documents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.vault = VaultSecretManager()

    def test_a_document_is_a_mapping_with_values_of_all_kinds(self):
        fields = {"text": "ü😀", "nul": "a\0b", "port": 5432, "ratio": 0.5, "on": True, "off": None,
                  "nested": {"list": [1, "ü"]}, "list": [1, 2], "empty": ""}
        stored = self.vault.store_document("python_kinds", fields)
        self.assertEqual(stored, Stored("vault://python_kinds", 1))
        document = self.vault.get_document(stored.reference)
        self.assertEqual(document, fields)
        self.assertEqual(document.names, sorted(fields))
        self.assertEqual(list(document), sorted(fields))
        self.assertEqual(len(document), len(fields))
        self.assertIn("port", document)
        for absent in ["host", "no\0name", 5]:
            self.assertNotIn(absent, document)
            self.assertIsNone(document.get(absent))
        with self.assertRaises(KeyError):
            document["host"]

    def test_text_is_that_of_strings_numbers_and_booleans_and_json_is_to_the_letter(self):
        fields = {"port": 5432, "on": True, "name": "a\"b", "none": None, "list": [1]}
        self.vault.store_document("python_letter", fields)
        document = self.vault.get_document("vault://python_letter")
        texts = {name: document.text(name) for name in document.names}
        self.assertEqual(texts, {"port": "5432", "on": "true", "name": "a\"b", "none": None, "list": None})
        self.assertEqual([document.json(name) for name in ["name", "list", "host"]], ['"a\\"b"', "[1]", None])
        self.assertEqual(document.json(), '{"list":[1],"name":"a\\"b","none":null,"on":true,"port":5432}')

    def test_bytes_come_back_and_other_fields_are_not_base64(self):
        key = bytes(range(256))
        self.vault.store_document("python_bytes", {"key": key, "array": bytearray(b"\0"), "none": b"", "name": "!"})
        document = self.vault.get_document("vault://python_bytes")
        self.assertEqual([document.bytes(name) for name in ["key", "array", "none", "absent"]], [key, b"\0", b"", None])
        with self.assertRaises(VaultError) as raised:
            document.bytes("name")
        self.assertEqual(raised.exception.status, "HF_ERR_UNSUPPORTED")

    def test_metadata_version_and_time_are_those_of_the_version_that_was_read(self):
        for owner in ["first", "second"]:
            self.vault.store_document("python_metadata", {"value": owner}, metadata={"owner": owner})
        first, latest = [self.vault.get_document(f"vault://python_metadata{version}") for version in ["?version=1", ""]]
        self.assertEqual([(each.version, each.metadata, each["value"]) for each in [first, latest]],
                         [(1, {"owner": "first"}, "first"), (2, {"owner": "second"}, "second")])
        self.assertLess(first.created, latest.created)
        self.assertEqual(latest.age_ms, 0)

    def test_update_changes_and_removes_fields_and_keeps_the_others_and_the_metadata(self):
        self.vault.store_document("python_update", {"a": "1", "b": "2", "c": "3"}, metadata={"owner": "billing"})
        self.assertEqual(self.vault.update_document("vault://python_update", {"a": "4", "b": REMOVED, "d": 5}), 2)
        document = self.vault.get_document("vault://python_update")
        self.assertEqual(document, {"a": "4", "c": "3", "d": 5, "metadata": {"owner": "billing"}})
        self.vault.update_document("vault://python_update", {}, metadata={})
        self.assertEqual(self.vault.get_document("vault://python_update").metadata, {})

    def test_a_stored_document_has_no_removed_fields(self):
        self.vault.store_document("python_removed", {"a": "1", "b": REMOVED})
        self.assertEqual(self.vault.get_document("vault://python_removed"), {"a": "1"})

    def test_what_does_not_exist_is_none(self):
        for reference in ["vault://python_absent", "vault://python_absent?version=7", "other://python"]:
            self.assertIsNone(self.vault.get_document(reference))
        self.assertIsNone(self.vault.update_document("vault://python_absent", {"a": "1"}))

    def test_a_condition_that_does_not_hold_is_a_conflict(self):
        def conflicts(action):
            with self.assertRaises(VaultError) as raised:
                action()
            self.assertEqual(raised.exception.status, "HF_ERR_CONFLICT")

        vault, reference = self.vault, "vault://python_cas"
        vault.store_document("python_cas", {"a": "1"}, cas=0)
        conflicts(lambda: vault.store_document("python_cas", {"a": "2"}, cas=0))
        conflicts(lambda: vault.store_secret("python_cas", "2", cas=0))
        self.assertEqual(vault.update_document(reference, {"b": "2"}, cas=1), 2)
        conflicts(lambda: vault.update_document(reference, {"b": "3"}, cas=1))
        conflicts(lambda: vault.update_secret(reference + "#a", "3", cas=1))
        self.assertTrue(vault.update_secret(reference + "#a", "3", cas=2))
        self.assertEqual(vault.get_document(reference), {"a": "3", "b": "2"})

    def test_get_documents_has_a_result_for_each_reference(self):
        self.vault.store_document("python_many", {"a": "1"})
        references = ["vault://python_many", "vault://python_absent", "other://python", "vault://python_many#a"]
        found, absent, foreign, refused = self.vault.get_documents(references)
        self.assertEqual([found, absent, foreign], [{"a": "1"}, None, None])
        self.assertIsInstance(found, Document)
        self.assertIsInstance(refused, ValueError)
        self.assertIn("#field", str(refused))
        self.assertEqual(self.vault.get_documents(iter([])), [])

    def test_mistakes_of_the_caller_raise_before_anything_is_sent(self):
        store = self.vault.store_document
        for error, fields, settings in [
            (ValueError, {"a": float("nan")}, {}),
            (ValueError, {"": "1"}, {}),
            (ValueError, {"a\0b": "1"}, {}),
            (ValueError, {"metadata": "1"}, {"metadata": {"owner": "billing"}}),
            (ValueError, {"a": "1"}, {"cas": -1}),
            (ValueError, {"a": "1"}, {"cas": 1 << 63}),
            (TypeError, {"a": object()}, {}),
        ]:
            with self.subTest(fields=fields, settings=settings), self.assertRaises(error):
                store("python_mistakes", fields, **settings)
        self.assertIsNone(self.vault.get_document("vault://python_mistakes"))
        with self.assertRaisesRegex(ValueError, "#field"):
            self.vault.get_document("vault://python_mistakes#a")

    def test_repr_shows_names_and_no_values_and_copies_share_the_document(self):
        self.vault.store_document("python_repr", {"password": "hunter2"})
        document = self.vault.get_document("vault://python_repr")
        self.assertEqual(repr(document), "<Document version=1 names=['password']>")
        self.assertNotIn("hunter2", repr(document.items()) + repr(document.values()))
        self.assertIs(copy.copy(document), document)
        self.assertIs(copy.deepcopy([document])[0], document)
        for refused in [lambda: pickle.dumps(document), lambda: copy.copy(self.vault)]:
            self.assertRaises(TypeError, refused)

    def test_the_env_backend_has_one_field_and_no_versions(self):
        env = EnvSecretManager()
        stored = env.store_document("python_document", {"value": "1"})
        self.assertEqual(stored.version, 0)
        document = env.get_document(stored.reference)
        self.assertEqual([dict(document), document.version, document.created], [{"value": "1"}, 0, ""])
        with self.assertRaises(VaultError) as raised:
            env.store_document("python_document", {"other": "1"})
        self.assertEqual(raised.exception.status, "HF_ERR_UNSUPPORTED")


if __name__ == "__main__":
    unittest.main()
