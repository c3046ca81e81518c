/* Context, errors, logging: what every other part of Ranvier stands on.
 *
 * Conventions of the whole library
 * - A function that can fail returns int: 0 (or a non-negative result) on success, a negative RV_ERR_* on failure.
 *   The detail, one line that names the object, what was given and what was expected, is rv_last_error(context).
 * - Out-parameter first, user data last. What is written to an `**out` is owned by the caller and freed with
 *   rv_<thing>_free; a returned pointer is borrowed and lives as long as the object it was asked of.
 * - Describing structs are passed by pointer or value, copied, and may be freed at once. Zero in a field means the
 *   documented default.
 * - rv_<thing>_free(NULL) does nothing. The library never prints, exits or aborts on user input.
 */
#ifndef RANVIER_BASE_H
#define RANVIER_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define RV_API __attribute__((visibility("default")))
#else
#define RV_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- errors ------------------------------------------------------------------------------------------------ */

/* name, pinned number, sentence. Numbers never change; new ones go to the end of their hundred. */
#define RV_ERRORS(X)                                                                                                  \
    X(RV_ERR_MEMORY, -1, "out of memory")                                                                             \
    X(RV_ERR_ARGUMENT, -2, "an argument is invalid")                                                                  \
    X(RV_ERR_STATE, -3, "the call is not allowed in this state")                                                      \
    X(RV_ERR_UNSUPPORTED, -4, "not supported")                                                                        \
    X(RV_ERR_INTERRUPTED, -5, "interrupted")                                                                          \
    X(RV_ERR_ENVIRONMENT, -6, "an environment variable is invalid")                                                   \
    X(RV_ERR_NAME, -100, "unknown or duplicate name")                                                                 \
    X(RV_ERR_VALUE, -101, "a value is out of its range")                                                              \
    X(RV_ERR_SHAPE, -102, "shapes do not fit")                                                                        \
    X(RV_ERR_NETWORK, -103, "the network cannot be compiled")                                                         \
    X(RV_ERR_FILTER, -104, "a filter is invalid")                                                                     \
    X(RV_ERR_DATA, -200, "the data are invalid")                                                                      \
    X(RV_ERR_LABEL, -201, "a label is out of range")                                                                  \
    X(RV_ERR_SPIKE, -202, "a spike is invalid")                                                                       \
    X(RV_ERR_TAPE, -203, "more spikes than max_spikes")                                                               \
    X(RV_ERR_NAN, -204, "not a number")                                                                               \
    X(RV_ERR_FILE, -300, "a file cannot be read or written")                                                          \
    X(RV_ERR_FORMAT, -301, "a file has the wrong format")                                                             \
    X(RV_ERR_CHECKPOINT, -302, "a checkpoint is missing or does not match")                                           \
    X(RV_ERR_CALLBACK, -400, "a callback failed")

/* Result codes. RV_OK is success. */
typedef enum rv_error {
    RV_OK = 0,
#define X(name, number, text) name = number,
    RV_ERRORS(X)
#undef X
} rv_error;

/* The sentence of an error code. Total: any other number gives "unknown error" or, if >= 0, "success". */
RV_API const char *rv_strerror(int code);

/* The version of the library, "major.minor.patch". */
RV_API const char *rv_version(void);

/* ---- flags ------------------------------------------------------------------------------------------------- */

/* A yes/no option whose default may be yes: zero is "the default". */
typedef enum rv_flag {
    RV_DEFAULT = 0, /* what the field documents */
    RV_ON = 1,
    RV_OFF = 2,
} rv_flag;

/* ---- context ----------------------------------------------------------------------------------------------- */

/* Seed, threads, log sink and last error. One context serves one caller's thread at a time; two contexts in two
 * threads never meet. It must outlive everything made with it. */
typedef struct rv_context rv_context;

typedef enum rv_log_level {
    RV_LOG_WARNING = 1, /* something the user should know: left-out spikes, a rule used outside its exact range */
    RV_LOG_INFO = 2,    /* what was chosen: schedule, instruction set, memory */
    RV_LOG_DEBUG = 3,
} rv_log_level;

/* Receives one line without newline. May be called from the caller's thread only. */
typedef void (*rv_log_fn)(void *user, rv_log_level level, const char *message);

typedef struct rv_context_desc {
    uint64_t seed;   /* of all randomness; used if seed_given, else environment RV_SEED, else 0 */
    bool seed_given; /* makes seed = 0 expressible */
    int num_threads; /* >= 1; 0 = environment RV_NUM_THREADS, else the processors this process may use */
    const char *isa; /* instruction set "x86-64-v2", "x86-64-v3", "x86-64-v4" (or v2, v3, v4) or "base";
                         NULL = environment RV_ISA, else the best the processor has. Results do not depend on it. */
    rv_log_fn log;   /* NULL = messages are dropped */
    void *log_user;  /* handed to log */
} rv_context_desc;

/* Creates a context; desc NULL = all defaults. Like sqlite3_open, *out is set even on failure (except for
 * RV_ERR_MEMORY) so that rv_last_error can tell why; free it all the same.
 * Environment RV_SPLIT says when threads share the neurons of one example, which changes no bit: "auto" (default; where
 * a batch has few examples left, populations are wide, and each thread has a processor), "never", or "always" (wherever
 * it is possible).
 * Errors: RV_ERR_ENVIRONMENT (RV_SEED, RV_NUM_THREADS, RV_ISA, RV_SPLIT), RV_ERR_ARGUMENT, RV_ERR_MEMORY. */
RV_API int rv_context_create(rv_context **out, const rv_context_desc *desc);
RV_API void rv_context_free(rv_context *context);

/* The detail of the last failure, one line; "" if none. Borrowed, valid until the next failure. */
RV_API const char *rv_last_error(const rv_context *context);
/* Sets the detail of a failure to `message`, copied, and returns code: for users' callbacks and serialisers. */
RV_API int rv_error_set(rv_context *context, int code, const char *message);
RV_API uint64_t rv_context_seed(const rv_context *context);
RV_API int rv_context_num_threads(const rv_context *context);
/* The instruction set in use: "x86-64-v3", ... */
RV_API const char *rv_context_isa(const rv_context *context);

#ifdef __cplusplus
}
#endif
#endif
