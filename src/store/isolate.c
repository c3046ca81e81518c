#include "store/isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"

#define PATIENCE 60000 /* ms in which a child must write something */
#define CHUNK ((size_t)1 << 16)

/* ---- the child ---- */

void rv_isolated_write(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size) {
        const ssize_t done = write(fd, at, size);
        if (done < 0 && errno != EINTR)
            _exit(1);
        at += done > 0 ? done : 0;
        size -= done > 0 ? (size_t)done : 0;
    }
}

/* Crashes quietly: no handler of the program's, no core, and nothing that the C library says on the way. */
static void prepare_child(unsigned cpu_seconds)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGPIPE, SIGXCPU, SIGTERM};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        signal(signals[i], SIG_DFL);
    signal(SIGINT, SIG_IGN); /* of the terminal: the parent decides */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    setrlimit(RLIMIT_CPU, &(struct rlimit){cpu_seconds, cpu_seconds + 1});
    const int nowhere = open("/dev/null", O_WRONLY);
    if (nowhere >= 0)
        dup2(nowhere, STDERR_FILENO);
}

/* ---- the parent ---- */

/* All that comes until the child ends; false if it is more than max_size, or nothing comes for too long. */
static bool collect(int fd, rv_context *context, unsigned char **bytes, size_t *size, size_t max_size, int *error)
{
    size_t capacity = 0;
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        const int polled = poll(&ready, 1, PATIENCE);
        if (polled == 0)
            return false;
        if (polled < 0 && errno != EINTR)
            return false;
        if (polled < 0)
            continue;
        if ((*error = rv_grow(context, bytes, &capacity, *size + CHUNK, 1, "contents of a file")))
            return false;
        const ssize_t got = read(fd, *bytes + *size, CHUNK);
        if (got == 0)
            return true;
        if (got < 0 && errno != EINTR)
            return false;
        *size += got > 0 ? (size_t)got : 0;
        if (*size > max_size)
            return false;
    }
}

static bool ended_well(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int rv_isolate(unsigned char **out, size_t *size, rv_context *context, const char *path, rv_isolated_fn work,
               const void *user, size_t max_size, unsigned cpu_seconds)
{
    int ends[2], error = RV_OK;
    *out = NULL;
    *size = 0;
    if (pipe(ends))
        return rv_fail(context, RV_ERR_FILE, "%s: no pipe to a process that reads it: %s", path, strerror(errno));
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        prepare_child(cpu_seconds);
        work(ends[1], user);
        _exit(0);
    }
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return rv_fail(context, RV_ERR_FILE, "%s: no process to read it: %s", path, strerror(errno));
    }
    bool good = collect(ends[0], context, out, size, max_size, &error);
    close(ends[0]);
    if (!good)
        kill(child, SIGKILL);
    good = ended_well(child) && good;
    if (!good && !error)
        error = rv_fail(context, RV_ERR_FORMAT, "%s: the file is damaged", path);
    if (error) {
        rv_free(*out);
        *out = NULL;
    }
    return error;
}
