#!/usr/bin/env python3
"""Decrypts envelopes as docs/envelope.md describes them, and shares no code with the library.

envelope.py DATA_KEY ASSOCIATED_DATA < ENVELOPE > DATA   both in hexadecimal; prints nothing unless the envelope is whole
envelope.py --vectors PAGE                               checks the test vectors of docs/envelope.md
"""

import ctypes
import ctypes.util
import hashlib
import hmac
import json
import struct
import sys

SEGMENT = 32768
TAG = 16
STREAM_HEADER = 40

# EVP_CTRL_GCM_SET_TAG
SET_TAG = 0x11


def libcrypto():
    """OpenSSL, which Python is linked with: the standard library has no AES."""
    library = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")
    library.EVP_CIPHER_CTX_new.restype = ctypes.c_void_p
    library.EVP_aes_256_gcm.restype = ctypes.c_void_p
    return library


def open_segment(library, key, nonce, data):
    """The plaintext of one segment; an exception if its tag is wrong."""
    ciphertext, tag = data[:-TAG], data[-TAG:]
    context = ctypes.c_void_p(library.EVP_CIPHER_CTX_new())
    out, length = ctypes.create_string_buffer(len(ciphertext) + 16), ctypes.c_int()
    try:
        library.EVP_DecryptInit_ex(context, ctypes.c_void_p(library.EVP_aes_256_gcm()), None, key, nonce)
        library.EVP_DecryptUpdate(context, out, ctypes.byref(length), ciphertext, len(ciphertext))
        library.EVP_CIPHER_CTX_ctrl(context, SET_TAG, TAG, ctypes.c_char_p(tag))
        if library.EVP_DecryptFinal_ex(context, ctypes.byref(out, len(ciphertext)), ctypes.byref(length)) != 1:
            raise ValueError("a segment is not authentic")
    finally:
        library.EVP_CIPHER_CTX_free(context)
    return out.raw[: len(ciphertext)]


def hkdf_sha256(key, salt, info):
    """32 bytes: one block of HKDF."""
    extracted = hmac.new(salt, key, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


def header(envelope):
    """The wrapped key, the context, and what follows them."""
    if envelope[:4] != b"HFE\x01":
        raise ValueError("not an envelope")
    fields, at = [], 4
    for _ in range(2):
        (length,) = struct.unpack_from(">H", envelope, at)
        fields.append(envelope[at + 2 : at + 2 + length])
        at += 2 + length
    return fields[0].decode("ascii"), fields[1], envelope[at:]


def decrypt(envelope, data_key, associated_data):
    """The data of an envelope."""
    _, _, stream = header(envelope)
    if stream[0] != STREAM_HEADER:
        raise ValueError("not a stream header")
    salt, prefix = stream[1:33], stream[33:STREAM_HEADER]
    library, key = libcrypto(), hkdf_sha256(data_key, salt, associated_data)
    ends = list(range(SEGMENT, len(stream), SEGMENT)) + [len(stream)]
    starts = [STREAM_HEADER] + ends[:-1]
    data = []
    for number, (start, end) in enumerate(zip(starts, ends)):
        nonce = prefix + struct.pack(">IB", number, end == len(stream))
        data.append(open_segment(library, key, nonce, stream[start:end]))
    return b"".join(data)


def check_vectors(page):
    """Compares the envelopes in the page that are whole with their parts."""
    text = open(page, encoding="utf-8").read()
    checked = 0
    for vector in json.loads(text.split("```json\n")[1].split("```")[0]):
        if "envelope" not in vector:
            continue
        envelope = bytes.fromhex(vector["envelope"])
        assert hashlib.sha256(envelope).hexdigest() == vector["envelope_sha256"]
        assert header(envelope)[:2] == (vector["wrapped_key"], bytes.fromhex(vector["context"]))
        data = decrypt(envelope, bytes.fromhex(vector["data_key"]), bytes.fromhex(vector["associated_data"]))
        assert data == bytes.fromhex(vector["plaintext"]) * vector["plaintext_repeated"]
        checked += 1
    assert checked > 0, "there are no vectors"


def main():
    """See the usage above."""
    if sys.argv[1] == "--vectors":
        check_vectors(sys.argv[2])
    else:
        data_key, associated_data = (bytes.fromhex(argument) for argument in sys.argv[1:3])
        sys.stdout.buffer.write(decrypt(sys.stdin.buffer.read(), data_key, associated_data))


main()
