/* Envelopes on a server: whole, in pieces, and from one descriptor to another. */
#define _XOPEN_SOURCE 700

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "transit.h"

static hf_manager *manager;
static hf_transit *key;
static hf_error *error = NULL;

#define LENGTH 300000

static unsigned char plain[LENGTH];

static hf_bytes *encrypted(size_t length)
{
    hf_bytes *envelope = NULL;

    CHECK_STATUS(HF_OK, hf_envelope_encrypt(key, plain, length, NULL, NULL, &envelope, &error));
    if (envelope == NULL)
        exit(1);
    return envelope;
}

/* Checks that bytes are the plaintext up to `length`, and frees them. */
static void is_plain(int line, hf_bytes *bytes, size_t length)
{
    CHECK(hf_bytes_len(bytes) == length && memcmp(hf_bytes_data(bytes), plain, length) == 0, "line %d", line);
    hf_bytes_free(bytes);
}

static void check_whole(void)
{
    hf_bytes *envelope = encrypted(LENGTH), *bytes = NULL;

    CHECK_STATUS(HF_OK, hf_envelope_decrypt(key, hf_bytes_data(envelope), hf_bytes_len(envelope), NULL, NULL, &bytes,
                                            &error));
    is_plain(__LINE__, bytes, LENGTH);
    bytes = (hf_bytes *)plain;
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_envelope_decrypt(key, hf_bytes_data(envelope), hf_bytes_len(envelope) - 1,
                                                              NULL, NULL, &bytes, &error));
    CHECK(bytes == NULL, "a failure gives nothing");
    hf_bytes_free(envelope);

    CHECK_STATUS(HF_OK, hf_envelope_encrypt(key, NULL, 0, NULL, NULL, &envelope, &error));
    CHECK_STATUS(HF_OK, hf_envelope_decrypt(key, hf_bytes_data(envelope), hf_bytes_len(envelope), NULL, NULL, &bytes,
                                            &error));
    is_plain(__LINE__, bytes, 0);
    hf_bytes_free(envelope);
}

/* Sends the bytes through a stream in pieces, and collects what comes out in `out`. Returns its length. */
static size_t through(hf_envelope *stream, const unsigned char *data, size_t length, unsigned char *out)
{
    size_t at, given = 0;
    hf_bytes *bytes = NULL;

    for (at = 0; at < length; at += 7001) {
        size_t piece = length - at < 7001 ? length - at : 7001;

        CHECK_STATUS(HF_OK, hf_envelope_update(stream, data + at, piece, NULL, &bytes, &error));
        memcpy(out + given, hf_bytes_data(bytes), hf_bytes_len(bytes));
        given += hf_bytes_len(bytes);
        hf_bytes_free(bytes);
    }
    CHECK_STATUS(HF_OK, hf_envelope_finish(stream, NULL, &bytes, &error));
    memcpy(out + given, hf_bytes_data(bytes), hf_bytes_len(bytes));
    given += hf_bytes_len(bytes);
    hf_bytes_free(bytes);
    return given;
}

static void check_stream(void)
{
    static unsigned char sealed[LENGTH + 10000], opened[LENGTH + 10000];
    hf_envelope *encryptor = NULL, *decryptor = NULL;
    hf_bytes *bytes = NULL;
    size_t length;

    CHECK_STATUS(HF_OK, hf_envelope_encryptor(key, NULL, NULL, &encryptor, &error));
    CHECK_STATUS(HF_OK, hf_envelope_decryptor(key, NULL, NULL, &decryptor, &error));
    length = through(encryptor, plain, LENGTH, sealed);
    CHECK(through(decryptor, sealed, length, opened) == LENGTH && memcmp(opened, plain, LENGTH) == 0, "other data");

    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_envelope_finish(encryptor, NULL, &bytes, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_envelope_update(decryptor, plain, 1, NULL, &bytes, &error));
    hf_envelope_free(encryptor);
    hf_envelope_free(decryptor);
}

/* Data of a failed call are missing, so the stream must not end well. */
static void check_failed_update(void)
{
    hf_call *cancelled = hf_call_new();
    hf_bytes *bytes = NULL;
    int way;

    hf_call_cancel(cancelled);
    for (way = 0; way < 3; way++) {
        hf_envelope *stream = NULL;

        CHECK_STATUS(HF_OK, hf_envelope_encryptor(key, NULL, NULL, &stream, &error));
        CHECK_STATUS(HF_OK, hf_envelope_update(stream, "AAAA", 4, NULL, &bytes, &error));
        hf_bytes_free(bytes);
        if (way == 0)
            CHECK_STATUS(HF_ERR_CANCELLED, hf_envelope_update(stream, "BBBB", 4, cancelled, &bytes, &error));
        else if (way == 1)
            CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_envelope_update(stream, NULL, 4, NULL, &bytes, &error));
        else
            CHECK_STATUS(HF_ERR_TOO_LARGE, hf_envelope_update(stream, "x", SIZE_MAX, NULL, &bytes, &error));
        CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_envelope_update(stream, "CCCC", 4, NULL, &bytes, &error));
        CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_envelope_finish(stream, NULL, &bytes, &error));
        hf_envelope_free(stream);
    }
    hf_call_free(cancelled);
}

/* The same for a decryption that has not got its headers yet. */
static void check_cancelled_beginning(void)
{
    hf_call *cancelled = hf_call_new();
    hf_envelope *stream = NULL;
    hf_bytes *bytes = NULL;

    hf_call_cancel(cancelled);
    CHECK_STATUS(HF_OK, hf_envelope_decryptor(key, NULL, NULL, &stream, &error));
    CHECK_STATUS(HF_ERR_CANCELLED, hf_envelope_update(stream, "HF", 2, cancelled, &bytes, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_envelope_update(stream, "", 0, NULL, &bytes, &error));
    hf_envelope_free(stream);
    hf_call_free(cancelled);
}

/* Both processes would use the same nonces. */
static void check_fork(void)
{
    hf_envelope *encryptor = NULL;
    hf_bytes *bytes = NULL;
    int ended = -1;
    pid_t child;

    CHECK_STATUS(HF_OK, hf_envelope_encryptor(key, NULL, NULL, &encryptor, &error));
    child = fork();
    if (child == 0) {
        hf_status stale = hf_envelope_update(encryptor, plain, 10, NULL, &bytes, NULL);
        hf_status fresh = hf_envelope_encrypt(key, plain, 10, NULL, NULL, &bytes, NULL);

        _exit(stale == HF_ERR_UNSUPPORTED && fresh == HF_OK ? 0 : 1);
    }
    CHECK(waitpid(child, &ended, 0) == child && ended == 0, "the child: %d", ended);
    CHECK_STATUS(HF_OK, hf_envelope_finish(encryptor, NULL, &bytes, &error));
    hf_bytes_free(bytes);
    hf_envelope_free(encryptor);
}

/* A child process that writes the plaintext to a pipe, slowly at first. Returns the end to read from. */
static int writer(pid_t *child)
{
    const struct timespec pause = {0, 100000000};
    int ends[2];
    size_t at = 0;

    CHECK(pipe(ends) == 0, "pipe");
    *child = fork();
    if (*child == 0) {
        close(ends[0]);
        nanosleep(&pause, NULL);
        while (at < LENGTH) {
            ssize_t count = write(ends[1], plain + at, LENGTH - at > 50000 ? 50000 : LENGTH - at);

            if (count <= 0)
                _exit(1);
            at += (size_t)count;
        }
        _exit(0);
    }
    close(ends[1]);
    return ends[0];
}

static void check_descriptors(int flags)
{
    FILE *sealed = tmpfile(), *opened = tmpfile();
    static unsigned char read_back[LENGTH + 1];
    pid_t child;
    int from = writer(&child), ended;

    fcntl(from, F_SETFL, flags);
    CHECK_STATUS(HF_OK, hf_envelope_encrypt_fd(key, from, fileno(sealed), NULL, NULL, &error));
    CHECK(fcntl(from, F_GETFL) == flags, "the mode stays");
    close(from);
    waitpid(child, &ended, 0);
    lseek(fileno(sealed), 0, SEEK_SET);
    CHECK_STATUS(HF_OK, hf_envelope_decrypt_fd(key, fileno(sealed), fileno(opened), NULL, NULL, &error));
    lseek(fileno(opened), 0, SEEK_SET);
    CHECK(fread(read_back, 1, LENGTH + 1, opened) == LENGTH && memcmp(read_back, plain, LENGTH) == 0, "other data");
    fclose(sealed);
    fclose(opened);
}

/* Without a reader the write fails, and no signal ends the process. */
static void check_closed_reader(int flags)
{
    int from = open("/dev/zero", O_RDONLY), ends[2];
    sigset_t before, after;

    CHECK(pipe(ends) == 0, "pipe");
    fcntl(ends[1], F_SETFL, flags);
    close(ends[0]);
    sigprocmask(SIG_BLOCK, NULL, &before);
    CHECK_STATUS(HF_ERR_IO, hf_envelope_encrypt_fd(key, from, ends[1], NULL, NULL, &error));
    sigprocmask(SIG_BLOCK, NULL, &after);
    CHECK(sigismember(&before, SIGPIPE) == sigismember(&after, SIGPIPE), "the mask stays");
    sigpending(&after);
    CHECK(sigismember(&after, SIGPIPE) == 0, "no signal is left");
    close(from);
    close(ends[1]);
}

/* The message has the system's reason. */
static void check_full_disk(void)
{
    int from = open("/dev/zero", O_RDONLY), to = open("/dev/full", O_WRONLY);
    hf_error *reason = NULL;

    CHECK(hf_envelope_encrypt_fd(key, from, to, NULL, NULL, &reason) == HF_ERR_IO, "a full disk");
    CHECK(reason != NULL && strstr(hf_error_message(reason), strerror(ENOSPC)) != NULL, "its reason");
    hf_error_free(reason);
    close(from);
    close(to);
}

/* A terminal whose other side does not read: its writes block even where poll says that it is ready. */
static void check_terminal(int flags)
{
    hf_call *call = hf_call_new();
    int from = open("/dev/zero", O_RDONLY), to = open("/dev/null", O_WRONLY), terminal;
    int other = posix_openpt(O_RDWR | O_NOCTTY);

    CHECK(other >= 0 && grantpt(other) == 0 && unlockpt(other) == 0, "a terminal");
    terminal = open(ptsname(other), O_RDWR | O_NOCTTY | flags);
    CHECK_STATUS(HF_OK, hf_call_set_timeout_ms(call, 300, &error));
    alarm(60);
    CHECK_STATUS(HF_ERR_TIMEOUT, hf_envelope_encrypt_fd(key, from, terminal, NULL, call, &error));
    CHECK_STATUS(HF_ERR_TIMEOUT, hf_envelope_encrypt_fd(key, terminal, to, NULL, call, &error));
    alarm(0);
    CHECK((fcntl(terminal, F_GETFL) & O_NONBLOCK) == flags, "the mode stays");
    hf_call_free(call);
    close(from);
    close(to);
    close(terminal);
    close(other);
}

/* A reader that does not read, and a writer that does not write. */
static void check_timeout(int flags)
{
    hf_call *call = hf_call_new();
    int from = open("/dev/zero", O_RDONLY), ends[2], silent[2];

    CHECK(pipe(ends) == 0 && pipe(silent) == 0, "pipe");
    fcntl(ends[1], F_SETFL, flags);
    fcntl(silent[0], F_SETFL, flags);
    CHECK_STATUS(HF_OK, hf_call_set_timeout_ms(call, 300, &error));
    CHECK_STATUS(HF_ERR_TIMEOUT, hf_envelope_encrypt_fd(key, from, ends[1], NULL, call, &error));
    CHECK_STATUS(HF_ERR_TIMEOUT, hf_envelope_encrypt_fd(key, silent[0], ends[1], NULL, call, &error));
    hf_call_cancel(call);
    CHECK_STATUS(HF_ERR_CANCELLED, hf_envelope_encrypt_fd(key, silent[0], ends[1], NULL, call, &error));
    hf_call_free(call);
    close(from);
    close(ends[0]);
    close(ends[1]);
    close(silent[0]);
    close(silent[1]);
}

/* Descriptors that are closed, or open for the other direction. */
static void check_unusable_descriptors(void)
{
    int from = open("/dev/zero", O_RDONLY), to = open("/dev/null", O_WRONLY);
    int messages[2];
    FILE *file = tmpfile();

    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, messages) == 0, "socketpair");
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_envelope_encrypt_fd(key, messages[0], to, NULL, NULL, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_envelope_encrypt_fd(key, from, messages[0], NULL, NULL, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT,
                 hf_envelope_encrypt_fd(key, fileno(file), fileno(file), NULL, NULL, &error));
    close(messages[0]);
    close(messages[1]);
    fclose(file);

    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_envelope_encrypt_fd(key, -1, to, NULL, NULL, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_envelope_encrypt_fd(key, from, 9999, NULL, NULL, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_envelope_encrypt_fd(key, to, to, NULL, NULL, &error));
    CHECK_STATUS(HF_ERR_INVALID_ARGUMENT, hf_envelope_encrypt_fd(key, from, from, NULL, NULL, &error));
    close(from);
    close(to);
}

int main(void)
{
    size_t i;

    for (i = 0; i < LENGTH; i++)
        plain[i] = (unsigned char)(i % 251);
    manager = open_transit_server();
    key = make_key(manager, "envelope", "{}");
    check_whole();
    check_stream();
    check_failed_update();
    check_cancelled_beginning();
    check_fork();
    for (i = 0; i < 2; i++) {
        check_descriptors(i == 0 ? 0 : O_NONBLOCK);
        check_closed_reader(i == 0 ? O_WRONLY : O_WRONLY | O_NONBLOCK);
        check_timeout(i == 0 ? 0 : O_NONBLOCK);
        check_terminal(i == 0 ? 0 : O_NONBLOCK);
    }
    check_full_disk();
    check_unusable_descriptors();
    hf_transit_free(key);
    hf_manager_free(manager);
    return result();
}
