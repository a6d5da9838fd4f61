/* A socket and nothing else: the request is constant, and only the end of the answer is searched. The difference of
 * another client to this is that client's own cost. */
#include "harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection {
    int socket;
    char answer[256 * 1024];
};

void *peer_open(void) {
    unsigned port = 0;
    if (sscanf(setting("VAULT_ADDR"), "http://127.0.0.1:%u", &port) != 1) {
        fail("raw: only http://127.0.0.1:PORT");
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct connection *connection = malloc(sizeof *connection);
    int on = 1;
    if (connection == NULL || (connection->socket = socket(AF_INET, SOCK_STREAM, 0)) < 0 ||
        connect(connection->socket, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
        fail("raw: no connection");
    }
    return connection;
}

void *peer_thread(void *client) {
    (void)client;
    return peer_open();
}

void peer_thread_end(void *client, void *mine) {
    struct connection *connection = mine;
    (void)client;
    close(connection->socket);
    free(connection);
}

/* Whether the answer in the buffer is complete. */
static int is_complete(const char *answer, size_t length) {
    const char *body = strstr(answer, "\r\n\r\n");
    const char *announced = strstr(answer, "Content-Length: ");
    if (body == NULL) {
        return 0;
    }
    if (announced == NULL || announced > body) {
        return strstr(body, "0\r\n\r\n") != NULL;
    }
    return length >= (size_t)(body + 4 - answer) + strtoul(announced + 16, NULL, 10);
}

static void exchange(struct connection *connection, const char *request, size_t size) {
    if (send(connection->socket, request, size, MSG_NOSIGNAL) != (ssize_t)size) {
        fail("raw: cannot send");
    }
    size_t length = 0;
    do {
        ssize_t count =
            recv(connection->socket, connection->answer + length, sizeof connection->answer - 1 - length, 0);
        if (count <= 0) {
            fail("raw: no answer");
        }
        length += (size_t)count;
        connection->answer[length] = '\0';
    } while (!is_complete(connection->answer, length));
    if (strncmp(connection->answer, "HTTP/1.1 200", 12) != 0) {
        fail("raw: %.40s", connection->answer);
    }
}

static void read_secret(struct connection *connection, const char *path) {
    static const char FORM[] = "GET /v1/secret/data/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Vault-Token: %s\r\n"
                               "X-Vault-Request: true\r\n\r\n";
    char request[512];
    int size = snprintf(request, sizeof request, FORM, path, setting("VAULT_TOKEN"));
    exchange(connection, request, (size_t)size);
}

char *peer_get(void *client, const char *path) {
    struct connection *connection = client;
    read_secret(connection, path);
    char *value = strstr(connection->answer, "\"value\":\"");
    if (value == NULL) {
        fail("raw: no value");
    }
    value += 9;
    *strchr(value, '"') = '\0';
    return value;
}

void peer_release(char *value) {
    (void)value;
}

/* The first field. */
void *peer_document(void *client, const char *path) {
    static const char START[] = "\"data\":{\"data\":{";
    struct connection *connection = client;
    read_secret(connection, path);
    char *data = strstr(connection->answer, START);
    if (data == NULL) {
        fail("raw: no document");
    }
    return data + sizeof START - 1;
}

size_t peer_texts(void *document) {
    size_t total = 0;
    for (const char *field = document; *field == '"';) {
        const char *text = strstr(field, "\":\"") + 3;
        const char *end = strchr(text, '"');
        total += (size_t)(end - text);
        field = end + (end[1] == ',' ? 2 : 1);
    }
    return total;
}

void peer_document_free(void *document) {
    (void)document;
}

size_t peer_versions(void *client, const char *path) {
    (void)client;
    (void)path;
    return 0;
}

void peer_store(void *client, const char *path, const char *value) {
    static const char FORM[] = "POST /v1/secret/data/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Vault-Token: %s\r\n"
                               "X-Vault-Request: true\r\nContent-Length: %zu\r\n\r\n{\"data\":{\"value\":\"%s\"}}";
    char request[1024];
    size_t length = strlen("{\"data\":{\"value\":\"\"}}") + strlen(value);
    int size = snprintf(request, sizeof request, FORM, path, setting("VAULT_TOKEN"), length, value);
    exchange(client, request, (size_t)size);
}

size_t peer_list(void *client, const char *folder) {
    (void)client;
    (void)folder;
    return 0;
}

size_t peer_batch(void *client, const char *const *paths, size_t count) {
    for (size_t i = 0; i < count; i++) {
        peer_release(peer_get(client, paths[i]));
    }
    return count;
}

/* The text of the harness happens to be base64, and goes as it is. */
static void send_to_transit(void *client, const char *body) {
    static const char FORM[] = "POST /v1/transit/encrypt/bench HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Vault-Token: %s\r\n"
                               "X-Vault-Request: true\r\nContent-Length: %zu\r\n\r\n%s";
    static char request[128 * 1024];
    int size = snprintf(request, sizeof request, FORM, setting("VAULT_TOKEN"), strlen(body), body);
    exchange(client, request, (size_t)size);
}

void peer_encrypt(void *client, const char *text) {
    char body[256];
    snprintf(body, sizeof body, "{\"plaintext\":\"%s\"}", text);
    send_to_transit(client, body);
}

/* One request after the other. */
size_t peer_encrypt_many(void *client, const char *text, size_t count) {
    static char body[100 * 1024];
    for (size_t left = count; left > 0;) {
        size_t length = (size_t)sprintf(body, "{\"batch_input\":[");
        for (int i = 0; i < ITEMS_OF_REQUEST && left > 0; i++, left--) {
            length += (size_t)sprintf(body + length, "%s{\"plaintext\":\"%s\"}", i == 0 ? "" : ",", text);
        }
        sprintf(body + length, "]}");
        send_to_transit(client, body);
    }
    return count;
}
