/* scan_envelope.c MASKED      what the library keeps of data in envelopes, and of their data keys
 *
 * The text is masked as scan.h has it. */
#include "scan.h"

#include "../transit.h"

#define TIMES 5000
#define PIECE 3001

static hf_error *error = NULL;

static hf_bytes *encrypted(const hf_transit *key, const struct needle *needle, size_t times)
{
    char *text = unmask(needle, "", times);
    hf_bytes *envelope = NULL;

    CHECK_STATUS(HF_OK, hf_envelope_encrypt(key, text, strlen(text), NULL, NULL, &envelope, &error));
    wipe(text);
    expect("after hf_envelope_encrypt", needle, 0);
    return envelope;
}

static void check_whole(const hf_transit *key, const struct needle *needle, size_t times)
{
    hf_bytes *envelope = encrypted(key, needle, times), *bytes = NULL;

    CHECK_STATUS(HF_OK, hf_envelope_decrypt(key, hf_bytes_data(envelope), hf_bytes_len(envelope), NULL, NULL, &bytes,
                                            &error));
    CHECK(is_kept_from_dumps(hf_bytes_data(bytes)), "the data are in core dumps");
    expect("while the caller holds the data", needle, 1);
    hf_bytes_free(bytes);
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_envelope_decrypt(key, hf_bytes_data(envelope), hf_bytes_len(envelope) - 1,
                                                              NULL, NULL, &bytes, &error));
    expect("after hf_envelope_decrypt and hf_bytes_free", needle, 0);
    hf_bytes_free(envelope);
}

/* A stream that is freed in its middle: it keeps the data of a segment until then. */
static void check_stream(const hf_transit *key, const struct needle *needle)
{
    char *text = unmask(needle, "", TIMES);
    hf_envelope *stream = NULL;
    hf_bytes *bytes = NULL;
    size_t at;

    CHECK_STATUS(HF_OK, hf_envelope_encryptor(key, NULL, NULL, &stream, &error));
    for (at = 0; at + PIECE < strlen(text); at += PIECE) {
        CHECK_STATUS(HF_OK, hf_envelope_update(stream, text + at, PIECE, NULL, &bytes, &error));
        hf_bytes_free(bytes);
    }
    wipe(text);
    expect("while a stream keeps a segment", needle, 1);
    hf_envelope_free(stream);
    expect("after hf_envelope_free", needle, 0);
}

/* The data key of the envelopes, masked. */
static struct needle data_key_of(const hf_transit *key)
{
    hf_bytes *envelope = NULL, *plain = NULL;
    const unsigned char *bytes;
    char wrapped[500];
    struct needle needle;

    CHECK_STATUS(HF_OK, hf_envelope_encrypt(key, NULL, 0, NULL, NULL, &envelope, &error));
    bytes = hf_bytes_data(envelope);
    memcpy(wrapped, bytes + 6, bytes[5]);
    wrapped[bytes[5]] = '\0';
    hf_bytes_free(envelope);
    CHECK_STATUS(HF_OK, hf_transit_decrypt(key, wrapped, NULL, NULL, &plain, &error));
    bytes = hf_bytes_data(plain);
    memset(&needle, 0, sizeof needle);
    for (; needle.length < hf_bytes_len(plain); needle.length++)
        needle.masked[needle.length] = bytes[needle.length] ^ MASK;
    hf_bytes_free(plain);
    return needle;
}

int main(int argc, char **argv)
{
    hf_manager *manager;
    hf_transit *key;
    struct needle needle, data_key;

    if (argc != 2)
        return 2;
    make_window();
    needle = unhex(argv[1]);
    manager = open_transit_server();
    key = make_key(manager, "scanned", "{}");
    check_whole(key, &needle, 1);
    check_whole(key, &needle, TIMES);
    check_stream(key, &needle);
    data_key = data_key_of(key);
    expect("while the key keeps the data key", &data_key, 1);
    hf_transit_free(key);
    expect("after hf_transit_free", &data_key, 0);
    hf_manager_free(manager);
    expect("after hf_manager_free", &needle, 0);
    return result();
}
