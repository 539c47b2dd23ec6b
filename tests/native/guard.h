/* guard.h - buffers flush against memory that nobody may touch, and a report of the problem that touched it. */
#ifndef TEST_GUARD_H
#define TEST_GUARD_H

#include <stddef.h>

typedef enum guard_side {
    GUARD_AFTER, /* the last byte stands right before the forbidden page */
    GUARD_BEFORE /* the first byte stands right after it */
} guard_side;

typedef struct guard_buffer {
    unsigned char *map, *data; /* data is poisoned with 0xFF */
    size_t map_bytes, bytes;
} guard_buffer;

guard_buffer guard_create(size_t bytes, guard_side side);
void guard_destroy(guard_buffer *buffer);
void guard_read_only(const guard_buffer *buffer);
/* Whether the bytes that share a page with the buffer are as they were. */
int guard_intact(const guard_buffer *buffer);

/* From now on a segmentation fault prints `what` (which must outlive it) and ends the process with code 1. */
void guard_watch(const char *what);

#endif
