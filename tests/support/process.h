/* What a test knows of the process that it runs in. */
#ifndef TEST_SUPPORT_PROCESS_H
#define TEST_SUPPORT_PROCESS_H

/* Defined where a sanitizer has its own malloc and takes memory of its own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TEST_HAS_SANITIZER 1
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TEST_HAS_SANITIZER 1
#endif
#endif

/* A line of /proc/self/status, such as "VmHWM", in bytes; 0 if there is none. */
double test_process_status(const char *name);

#endif
