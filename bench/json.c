/* json.c - see json.h. */
#include "json.h"

#include <math.h>
#include <stddef.h>

static void quoted(FILE *file, const char *text) {
    fputc('"', file);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(file, "\\%c", *c);
        else if (*c < 0x20)
            fprintf(file, "\\u%04x", *c);
        else
            fputc(*c, file);
    }
    fputc('"', file);
}

static void begin(json *j, const char *key) {
    if (!j->first) fputc(',', j->file);
    if (j->depth) fprintf(j->file, "\n%*s", 2 * j->depth, "");
    j->first = 0;
    if (key) {
        quoted(j->file, key);
        fputs(": ", j->file);
    }
}

void json_open(json *j, const char *key, char bracket) {
    if (!j->depth) j->first = 1;
    begin(j, key);
    fputc(bracket, j->file);
    j->depth++;
    j->first = 1;
}

void json_close(json *j, char bracket) {
    j->depth--;
    if (!j->first) fprintf(j->file, "\n%*s", 2 * j->depth, "");
    fputc(bracket, j->file);
    j->first = 0;
    if (!j->depth) fputc('\n', j->file);
}

void json_text(json *j, const char *key, const char *value) {
    begin(j, key);
    quoted(j->file, value ? value : "");
}

void json_int(json *j, const char *key, int64_t value) {
    begin(j, key);
    fprintf(j->file, "%lld", (long long)value);
}

void json_number(json *j, const char *key, double value) {
    begin(j, key);
    if (isfinite(value))
        fprintf(j->file, "%.6g", value);
    else
        fputs("null", j->file);
}
