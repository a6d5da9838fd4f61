/* A server that accepts connections and never answers. */
#ifndef BLACK_HOLE_H
#define BLACK_HOLE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct black_hole {
    int listener;
    char address[64]; /* for VAULT_ADDR */
};

static inline struct black_hole dig(void)
{
    struct black_hole hole;
    struct sockaddr_in at = {0};
    socklen_t length = sizeof at;

    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    hole.listener = socket(AF_INET, SOCK_STREAM, 0);
    if (hole.listener < 0 || bind(hole.listener, (struct sockaddr *)&at, sizeof at) != 0
        || listen(hole.listener, 16) != 0 || getsockname(hole.listener, (struct sockaddr *)&at, &length) != 0) {
        perror("no port to listen on");
        exit(1);
    }
    snprintf(hole.address, sizeof hole.address, "http://127.0.0.1:%d", ntohs(at.sin_port));
    return hole;
}

/* Waits until a call has connected. Ends the program after 20 seconds. */
static inline int swallow(const struct black_hole *hole)
{
    struct pollfd waiting = {0};

    waiting.fd = hole->listener;
    waiting.events = POLLIN;
    if (poll(&waiting, 1, 20000) != 1) {
        fprintf(stderr, "no connection arrived\n");
        exit(1);
    }
    return accept(hole->listener, NULL, NULL);
}

#endif
