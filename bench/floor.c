/* The least that handing one MJPEG stream to many can cost: one upstream, one shared buffer per frame, one kernel copy
 * per viewer. Usage: floor PORT SOURCE_PORT PATH. Parts are cut by Content-Length; a busy viewer skips frames. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { VIEWERS = 4096, BUFFER = 4 << 20 };

typedef struct {
    char *bytes;
    size_t length;
    int users;
} Frame;

typedef struct {
    int socket, asked;
    Frame *frame;
    size_t sent;
} Viewer;

static Viewer *viewers[VIEWERS];
static int count, epoll, upstream = -1;
static char buffer[BUFFER];
static size_t held;

static void release(Frame *frame) {
    if (frame && --frame->users == 0) {
        free(frame->bytes);
        free(frame);
    }
}

static void leave(Viewer *viewer) {
    for (int at = 0; at < count; at++)
        if (viewers[at] == viewer) {
            viewers[at] = viewers[--count];
            break;
        }
    release(viewer->frame);
    close(viewer->socket);
    free(viewer);
}

static void want(Viewer *viewer, unsigned events) {
    struct epoll_event event = {.events = events, .data.ptr = viewer};
    epoll_ctl(epoll, EPOLL_CTL_MOD, viewer->socket, &event);
}

/* Returns 0 when the viewer is gone. */
static int push(Viewer *viewer, int was_waiting) {
    while (viewer->frame) {
        ssize_t sent = send(viewer->socket, viewer->frame->bytes + viewer->sent, viewer->frame->length - viewer->sent,
                            MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN) {
                leave(viewer);
                return 0;
            }
            if (!was_waiting) want(viewer, EPOLLIN | EPOLLOUT);
            return 1;
        }
        viewer->sent += (size_t)sent;
        if (viewer->sent == viewer->frame->length) {
            release(viewer->frame);
            viewer->frame = NULL;
        }
    }
    if (was_waiting) want(viewer, EPOLLIN);
    return 1;
}

static void show(const char *jpeg, size_t length) {
    char head[128];
    int size = snprintf(head, sizeof head, "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %zu\r\n\r\n", length);
    Frame *frame = malloc(sizeof *frame);
    frame->length = (size_t)size + length + 2;
    frame->bytes = malloc(frame->length);
    frame->users = 1;
    memcpy(frame->bytes, head, (size_t)size);
    memcpy(frame->bytes + size, jpeg, length);
    memcpy(frame->bytes + size + length, "\r\n", 2);
    for (int at = count - 1; at >= 0; at--)
        if (viewers[at]->asked && !viewers[at]->frame) {
            viewers[at]->frame = frame;
            viewers[at]->sent = 0;
            frame->users++;
            push(viewers[at], 0);
        }
    release(frame);
}

static void read_upstream(void) {
    ssize_t got = recv(upstream, buffer + held, BUFFER - held, 0);
    if (got <= 0) exit(got < 0 && errno == EAGAIN ? 0 : 1);
    held += (size_t)got;
    size_t done = 0;
    for (;;) {
        char *head = memmem(buffer + done, held - done, "Content-Length: ", 16);
        char *end = head ? memmem(head, held - (size_t)(head - buffer), "\r\n\r\n", 4) : NULL;
        if (!end) break;
        size_t length = strtoul(head + 16, NULL, 10);
        size_t begin = (size_t)(end + 4 - buffer);
        if (held < begin + length) break;
        show(buffer + begin, length);
        done = begin + length;
    }
    memmove(buffer, buffer + done, held - done);
    held -= done;
}

static void dial(int port, const char *path) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    upstream = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(upstream, (struct sockaddr *)&address, sizeof address)) exit(1);
    dprintf(upstream, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", path);
    held = 0;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &upstream};
    epoll_ctl(epoll, EPOLL_CTL_ADD, upstream, &event);
}

static void hear(Viewer *viewer) {
    char request[4096];
    ssize_t got = recv(viewer->socket, request, sizeof request, MSG_DONTWAIT);
    if (got <= 0) {
        leave(viewer);
        return;
    }
    if (!viewer->asked) {
        dprintf(viewer->socket,
                "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\nConnection: close\r\n\r\n");
        viewer->asked = 1;
    }
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    signal(SIGPIPE, SIG_IGN);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listening = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listening, (struct sockaddr *)&address, sizeof address) || listen(listening, 1024)) return 1;
    epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, ready[256];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listening, &event);
    for (;;) {
        int number = epoll_wait(epoll, ready, 256, -1);
        for (int at = 0; at < number; at++) {
            void *whose = ready[at].data.ptr;
            if (whose == &upstream) {
                read_upstream();
                /* Viewers may have left meanwhile: ask the kernel again rather than trust this list. */
                break;
            }
            if (!whose) {
                int fresh = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
                if (fresh < 0 || count == VIEWERS) continue;
                setsockopt(fresh, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
                Viewer *viewer = calloc(1, sizeof *viewer);
                viewer->socket = fresh;
                viewers[count++] = viewer;
                struct epoll_event its = {.events = EPOLLIN, .data.ptr = viewer};
                epoll_ctl(epoll, EPOLL_CTL_ADD, fresh, &its);
            } else if (ready[at].events & EPOLLOUT) {
                push(whose, 1);
            } else {
                hear(whose);
            }
        }
        if (count && upstream < 0) dial(atoi(argv[2]), argv[3]);
        if (!count && upstream >= 0) {
            close(upstream);
            upstream = -1;
        }
    }
}
