#include "cli/lambda.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/memory.h"

#define MAX_ADDED 4 /* variables of ours */

/* The environment of a command: the program's own, and what is known of the run. Ours are freed, the others borrowed. */
typedef struct surroundings {
    char **all; /* NULL-terminated */
    char *added[MAX_ADDED];
    size_t num_added;
} surroundings;

static void add(surroundings *s, char *variable)
{
    s->added[s->num_added++] = variable;
}

static char *describe(const rv_metrics *metrics)
{
    char *text = copy_text("RANVIER_METRICS=");
    for (size_t i = 0; i < metrics->num; i++) {
        char *longer =
            format_text("%s%s%s=%.9g", text, i ? " " : "", metrics->items[i].label, metrics->items[i].value);
        free(text);
        text = longer;
    }
    return text;
}

static void join(surroundings *s)
{
    size_t num = 0;
    while (environ[num])
        num++;
    s->all = make(num + MAX_ADDED + 1, sizeof *s->all);
    memcpy(s->all, s->added, s->num_added * sizeof *s->all);
    memcpy(s->all + s->num_added, environ, num * sizeof *s->all);
}

static void clear(surroundings *s)
{
    for (size_t i = 0; i < s->num_added; i++)
        free(s->added[i]);
    free(s->all);
}

/* What it prints goes to standard error: results alone go to standard output. */
static int spawn(pid_t *child, const char *command, char **environment)
{
    char shell[] = "/bin/sh", option[] = "-c", *text = copy_text(command);
    char *arguments[] = {shell, option, text, NULL};
    posix_spawn_file_actions_t actions;
    int reason = posix_spawn_file_actions_init(&actions);
    if (!reason)
        reason = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    if (!reason)
        reason = posix_spawn(child, shell, &actions, NULL, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    free(text);
    return reason;
}

static int run_command(const lambda *l, int event, const size_t *epoch, const size_t *batch, const rv_metrics *metrics)
{
    rv_context *context = rv_run_context(l->run);
    const char *command = l->commands[event];
    surroundings s = {0};
    pid_t child = 0;
    int status = 0;
    add(&s, format_text("RANVIER_RUN=%s", l->folder));
    if (epoch)
        add(&s, format_text("RANVIER_EPOCH=%zu", *epoch));
    if (batch)
        add(&s, format_text("RANVIER_BATCH=%zu", *batch));
    if (metrics)
        add(&s, describe(metrics));
    join(&s);
    const int reason = spawn(&child, command, s.all);
    clear(&s);
    if (reason)
        return rv_fail(context, RV_ERR_CALLBACK, "LambdaCallback: '%s': %s", command, strerror(reason));
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return rv_fail(context, RV_ERR_CALLBACK, "LambdaCallback: '%s': %s", command, strerror(errno));
    if (WIFSIGNALED(status))
        return rv_fail(context, RV_ERR_CALLBACK, "LambdaCallback: '%s' was ended by signal %d", command,
                       WTERMSIG(status));
    return WEXITSTATUS(status) == 0 ? RV_OK
                                    : rv_fail(context, RV_ERR_CALLBACK, "LambdaCallback: '%s' exited with status %d",
                                              command, WEXITSTATUS(status));
}

static int set_params(void *user, rv_run *run)
{
    ((lambda *)user)->run = run;
    return RV_OK;
}

static int on_train_begin(void *user)
{
    return run_command(user, LAMBDA_TRAIN_BEGIN, NULL, NULL, NULL);
}

static int on_train_end(void *user, const rv_metrics *metrics)
{
    return run_command(user, LAMBDA_TRAIN_END, NULL, NULL, metrics);
}

static int on_epoch_begin(void *user, size_t epoch)
{
    return run_command(user, LAMBDA_EPOCH_BEGIN, &epoch, NULL, NULL);
}

static int on_epoch_end(void *user, size_t epoch, const rv_metrics *metrics)
{
    return run_command(user, LAMBDA_EPOCH_END, &epoch, NULL, metrics);
}

static int on_batch_begin(void *user, size_t batch)
{
    const size_t epoch = rv_run_epoch(((lambda *)user)->run);
    return run_command(user, LAMBDA_BATCH_BEGIN, &epoch, &batch, NULL);
}

static int on_batch_end(void *user, size_t batch, const rv_metrics *metrics)
{
    const size_t epoch = rv_run_epoch(((lambda *)user)->run);
    return run_command(user, LAMBDA_BATCH_END, &epoch, &batch, metrics);
}

rv_callback lambda_callback(lambda *commands)
{
    const char *const *const c = commands->commands;
    rv_callback callback = rv_lambda_callback((rv_lambda_callback_desc){
        .user = commands,
        .on_train_begin = c[LAMBDA_TRAIN_BEGIN] ? on_train_begin : NULL,
        .on_train_end = c[LAMBDA_TRAIN_END] ? on_train_end : NULL,
        .on_epoch_begin = c[LAMBDA_EPOCH_BEGIN] ? on_epoch_begin : NULL,
        .on_epoch_end = c[LAMBDA_EPOCH_END] ? on_epoch_end : NULL,
        .on_batch_begin = c[LAMBDA_BATCH_BEGIN] ? on_batch_begin : NULL,
        .on_batch_end = c[LAMBDA_BATCH_END] ? on_batch_end : NULL,
    });
    callback.set_params = set_params;
    return callback;
}
