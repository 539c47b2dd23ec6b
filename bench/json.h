/* json.h - just enough to write JSON: commas and quotes in the right places. */
#ifndef PYCONV_BENCH_JSON_H
#define PYCONV_BENCH_JSON_H

#include <stdint.h>
#include <stdio.h>

typedef struct json {
    FILE *file;
    int depth, first; /* first: nothing written in this object or array yet */
} json;

/* `key` is NULL inside an array and for the outermost object. A number that is not finite is written as null. */
void json_open(json *j, const char *key, char bracket);
void json_close(json *j, char bracket);
void json_text(json *j, const char *key, const char *value);
void json_int(json *j, const char *key, int64_t value);
void json_number(json *j, const char *key, double value);

#endif
