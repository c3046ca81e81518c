#include "support/mesh.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A socket to every other rank. */
typedef struct mesh {
    int socket[MESH_MAX_RANKS][MESH_MAX_RANKS]; /* [mine][other's] */
    int rank, size;
} mesh;

static int send_all(void *user, int to, const void *data, size_t bytes)
{
    const mesh *m = user;
    for (const char *at = data; bytes;) {
        const ssize_t n = write(m->socket[m->rank][to], at, bytes);
        if (n <= 0)
            return RV_ERR_STATE;
        at += n;
        bytes -= (size_t)n;
    }
    return 0;
}

static int receive_all(void *user, int from, void *data, size_t bytes)
{
    const mesh *m = user;
    for (char *at = data; bytes;) {
        const ssize_t n = read(m->socket[m->rank][from], at, bytes);
        if (n <= 0)
            return RV_ERR_STATE;
        at += n;
        bytes -= (size_t)n;
    }
    return 0;
}

static int broadcast_all(void *user, void *data, size_t bytes)
{
    const mesh *m = user;
    int error = 0;
    if (m->rank > 0)
        return receive_all(user, 0, data, bytes);
    for (int to = 1; !error && to < m->size; to++)
        error = send_all(user, to, data, bytes);
    return error;
}

static void connect_all(mesh *m)
{
    for (int a = 0; a < m->size; a++)
        for (int b = a + 1; b < m->size; b++) {
            int pair[2];
            assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
            m->socket[a][b] = pair[0];
            m->socket[b][a] = pair[1];
        }
}

static void close_all(const mesh *m)
{
    for (int a = 0; a < m->size; a++)
        for (int b = 0; b < m->size; b++)
            if (a != b)
                close(m->socket[a][b]);
}

/* One rank, in a process of its own: its result goes into a pipe. */
static pid_t start(mesh *m, int out, size_t bytes, mesh_work work, const void *arg)
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    unsigned char result[bytes];
    const rv_communicator communicator = {"sockets", m->rank, m->size, m, send_all, receive_all, broadcast_all};
    work(result, &communicator, arg);
    const bool told = write(out, result, bytes) == (ssize_t)bytes;
    _exit(!told);
}

void mesh_run(void *results, size_t bytes, int size, mesh_work work, const void *arg)
{
    mesh m = {.size = size};
    int pipes[MESH_MAX_RANKS][2];
    pid_t pids[MESH_MAX_RANKS];
    assert_in_range(size, 1, MESH_MAX_RANKS);
    connect_all(&m);
    for (m.rank = 0; m.rank < size; m.rank++) {
        assert_int_equal(pipe(pipes[m.rank]), 0);
        pids[m.rank] = start(&m, pipes[m.rank][1], bytes, work, arg);
    }
    close_all(&m);
    for (int rank = 0; rank < size; rank++) {
        int status;
        close(pipes[rank][1]);
        const ssize_t got = read(pipes[rank][0], (char *)results + (size_t)rank * bytes, bytes);
        close(pipes[rank][0]);
        assert_int_equal(waitpid(pids[rank], &status, 0), pids[rank]);
        assert_int_equal(status, 0);
        assert_int_equal(got, bytes);
    }
}
