/* problem.c - parsing, sizes and texts of problems; see problem.h. */
#define _GNU_SOURCE
#include "problem.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {
    [PROBLEM_CONV2D] = "conv2d", [PROBLEM_MAXPOOL2D] = "maxpool2d", [PROBLEM_AVGPOOL2D] = "avgpool2d"};
static const char *const boundary_names[] = {
    [PC_ZEROS] = "zeros", [PC_REFLECT] = "reflect", [PC_REPLICATE] = "replicate", [PC_CIRCULAR] = "circular"};

enum { KIND_COUNT = sizeof(kind_names) / sizeof(kind_names[0]) };
enum { BOUNDARY_COUNT = sizeof(boundary_names) / sizeof(boundary_names[0]) };

__attribute__((format(printf, 3, 4))) static int fail(char *why, size_t n, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(why, n, format, args);
    va_end(args);
    return -1;
}

static int parse_size(const char *text, int64_t *value) {
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno || end == text || *end || number < 0) return -1;
    *value = number;
    return 0;
}

static int find(const char *const *names, int count, const char *text) {
    for (int i = 0; i < count; i++)
        if (!strcmp(names[i], text)) return i;
    return -1;
}

/* Spatial keys: a bare letter sets both axes, with h or w behind it one of them ("k", "kh", "kw"). */
static int64_t *spatial_field(problem *p, char key) {
    switch (key) {
        case 'i': return p->in;
        case 'k': return p->kernel;
        case 's': return p->stride;
        case 'p': return p->pad;
        case 'd': return p->kind == PROBLEM_AVGPOOL2D ? NULL : p->dilation;
        default: return NULL;
    }
}

static int set_spatial(problem *p, const char *key, int64_t value) {
    int64_t *field = spatial_field(p, key[0]);
    if (!field || strlen(key) > 2) return -1;
    switch (key[1]) {
        case '\0': field[0] = field[1] = value; return 0;
        case 'h': field[0] = value; return 0;
        case 'w': field[1] = value; return 0;
        default: return -1;
    }
}

static int set_key(problem *p, const char *key, const char *text, char *why, size_t n) {
    if (!strcmp(key, "name")) {
        if (!*text || strlen(text) >= sizeof(p->name))
            return fail(why, n, "name must have 1 to %zu characters", sizeof(p->name) - 1);
        strcpy(p->name, text);
        return 0;
    }
    int conv = p->kind == PROBLEM_CONV2D;
    if (conv && !strcmp(key, "boundary")) {
        int found = find(boundary_names, BOUNDARY_COUNT, text);
        if (found < 0) return fail(why, n, "unknown boundary '%s'", text);
        p->boundary = (pc_boundary)found;
        return 0;
    }
    int64_t value;
    if (parse_size(text, &value)) return fail(why, n, "%s=%s is not a non-negative integer", key, text);
    if (conv && !strcmp(key, "ic"))
        p->ic = value;
    else if (conv && !strcmp(key, "oc"))
        p->oc = value;
    else if (conv && !strcmp(key, "g"))
        p->groups = value;
    else if (conv && !strcmp(key, "bias"))
        p->bias = value != 0;
    else if (conv && !strcmp(key, "bytes"))
        p->bytes = value != 0;
    else if (conv && !strcmp(key, "separable"))
        p->separable = value != 0;
    else if (!conv && !strcmp(key, "c"))
        p->ic = p->oc = value;
    else if (!conv && !strcmp(key, "ceil"))
        p->ceil_mode = value != 0;
    else if (p->kind == PROBLEM_AVGPOOL2D && !strcmp(key, "include_pad"))
        p->include_pad = value != 0;
    else if (set_spatial(p, key, value))
        return fail(why, n, "%s has no key '%s'", kind_names[p->kind], key);
    return 0;
}

static int validate(const problem *p, char *why, size_t n) {
    int64_t out[2];
    if (!p->name[0]) return fail(why, n, "name= is missing");
    if (p->ic < 1 || p->oc < 1)
        return fail(why, n, p->kind == PROBLEM_CONV2D ? "ic= and oc= must be given" : "c= must be given");
    if (p->groups < 1 || p->ic % p->groups || p->oc % p->groups)
        return fail(why, n, "channels are not divisible by g=%lld", (long long)p->groups);
    for (int a = 0; a < 2; a++)
        if (p->in[a] < 1 || p->kernel[a] < 1 || p->stride[a] < 1 || p->dilation[a] < 1)
            return fail(why, n, "ih=, iw= and k= must be given; s= and d= are at least 1");
    if (p->separable && (p->ic != p->groups || p->oc != p->groups))
        return fail(why, n, "separable=1 is for ic = oc = g");
    problem_out(p, out);
    if (out[0] < 1 || out[1] < 1) return fail(why, n, "the dilated kernel is larger than the padded input");
    return 0;
}

int problem_parse(const char *line, problem *out, char *why, size_t why_size) {
    char copy[1024], *state = NULL;
    size_t length = strcspn(line, "#\r\n");
    if (length >= sizeof(copy)) return fail(why, why_size, "line too long");
    memcpy(copy, line, length);
    copy[length] = '\0';

    char *word = strtok_r(copy, " \t", &state);
    if (!word) return 0;
    int kind = find(kind_names, KIND_COUNT, word);
    if (kind < 0) return fail(why, why_size, "unknown kind of problem '%s'", word);

    problem p = {.kind = (problem_kind)kind, .groups = 1, .dilation = {1, 1}, .include_pad = 1};
    while ((word = strtok_r(NULL, " \t", &state))) {
        char *equals = strchr(word, '=');
        if (!equals) return fail(why, why_size, "'%s' is not key=value", word);
        *equals = '\0';
        if (set_key(&p, word, equals + 1, why, why_size)) return -1;
    }
    for (int a = 0; a < 2; a++)
        if (!p.stride[a]) p.stride[a] = p.kind == PROBLEM_CONV2D ? 1 : p.kernel[a];
    if (validate(&p, why, why_size)) return -1;
    *out = p;
    return 1;
}

int problem_append(problem_list *list, const problem *item) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 64;
        problem *items = realloc(list->items, capacity * sizeof(*items));
        if (!items) return -1;
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = *item;
    return 0;
}

static void file_stem(const char *path, char *stem, size_t n) {
    const char *slash = strrchr(path, '/');
    snprintf(stem, n, "%s", slash ? slash + 1 : path);
    char *dot = strrchr(stem, '.');
    if (dot && dot != stem) *dot = '\0';
}

int problem_load(const char *path, problem_list *list, char *why, size_t why_size) {
    int standard_input = !strcmp(path, "-");
    FILE *file = standard_input ? stdin : fopen(path, "r");
    if (!file) return fail(why, why_size, "%s: %s", path, strerror(errno));
    char line[2048], mistake[256];
    int number = 0, result = 0;
    while (!result && fgets(line, sizeof(line), file)) {
        problem p;
        number++;
        int parsed = problem_parse(line, &p, mistake, sizeof(mistake));
        if (parsed < 0) {
            result = fail(why, why_size, "%s:%d: %s", path, number, mistake);
        } else if (parsed) {
            file_stem(standard_input ? "stdin" : path, p.file, sizeof(p.file));
            if (problem_append(list, &p)) result = fail(why, why_size, "out of memory");
        }
    }
    if (!standard_input) fclose(file);
    return result;
}

void problem_list_free(problem_list *list) {
    free(list->items);
    *list = (problem_list){0};
}

const char *problem_kind_name(problem_kind kind) { return kind_names[kind]; }

void problem_out(const problem *p, int64_t out[2]) {
    for (int a = 0; a < 2; a++) {
        int64_t room = p->in[a] + 2 * p->pad[a] - p->dilation[a] * (p->kernel[a] - 1) - 1;
        if (room < 0) {
            out[a] = 0;
            continue;
        }
        int64_t count = (room + (p->ceil_mode ? p->stride[a] - 1 : 0)) / p->stride[a] + 1;
        /* Rounding up may add a window that would start in the right padding: it does not count. */
        if (p->ceil_mode && (count - 1) * p->stride[a] >= p->in[a] + p->pad[a]) count--;
        out[a] = count;
    }
}

int64_t problem_src_elements(const problem *p) { return p->ic * p->in[0] * p->in[1]; }

int64_t problem_dst_elements(const problem *p) {
    int64_t out[2];
    problem_out(p, out);
    return p->oc * out[0] * out[1];
}

/* Multiply-adds of an output, and weights of an output channel. */
static int64_t taps(const problem *p) {
    if (p->kind != PROBLEM_CONV2D) return 0;
    return p->separable ? p->kernel[0] + p->kernel[1] : p->ic / p->groups * p->kernel[0] * p->kernel[1];
}

int64_t problem_wei_elements(const problem *p) { return p->oc * taps(p); }
int64_t problem_flops(const problem *p) { return 2 * problem_dst_elements(p) * taps(p); }

__attribute__((format(printf, 3, 4))) static void add(char *text, size_t n, const char *format, ...) {
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, n - used, format, args);
    va_end(args);
}

static void add_pair(char *text, size_t n, const char *key, const int64_t v[2], int64_t usual) {
    if (v[0] == usual && v[1] == usual) return;
    if (v[0] == v[1])
        add(text, n, " %s%lld", key, (long long)v[0]);
    else
        add(text, n, " %s%lldx%lld", key, (long long)v[0], (long long)v[1]);
}

void problem_shape(const problem *p, char *text, size_t n) {
    int64_t out[2];
    problem_out(p, out);
    snprintf(text, n, "%lldx%lldx%lld -> %lldx%lldx%lld %lld%s%lld", (long long)p->ic, (long long)p->in[0],
             (long long)p->in[1], (long long)p->oc, (long long)out[0], (long long)out[1], (long long)p->kernel[0],
             p->separable ? "+" : "x", (long long)p->kernel[1]);
    add_pair(text, n, "s", p->stride, 1);
    add_pair(text, n, "p", p->pad, 0);
    add_pair(text, n, "d", p->dilation, 1);
    if (p->groups != 1) add(text, n, " g%lld", (long long)p->groups);
    if (p->bytes) add(text, n, " uint8");
}

void problem_line(const problem *p, char *text, size_t n) {
    snprintf(text, n, "%s name=%s", kind_names[p->kind], p->name);
    if (p->kind == PROBLEM_CONV2D)
        add(text, n, " ic=%lld oc=%lld", (long long)p->ic, (long long)p->oc);
    else
        add(text, n, " c=%lld", (long long)p->ic);
    add(text, n, " ih=%lld iw=%lld kh=%lld kw=%lld sh=%lld sw=%lld ph=%lld pw=%lld", (long long)p->in[0],
        (long long)p->in[1], (long long)p->kernel[0], (long long)p->kernel[1], (long long)p->stride[0],
        (long long)p->stride[1], (long long)p->pad[0], (long long)p->pad[1]);
    if (p->kind != PROBLEM_AVGPOOL2D)
        add(text, n, " dh=%lld dw=%lld", (long long)p->dilation[0], (long long)p->dilation[1]);
    if (p->kind == PROBLEM_CONV2D)
        add(text, n, " g=%lld bias=%d bytes=%d separable=%d boundary=%s", (long long)p->groups, p->bias, p->bytes,
            p->separable, boundary_names[p->boundary]);
    else
        add(text, n, " ceil=%d", p->ceil_mode);
    if (p->kind == PROBLEM_AVGPOOL2D) add(text, n, " include_pad=%d", p->include_pad);
}
