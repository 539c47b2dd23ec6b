/* problem.c - parsing, sizes and texts of problems; see problem.h. */
#define _GNU_SOURCE
#include "problem.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const problem_kind kinds[] = {
    {"conv1d", PROBLEM_CONV, 1},
    {"conv2d", PROBLEM_CONV, 2},
    {"conv3d", PROBLEM_CONV, 3},
    {"conv_transpose1d", PROBLEM_CONV_TRANSPOSE, 1},
    {"conv_transpose2d", PROBLEM_CONV_TRANSPOSE, 2},
    {"conv_transpose3d", PROBLEM_CONV_TRANSPOSE, 3},
    {"maxpool1d", PROBLEM_MAXPOOL, 1},
    {"maxpool2d", PROBLEM_MAXPOOL, 2},
    {"maxpool3d", PROBLEM_MAXPOOL, 3},
    {"avgpool1d", PROBLEM_AVGPOOL, 1},
    {"avgpool2d", PROBLEM_AVGPOOL, 2},
    {"avgpool3d", PROBLEM_AVGPOOL, 3},
};
/* clang-format on */
static const char axis_letters[PROBLEM_AXES + 1] = "dhw";
static const char *const boundary_names[] = {
    [PC_ZEROS] = "zeros", [PC_REFLECT] = "reflect", [PC_REPLICATE] = "replicate", [PC_CIRCULAR] = "circular"};

enum { KIND_COUNT = sizeof(kinds) / sizeof(kinds[0]) };
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

static const problem_kind *find_kind(const char *name) {
    for (int i = 0; i < KIND_COUNT; i++)
        if (!strcmp(kinds[i].name, name)) return &kinds[i];
    return NULL;
}

static int find_boundary(const char *name) {
    for (int i = 0; i < BOUNDARY_COUNT; i++)
        if (!strcmp(boundary_names[i], name)) return i;
    return -1;
}

static int first_axis(const problem *p) { return PROBLEM_AXES - p->kind->rank; }

/* Spatial keys: a bare word sets all axes, with d, h or w behind it one of them ("k", "kh", "kw"; "op", "opw"). */
static int64_t *spatial_field(problem *p, const char *key, size_t length) {
    if (length == 2) return key[1] == 'p' && p->kind->op == PROBLEM_CONV_TRANSPOSE ? p->out_pad : NULL;
    switch (key[0]) {
        case 'i': return p->in;
        case 'k': return p->kernel;
        case 's': return p->stride;
        case 'p': return p->pad;
        case 'd': return p->kind->op == PROBLEM_AVGPOOL ? NULL : p->dilation;
        default: return NULL;
    }
}

static int set_spatial(problem *p, const char *key, int64_t value) {
    const size_t length = key[0] == 'o' ? 2 : 1, all = strlen(key);
    int64_t *field = all < length || all > length + 1 ? NULL : spatial_field(p, key, length);
    if (!field) return -1;
    int found = 0;
    for (int a = first_axis(p); a < PROBLEM_AXES; a++) {
        if (key[length] && key[length] != axis_letters[a]) continue;
        field[a] = value;
        found = 1;
    }
    return found ? 0 : -1;
}

static int set_key(problem *p, const char *key, const char *text, char *why, size_t n) {
    if (!strcmp(key, "name")) {
        if (!*text || strlen(text) >= sizeof(p->name))
            return fail(why, n, "name must have 1 to %zu characters", sizeof(p->name) - 1);
        strcpy(p->name, text);
        return 0;
    }
    const int weights = problem_has_weights(p), conv = p->kind->op == PROBLEM_CONV;
    if (conv && !strcmp(key, "boundary")) {
        int found = find_boundary(text);
        if (found < 0) return fail(why, n, "unknown boundary '%s'", text);
        p->boundary = (pc_boundary)found;
        return 0;
    }
    int64_t value;
    if (parse_size(text, &value)) return fail(why, n, "%s=%s is not a non-negative integer", key, text);
    if (weights && !strcmp(key, "ic"))
        p->ic = value;
    else if (weights && !strcmp(key, "oc"))
        p->oc = value;
    else if (weights && !strcmp(key, "g"))
        p->groups = value;
    else if (weights && !strcmp(key, "bias"))
        p->bias = value != 0;
    else if (conv && !strcmp(key, "bytes"))
        p->bytes = value != 0;
    else if (conv && p->kind->rank == 2 && !strcmp(key, "separable"))
        p->separable = value != 0;
    else if (!weights && !strcmp(key, "c"))
        p->ic = p->oc = value;
    else if (!weights && !strcmp(key, "ceil"))
        p->ceil_mode = value != 0;
    else if (p->kind->op == PROBLEM_AVGPOOL && !strcmp(key, "include_pad"))
        p->include_pad = value != 0;
    else if (set_spatial(p, key, value))
        return fail(why, n, "%s has no key '%s'", p->kind->name, key);
    return 0;
}

static int validate(const problem *p, char *why, size_t n) {
    int64_t out[PROBLEM_AXES];
    if (!p->name[0]) return fail(why, n, "name= is missing");
    if (p->ic < 1 || p->oc < 1)
        return fail(why, n, problem_has_weights(p) ? "ic= and oc= must be given" : "c= must be given");
    if (p->groups < 1 || p->ic % p->groups || p->oc % p->groups)
        return fail(why, n, "channels are not divisible by g=%lld", (long long)p->groups);
    for (int a = 0; a < PROBLEM_AXES; a++) {
        if (p->in[a] < 1 || p->kernel[a] < 1 || p->stride[a] < 1 || p->dilation[a] < 1)
            return fail(why, n, "i= and k= must be given, for each axis; s= and d= are at least 1");
        if (p->out_pad[a] >= p->stride[a] && p->out_pad[a] >= p->dilation[a])
            return fail(why, n, "op= must be smaller than s= or d=");
    }
    if (p->separable && (p->ic != p->groups || p->oc != p->groups))
        return fail(why, n, "separable=1 is for ic = oc = g");
    problem_out(p, out);
    for (int a = 0; a < PROBLEM_AXES; a++)
        if (out[a] < 1)
            return fail(why, n,
                        p->kind->op == PROBLEM_CONV_TRANSPOSE ? "the padding leaves nothing of the result"
                                                              : "the dilated kernel is larger than the padded input");
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
    const problem_kind *kind = find_kind(word);
    if (!kind) return fail(why, why_size, "unknown kind of problem '%s'", word);

    problem p = {.kind = kind, .groups = 1, .dilation = {1, 1, 1}, .include_pad = 1};
    for (int a = 0; a < first_axis(&p); a++) p.in[a] = p.kernel[a] = 1;
    while ((word = strtok_r(NULL, " \t", &state))) {
        char *equals = strchr(word, '=');
        if (!equals) return fail(why, why_size, "'%s' is not key=value", word);
        *equals = '\0';
        if (set_key(&p, word, equals + 1, why, why_size)) return -1;
    }
    for (int a = 0; a < PROBLEM_AXES; a++)
        if (!p.stride[a]) p.stride[a] = problem_has_weights(&p) ? 1 : p.kernel[a];
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

int problem_has_weights(const problem *p) {
    return p->kind->op == PROBLEM_CONV || p->kind->op == PROBLEM_CONV_TRANSPOSE;
}

void problem_out(const problem *p, int64_t out[PROBLEM_AXES]) {
    for (int a = 0; a < PROBLEM_AXES; a++) {
        const int64_t reach = p->dilation[a] * (p->kernel[a] - 1) + 1;
        if (p->kind->op == PROBLEM_CONV_TRANSPOSE) {
            out[a] = (p->in[a] - 1) * p->stride[a] - 2 * p->pad[a] + reach + p->out_pad[a];
            continue;
        }
        int64_t room = p->in[a] + 2 * p->pad[a] - reach;
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

static int64_t volume(const int64_t size[PROBLEM_AXES]) { return size[0] * size[1] * size[2]; }

int64_t problem_src_elements(const problem *p) { return p->ic * volume(p->in); }

int64_t problem_dst_elements(const problem *p) {
    int64_t out[PROBLEM_AXES];
    problem_out(p, out);
    return p->oc * volume(out);
}

/* Weights of an output channel; of a convolution also the multiply-adds of an output. */
static int64_t taps(const problem *p) {
    if (!problem_has_weights(p)) return 0;
    return p->separable ? p->kernel[1] + p->kernel[2] : p->ic / p->groups * volume(p->kernel);
}

int64_t problem_wei_elements(const problem *p) { return p->oc * taps(p); }

int64_t problem_flops(const problem *p) {
    if (p->kind->op == PROBLEM_CONV_TRANSPOSE) return 2 * volume(p->in) * problem_wei_elements(p);
    return 2 * problem_dst_elements(p) * taps(p);
}

__attribute__((format(printf, 3, 4))) static void add(char *text, size_t n, const char *format, ...) {
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, n - used, format, args);
    va_end(args);
}

/* "56x56", the axes that the problem has. */
static void add_sizes(char *text, size_t n, const problem *p, const int64_t size[PROBLEM_AXES], const char *between) {
    for (int a = first_axis(p); a < PROBLEM_AXES; a++)
        add(text, n, "%s%lld", a > first_axis(p) ? between : "", (long long)size[a]);
}

/* " s2" or " s1x2", nothing where all have their usual value. */
static void add_setting(char *text, size_t n, const problem *p, const char *key, const int64_t v[PROBLEM_AXES],
                        int64_t usual) {
    int alike = 1;
    for (int a = first_axis(p); a < PROBLEM_AXES - 1; a++) alike &= v[a] == v[a + 1];
    if (alike && v[PROBLEM_AXES - 1] == usual) return;
    add(text, n, " %s", key);
    if (alike)
        add(text, n, "%lld", (long long)v[PROBLEM_AXES - 1]);
    else
        add_sizes(text, n, p, v, "x");
}

void problem_shape(const problem *p, char *text, size_t n) {
    int64_t out[PROBLEM_AXES];
    problem_out(p, out);
    snprintf(text, n, "%lldx", (long long)p->ic);
    add_sizes(text, n, p, p->in, "x");
    add(text, n, " -> %lldx", (long long)p->oc);
    add_sizes(text, n, p, out, "x");
    add(text, n, p->kind->rank == 1 ? " k" : " ");
    add_sizes(text, n, p, p->kernel, p->separable ? "+" : "x");
    add_setting(text, n, p, "s", p->stride, 1);
    add_setting(text, n, p, "p", p->pad, 0);
    add_setting(text, n, p, "d", p->dilation, 1);
    add_setting(text, n, p, "op", p->out_pad, 0);
    if (p->groups != 1) add(text, n, " g%lld", (long long)p->groups);
    if (p->kind->op == PROBLEM_CONV_TRANSPOSE) add(text, n, " transposed");
    if (p->bytes) add(text, n, " uint8");
}

static void add_keys(char *text, size_t n, const problem *p, const char *key, const int64_t v[PROBLEM_AXES]) {
    for (int a = first_axis(p); a < PROBLEM_AXES; a++)
        add(text, n, " %s%c=%lld", key, axis_letters[a], (long long)v[a]);
}

void problem_line(const problem *p, char *text, size_t n) {
    const problem_op op = p->kind->op;
    snprintf(text, n, "%s name=%s", p->kind->name, p->name);
    if (problem_has_weights(p))
        add(text, n, " ic=%lld oc=%lld", (long long)p->ic, (long long)p->oc);
    else
        add(text, n, " c=%lld", (long long)p->ic);
    add_keys(text, n, p, "i", p->in);
    add_keys(text, n, p, "k", p->kernel);
    add_keys(text, n, p, "s", p->stride);
    add_keys(text, n, p, "p", p->pad);
    if (op != PROBLEM_AVGPOOL) add_keys(text, n, p, "d", p->dilation);
    if (op == PROBLEM_CONV_TRANSPOSE) add_keys(text, n, p, "op", p->out_pad);
    if (problem_has_weights(p))
        add(text, n, " g=%lld bias=%d", (long long)p->groups, p->bias);
    else
        add(text, n, " ceil=%d", p->ceil_mode);
    if (op == PROBLEM_CONV) add(text, n, " bytes=%d boundary=%s", p->bytes, boundary_names[p->boundary]);
    if (p->separable) add(text, n, " separable=1");
    if (op == PROBLEM_AVGPOOL) add(text, n, " include_pad=%d", p->include_pad);
}
