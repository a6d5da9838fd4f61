"""Versions, rotation and requests of the Python package, on a real server. Run by tests/bindings/examples/python.rs."""

import os
import unittest

from handsfree_secrets import EnvSecretManager, Rotation, VaultError, VaultSecretManager, VersionState


class WithManager(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.vault = VaultSecretManager()

    def assert_fails(self, status, action):
        with self.assertRaises(VaultError) as raised:
            action()
        self.assertEqual(raised.exception.status, status)
        return raised.exception


class Versions(WithManager):
    def stored(self, key, values):
        for value in values:
            reference = self.vault.store_secret(key, value)
        return reference

    def states(self, reference):
        return [version.state.name for version in self.vault.list_versions(reference).versions]

    def test_versions_are_listed_in_order_with_their_times(self):
        reference = self.stored("python_listed", ["1", "2"])
        versions = self.vault.list_versions(reference).versions
        self.assertEqual([(each.number, each.state, each.deletion) for each in versions],
                         [(1, VersionState.LIVE, ""), (2, VersionState.LIVE, "")])
        self.assertEqual(versions[1].created, self.vault.get_document(reference).created)

    def test_versions_are_deleted_undeleted_and_destroyed(self):
        vault, reference = self.vault, self.stored("python_states", ["1", "2", "3"])
        self.assertTrue(vault.delete_versions(reference, [0, 1]))
        self.assertIsNone(vault.get_document(reference))
        self.assertEqual(self.states(reference), ["DELETED", "LIVE", "DELETED"])
        self.assertNotEqual(vault.list_versions(reference).versions[0].deletion, "")
        self.assertTrue(vault.undelete_versions(reference, iter([3])))
        self.assertEqual(vault.get_secret(reference), "3")
        self.assertTrue(vault.destroy_versions(reference, [1]))
        self.assertEqual(self.states(reference), ["DESTROYED", "LIVE", "LIVE"])
        self.assertFalse(vault.undelete_versions(reference, [1]))

    def test_rollback_writes_an_older_version_as_a_new_one(self):
        reference = self.stored("python_rollback", ["1", "2"])
        self.assertEqual(self.vault.rollback_secret(reference, 1), 3)
        self.assertEqual(self.vault.get_secret(reference), "1")

    def test_what_does_not_exist_is_none_or_false(self):
        reference, absent = self.stored("python_missing", ["1"]), "vault://python_absent"
        self.assertEqual([self.vault.list_versions(absent), self.vault.rollback_secret(reference, 7),
                          self.vault.rotate_secret(absent), self.vault.rotate_secret(reference + "#other")], [None] * 4)
        for change in [self.vault.delete_versions, self.vault.undelete_versions, self.vault.destroy_versions]:
            self.assertFalse(change(reference, [7]))
            self.assertFalse(change(absent, [1]))
            self.assertFalse(change("other://python", [1]))
        self.assertFalse(self.vault.set_custom_metadata(absent, {"a": "1"}))

    def test_numbers_that_no_version_can_have_are_refused(self):
        reference = self.stored("python_numbers", ["1"])
        for numbers in [[], [-1], [1 << 64]]:
            self.assertRaises(ValueError, self.vault.delete_versions, reference, numbers)
        self.assertRaises(ValueError, self.vault.undelete_versions, reference, [0])
        self.assertRaises(ValueError, self.vault.rollback_secret, reference, 0)

    def test_custom_metadata_is_replaced_and_removed(self):
        reference = self.stored("python_custom", ["1"])
        for entries in [{"team": "ü", "owner": "billing"}, {"team": "b"}, {}]:
            self.assertTrue(self.vault.set_custom_metadata(reference, entries))
            self.assertEqual(self.vault.list_versions(reference).custom_metadata, entries)

    def test_rotation_gives_one_field_a_new_value_and_keeps_the_old_version(self):
        self.vault.store_document("python_rotated", {"username": "app", "password": "old"})
        reference = "vault://python_rotated#password"
        rotation = self.vault.rotate_secret(reference)
        self.assertEqual([rotation.version, len(rotation.value), repr(rotation)], [2, 32, "Rotation(version=2)"])
        self.assertEqual(self.vault.get_document("vault://python_rotated"),
                         {"username": "app", "password": rotation.value})
        self.assertEqual(self.vault.get_secret("vault://python_rotated?version=1#password"), "old")
        self.assert_fails("HF_ERR_CONFIG", lambda: self.vault.rotate_secret(reference, "no-such-policy"))

    def test_rotation_takes_the_value_of_a_password_policy(self):
        rule = 'length = 20\nrule "charset" { charset = "xyz" }'
        self.vault.request("PUT", "sys/policies/password/python", {"policy": rule})
        rotation = self.vault.rotate_secret(self.stored("python_policy", ["1"]), password_policy="python")
        self.assertEqual(rotation, Rotation(self.vault.get_secret("vault://python_policy"), 2))
        self.assertRegex(rotation.value, "^[xyz]{20}$")

    def test_the_env_backend_has_no_versions(self):
        env = EnvSecretManager()
        reference = env.store_secret("python_versions", "1")
        for action in [env.list_versions, env.rotate_secret, lambda each: env.rollback_secret(each, 1),
                       lambda each: env.delete_versions(each, [1])]:
            self.assert_fails("HF_ERR_UNSUPPORTED", lambda: action(reference))


class Requests(WithManager):
    def test_a_request_has_status_and_body(self):
        data = f"{os.environ['VAULT_MOUNT']}/data/python/request"
        answer = self.vault.request("POST", data, {"data": {"value": "ü"}})
        self.assertEqual([answer.status, answer.json()["data"]["version"]], [200, 1])
        self.assertEqual(self.vault.request("GET", data).json()["data"]["data"], {"value": "ü"})
        self.assertEqual(self.vault.get_secret("vault://python_request"), "ü")
        deleted = self.vault.request("DELETE", data)
        self.assertEqual([deleted.status, deleted.body, repr(deleted)], [204, b"", "Response(status=204)"])
        self.assertIsNone(self.vault.request("GET", f"{os.environ['VAULT_MOUNT']}/metadata/python/absent"))

    def test_mistakes_in_a_request_are_value_errors(self):
        for method, path, body in [("FETCH", "sys/health", None), ("GET", "a/../b", None), ("GET", "sys/health", {})]:
            self.assertRaises(ValueError, self.vault.request, method, path, body)

    def test_a_wrapped_answer_is_unwrapped_once(self):
        wrapped = self.vault.request("GET", "sys/internal/ui/mounts", wrap_ttl=60).json()["wrap_info"]
        self.assertEqual([wrapped["ttl"], wrapped["creation_path"]], [60, "sys/internal/ui/mounts"])
        self.assertIn("secret", self.vault.unwrap(wrapped["token"])["data"])
        failure = self.assert_fails("HF_ERR_AUTH", lambda: self.vault.unwrap(wrapped["token"]))
        self.assertNotIn(wrapped["token"], str(failure))
        self.assertRaises(ValueError, self.vault.request, "GET", "sys/health", wrap_ttl=0)

    def test_check_succeeds_until_the_token_is_revoked(self):
        token = self.vault.request("POST", "auth/token/create", {"policies": ["default"], "ttl": "5m"}).json()
        guest = VaultSecretManager(vault_token=token["auth"]["client_token"])
        guest.check()
        self.vault.request("POST", "auth/token/revoke", {"token": token["auth"]["client_token"]})
        self.assert_fails("HF_ERR_AUTH", guest.check)

    def test_the_env_backend_has_no_server(self):
        env = EnvSecretManager()
        env.check()
        self.assert_fails("HF_ERR_UNSUPPORTED", lambda: env.request("GET", "sys/health"))
        self.assert_fails("HF_ERR_UNSUPPORTED", lambda: env.unwrap("hvs.token"))


if __name__ == "__main__":
    unittest.main()
