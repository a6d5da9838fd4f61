"""asyncio with the Python package, on a real server. Run by tests/bindings/examples/python.rs."""

import asyncio
import os
import threading
import unittest

from handsfree_secrets import EnvSecretManager, VaultError, VaultSecretManager, aio


class Aio(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.blocking = VaultSecretManager()
        self.secrets = aio.SecretManager(self.blocking)

    async def asyncTearDown(self):
        await self.secrets.aclose()

    async def test_many_tasks_get_their_own_values_without_threads_of_python(self):
        references = [await self.secrets.store_secret(f"aio_{number}", str(number)) for number in range(20)]
        values = await asyncio.gather(*(self.secrets.get_secret(references[number % 20]) for number in range(500)))
        self.assertEqual(values, [str(number % 20) for number in range(500)])
        self.assertEqual(threading.active_count(), 1)

    async def test_operations_give_what_the_blocking_ones_give(self):
        secrets = self.secrets
        reference = await secrets.store_secret("aio_operations", "one", {"owner": "tests"})
        self.assertEqual(await secrets.get_secret(reference), "one")
        self.assertTrue(await secrets.update_secret(reference, "two"))
        self.assertEqual(self.blocking.get_secret(reference), "two")
        self.assertEqual(await secrets.list_secrets("aio_operations"), ["vault://aio/operations"])
        stored = await secrets.store_document("aio_document", {"a": "b", "n": 1})
        self.assertEqual(await secrets.update_document(stored.reference, {"a": "c"}), 2)
        document = await secrets.get_document(stored.reference)
        self.assertEqual((dict(document), document.version), ({"a": "c", "n": 1}, 2))
        documents = await secrets.get_documents([stored.reference, "vault://aio_nothing"])
        self.assertEqual([None if each is None else each["a"] for each in documents], ["c", None])
        self.assertEqual([each.number for each in (await secrets.list_versions(stored.reference)).versions], [1, 2])
        rotation = await secrets.rotate_secret(reference)
        self.assertEqual(await secrets.get_secret(reference), rotation.value)
        self.assertTrue(await secrets.delete_secret(reference))
        self.assertFalse(await secrets.delete_secret(reference))
        self.assertIsNone(await secrets.get_secret(reference))
        self.assertIsNone(await secrets.get_secret("not a reference"))
        self.assertEqual((await secrets.request("GET", "sys/health")).status, 200)
        await secrets.check()

    async def test_failures_raise_as_the_blocking_ones(self):
        with self.assertRaises(VaultError) as raised:
            await self.secrets.store_secret("aio_operations_cas", "x", cas=7)
        self.assertEqual(raised.exception.status, "HF_ERR_CONFLICT")
        with self.assertRaises(ValueError):
            await self.secrets.store_secret("a\nb", "x")

    async def test_a_cancelled_task_abandons_its_call(self):
        reference = await self.secrets.store_secret("aio_cancelled", "value")
        for pause in [0, 0, 0.0005, 0.001, 0.002] * 10:
            task = asyncio.ensure_future(self.secrets.get_secret(reference))
            await asyncio.sleep(pause)
            task.cancel()
            try:
                self.assertEqual(await task, "value")
            except asyncio.CancelledError:
                pass
        self.assertEqual(await self.secrets.get_secret(reference), "value")
        self.assertEqual(self.secrets._queue._pending, {})

    async def test_closing_ends_what_is_pending(self):
        reference = await self.secrets.store_secret("aio_closed", "value")
        other = aio.SecretManager(self.blocking, concurrency=1)
        tasks = [asyncio.ensure_future(other.get_secret(reference)) for _ in range(50)]
        await asyncio.sleep(0)
        await other.aclose()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        cancelled = [each for each in outcomes if isinstance(each, VaultError) and each.status == "HF_ERR_CANCELLED"]
        self.assertTrue(cancelled)
        self.assertTrue(all(each == "value" for each in outcomes if each not in cancelled), outcomes)
        await other.aclose()
        with self.assertRaises(VaultError) as raised:  # It would block without a queue.
            await other.get_secret(reference)
        self.assertEqual(raised.exception.status, "HF_ERR_CANCELLED")

    async def test_two_tasks_may_close(self):
        other = aio.SecretManager(self.blocking, concurrency=1)
        tasks = [asyncio.ensure_future(other.get_secret("vault://aio_closed")) for _ in range(50)]
        await asyncio.sleep(0)
        await asyncio.gather(other.aclose(), other.aclose())
        await asyncio.gather(*tasks, return_exceptions=True)

    async def test_a_coroutine_that_is_closed_abandons_its_call(self):
        for _ in range(10):
            coroutine = self.secrets.get_secret("vault://aio_closed")
            coroutine.send(None)
            self.assertEqual(len(self.secrets._queue._pending), 1)
            coroutine.close()
            self.assertEqual(self.secrets._queue._pending, {})

    async def test_the_env_backend_answers_at_once(self):
        async with aio.SecretManager(EnvSecretManager()) as secrets:
            reference = await secrets.store_secret("aio_env", "value")
            self.assertEqual(await secrets.get_secret(reference), "value")
            with self.assertRaises(VaultError) as raised:
                await secrets.request("GET", "sys/health")
            self.assertEqual(raised.exception.status, "HF_ERR_UNSUPPORTED")

    async def test_keys_encrypt_and_sign(self):
        mount = os.environ["VAULT_MOUNT"] + "-aio"
        os.environ["VAULT_TRANSIT_MOUNT"] = mount
        try:
            async with aio.SecretManager(VaultSecretManager()) as secrets:
                await secrets.request("POST", f"sys/mounts/{mount}", {"type": "transit"})
                await secrets.request("POST", f"{mount}/keys/rows", {})
                key = await secrets.transit("rows")
                ciphertext = await key.encrypt(b"data")
                self.assertEqual(await key.decrypt(await key.rewrap(ciphertext)), b"data")
                mac = await key.hmac(b"data")
                self.assertEqual((await key.verify(b"data", mac), await key.verify(b"other", mac)), (True, False))
                self.assertIsNone(await secrets.transit("nothing"))
        finally:
            del os.environ["VAULT_TRANSIT_MOUNT"]


if __name__ == "__main__":
    unittest.main()
