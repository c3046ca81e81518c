#include "base/context.h"

#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"

/* The value of an environment variable; an empty one counts as unset. */
static const char *environment(const char *name)
{
    const char *text = getenv(name);
    return text && *text ? text : NULL;
}

/* A decimal or 0x-hexadecimal number and nothing else. */
static bool parse_u64(const char *text, uint64_t *out)
{
    if (!isdigit((unsigned char)text[0])) /* strtoull would take spaces and signs */
        return false;
    const bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    char *end;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, hexadecimal ? 16 : 10);
    *out = number;
    return errno == 0 && *end == '\0';
}

/* The processors this process may use. */
static int available_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
    /* more processors than a cpu_set_t has bits */
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online < 1 ? 1 : online > RV_MAX_THREADS ? RV_MAX_THREADS : (int)online;
}

static int choose_seed(rv_context *context, const rv_context_desc *desc)
{
    const char *text = environment("RV_SEED");
    if (desc->seed_given || !text) {
        context->seed = desc->seed_given ? desc->seed : 0;
        return RV_OK;
    }
    if (!parse_u64(text, &context->seed))
        return rv_fail(context, RV_ERR_ENVIRONMENT, "RV_SEED must be a number from 0 to 2^64 - 1, got '%s'", text);
    return RV_OK;
}

static int choose_num_threads(rv_context *context, const rv_context_desc *desc)
{
    if (desc->num_threads < 0 || desc->num_threads > RV_MAX_THREADS)
        return rv_fail(context, RV_ERR_ARGUMENT, "num_threads must be 1 to %d, or 0 for the default, got %d",
                       RV_MAX_THREADS, desc->num_threads);
    const char *text = environment("RV_NUM_THREADS");
    if (desc->num_threads > 0) {
        context->num_threads = desc->num_threads;
    } else if (text) {
        uint64_t number;
        if (!parse_u64(text, &number) || number < 1 || number > RV_MAX_THREADS)
            return rv_fail(context, RV_ERR_ENVIRONMENT, "RV_NUM_THREADS must be a number from 1 to %d, got '%s'",
                           RV_MAX_THREADS, text);
        context->num_threads = (int)number;
    } else {
        context->num_threads = available_processors();
    }
    return RV_OK;
}

static int choose_isa(rv_context *context, const rv_context_desc *desc)
{
    const rv_isa best = rv_isa_best();
    const char *text = desc->isa ? desc->isa : environment("RV_ISA");
    const char *origin = desc->isa ? "isa" : "RV_ISA";
    const int code = desc->isa ? RV_ERR_ARGUMENT : RV_ERR_ENVIRONMENT;

    context->isa = best;
    if (!text)
        return RV_OK;
    const int isa = rv_isa_parse(text);
    if (isa < 0)
        return rv_fail(context, code, "%s must be base, x86-64-v2, x86-64-v3 or x86-64-v4, got '%s'", origin, text);
    if (isa > (int)best)
        return rv_fail(context, code, "%s: this machine does not have %s, its best is %s", origin,
                       rv_isa_name((rv_isa)isa), rv_isa_name(best));
    context->isa = (rv_isa)isa;
    return RV_OK;
}

/* Threads that share an example wait for each other in every step: each needs a processor. */
static int choose_splits(rv_context *context)
{
    const char *text = environment("RV_SPLIT");
    context->splits = available_processors() < context->num_threads ? RV_SPLIT_NEVER : RV_SPLIT_WHERE_IT_PAYS;
    if (!text || strcmp(text, "auto") == 0)
        return RV_OK;
    context->splits = strcmp(text, "always") == 0 ? RV_SPLIT_ALWAYS : RV_SPLIT_NEVER;
    if (context->splits == RV_SPLIT_NEVER && strcmp(text, "never") != 0)
        return rv_fail(context, RV_ERR_ENVIRONMENT, "RV_SPLIT must be auto, never or always, got '%s'", text);
    return RV_OK;
}

int rv_context_create(rv_context **out, const rv_context_desc *desc)
{
    static const rv_context_desc defaults;
    int rc;

    if (!out)
        return RV_ERR_ARGUMENT;
    if (!desc)
        desc = &defaults;
    rv_context *context = *out = rv_alloc(NULL, 1, sizeof *context, "context");
    if (!context)
        return RV_ERR_MEMORY;
    pthread_mutex_init(&context->error_lock, NULL); /* cannot fail on Linux with default attributes */
    context->log = desc->log;
    context->log_user = desc->log_user;

    if ((rc = choose_seed(context, desc)) < 0)
        return rc;
    if ((rc = choose_num_threads(context, desc)) < 0)
        return rc;
    if ((rc = choose_splits(context)) < 0)
        return rc;
    return choose_isa(context, desc);
}

void rv_context_free(rv_context *context)
{
    if (!context)
        return;
    rv_pool_free(context->pool);
    pthread_mutex_destroy(&context->error_lock);
    rv_free(context);
}

uint64_t rv_context_seed(const rv_context *context)
{
    return context->seed;
}

int rv_context_num_threads(const rv_context *context)
{
    return context->num_threads;
}

const char *rv_context_isa(const rv_context *context)
{
    return rv_isa_name(context->isa);
}
