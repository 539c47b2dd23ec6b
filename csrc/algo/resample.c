/* resample.c - images resampled to another size, axis by axis, a row of the result at a time.
 *
 *     row (z, y) of src --across--> row y of slice z --down--> row of slice z --deep--> row of dst
 *
 * Two or four rows before each of the last two steps wait in the workspace, since the next row of the result reads most
 * of them again: across is computed once for each row of src. For volumes, rows of all slices wait, and the slices of a
 * result's row come one after the other, for the same reason. Rows are cut into strips, and slices into blocks, that
 * fit the workspace.
 *
 * Along a row, a table has for each element of a strip where it reads, and with what weights. With channels last it has
 * so for each pixel, and a pixel is a sum of pixels as a row is one of rows. Nearest elements are copied, of whatever
 * type. */
#include <math.h>
#include <string.h>

#include "../base/share.h"
#include "../base/threads.h"
#include "pool.h"

enum {
    SMALL = 1 << 15,   /* elements below which waking a thread costs more than it saves */
    WANTED = 32 << 10, /* bytes of rows and table of a strip */
    NARROW = 256,      /* elements of a strip for which a volume is cut into blocks */
    NARROWEST = 64,    /* elements of a strip at least */
    WIDE = 24,         /* channels of a pixel that is copied by itself */
    TAPS = PC_MAX_RESAMPLE_TAPS,
};

typedef struct resampling {
    const pc_resample_desc *desc;
    const pc_kernels *k;
    int taps[3];
    int plain;       /* one row a plane, to which nothing is added */
    int each;        /* the table has entries for each element, not for each pixel */
    int64_t row;     /* elements */
    int64_t strip;   /* elements */
    int64_t slices;  /* of the result, in a block */
    int64_t span;    /* slices of src that a block reads */
    int64_t entries; /* of a table */
    int64_t weight, across, down, held, held_down, bytes; /* offsets in a thread's workspace */
} resampling;

/* What one thread works with. */
typedef struct part {
    const resampling *r;
    const char *src; /* the plane */
    char *workspace;
    pc_resample_table table;
    int64_t from, n; /* elements of the row: the strip */
    int64_t first;   /* slice of the block */
} part;

/* Taps of one output. */
typedef struct taps {
    int32_t index[TAPS];
    _Alignas(8) char weight[TAPS * 8]; /* elements of either type */
} taps;

/* What is computed in float32 is computed in double and rounded after each operation, which is the same. */
static double rounded(const resampling *r, double x) { return r->desc->dtype == PC_F32 ? (float)x : x; }

/* Keys' weights of the elements at most 1, and 1 to 2, from the place. */
static double near(const resampling *r, double x) {
    const double sum = rounded(r, rounded(r, 1.25 * x) - 2.25);
    return rounded(r, rounded(r, rounded(r, sum * x) * x) + 1);
}
static double far(const resampling *r, double x) {
    const double sum = rounded(r, rounded(r, -0.75 * x) + 3.75);
    return rounded(r, rounded(r, rounded(r, rounded(r, sum * x) - 6) * x) + 3);
}

static int64_t within(double place, int64_t n) { return place < 0 ? 0 : pc_min((int64_t)place, n - 1); }

static void put(const resampling *r, void *weights, int64_t at, double weight) {
    if (r->desc->dtype == PC_F32)
        ((float *)weights)[at] = (float)weight;
    else
        ((double *)weights)[at] = weight;
}

/* Taps of output i of an axis, ld apart. */
static void find_taps(const resampling *r, int axis, int64_t i, int64_t ld, int32_t *index, void *weight) {
    const pc_resample_desc *d = r->desc;
    const int64_t n = d->in[axis];
    const double step = d->step[axis], most = 2 * (double)n + 4; /* whatever the step, a place fits an integer */
    const double half = d->mode == PC_RESAMPLE_NEAREST || d->corners ? 0 : 0.5;
    double place = rounded(r, rounded(r, rounded(r, (double)i) + half) * step);
    if (d->mode >= PC_RESAMPLE_LINEAR && !d->corners) place = rounded(r, place - half);
    if (d->mode == PC_RESAMPLE_LINEAR && place < 0) place = 0;
    if (place > most) place = most;
    if (r->taps[axis] == 1) {
        *index = (int32_t)within((float)place, n);
        return;
    }
    const double base = floor(place), t = place - base;
    const int linear = d->mode == PC_RESAMPLE_LINEAR;
    for (int j = 0; j < r->taps[axis]; j++) index[j * ld] = (int32_t)within(base + j - !linear, n);
    put(r, weight, 0, linear ? rounded(r, 1 - t) : far(r, rounded(r, t + 1)));
    put(r, weight, ld, linear ? t : near(r, t));
    if (linear) return;
    put(r, weight, 2 * ld, near(r, rounded(r, 1 - t)));
    put(r, weight, 3 * ld, far(r, rounded(r, 2 - t)));
}

static void find(const resampling *r, int axis, int64_t i, taps *t) { find_taps(r, axis, i, 1, t->index, t->weight); }

/* ---- plan ------------------------------------------------------------------------------------------------------ */

/* Slices of src that the blocks read, at most. */
static int64_t span_of(const resampling *r) {
    int64_t most = 1;
    for (int64_t z = 0; z < r->desc->out[0]; z += r->slices) {
        taps low, high;
        find(r, 0, z, &low);
        find(r, 0, pc_min(z + r->slices, r->desc->out[0]) - 1, &high);
        most = pc_max(most, high.index[r->taps[0] - 1] - low.index[0] + 1);
    }
    return most;
}

static resampling plan(const pc_kernels *k, const pc_resample_desc *d) {
    static const int taps_of[PC_RESAMPLE_COUNT] = {1, 1, 2, 4};
    resampling r = {.desc = d, .k = k, .row = d->out[2] * d->inner, .slices = d->out[0]};
    for (int i = 0; i < 3; i++) r.taps[i] = i >= 3 - d->rank ? taps_of[d->mode] : 1;
    r.plain = d->rank == 1;
    r.each = d->inner == 1 || (r.taps[2] == 1 && d->inner < WIDE && d->in[2] * d->inner <= INT32_MAX);
    const int64_t size = d->size, entry = r.taps[2] * (4 + 8);
    for (;; r.slices = pc_ceil_div(r.slices, 2)) {
        r.span = span_of(&r);
        const int64_t rows = r.span * r.taps[1] + (r.taps[0] > 1 ? r.taps[0] : 0);
        r.strip = pc_max(WANTED / (rows * size + (r.each ? entry : 0)) / NARROWEST, 1) * NARROWEST;
        if (r.strip >= pc_min(NARROW, r.row) || r.slices == 1) break;
    }
    r.strip = pc_min(r.strip, r.row);
    r.entries = (r.each ? r.strip : r.strip / d->inner + 2) + PC_MAX_VLEN;
    r.weight = pc_round_up(r.taps[2] * r.entries * 4, 64);
    r.across = r.weight + pc_round_up(r.taps[2] * r.entries * 8, 64);
    r.down = r.across + pc_round_up(r.plain ? 0 : r.span * r.taps[1] * r.strip * size, 64);
    r.held = r.down + pc_round_up(r.taps[0] > 1 ? r.taps[0] * r.strip * size : 0, 64);
    r.held_down = r.held + r.span * r.taps[1] * 4;
    r.bytes = r.held_down + r.taps[0] * 4;
    return r;
}

/* ---- run ------------------------------------------------------------------------------------------------------- */

#define DEFINE_COPY(T)                                                                                                 \
    static void copy_##T(int64_t n, const int32_t *index, const T *src, T *dst) {                                      \
        for (int64_t i = 0; i < n; i++) dst[i] = src[index[i]];                                                        \
    }
DEFINE_COPY(uint8_t)
DEFINE_COPY(uint16_t)
DEFINE_COPY(uint32_t)
DEFINE_COPY(uint64_t)

static void copy(int64_t size, int64_t n, const int32_t *index, const char *src, char *dst) {
    switch (size) {
        case 1: copy_uint8_t(n, index, (const uint8_t *)src, (uint8_t *)dst); return;
        case 2: copy_uint16_t(n, index, (const uint16_t *)src, (uint16_t *)dst); return;
        case 4: copy_uint32_t(n, index, (const uint32_t *)src, (uint32_t *)dst); return;
        case 8: copy_uint64_t(n, index, (const uint64_t *)src, (uint64_t *)dst); return;
        default:
            for (int64_t i = 0; i < n; i++) memcpy(dst + i * size, src + index[i] * size, (size_t)size);
    }
}

static const char *row_of(const part *p, int64_t z, int64_t y) {
    const pc_resample_desc *d = p->r->desc;
    return p->src + (z * d->in[1] + y) * d->in[2] * d->inner * d->size;
}

/* The strip of a row of src, resampled along the row. */
static void across(const part *p, int64_t z, int64_t y, char *dst) {
    const resampling *r = p->r;
    const pc_resample_desc *d = r->desc;
    const int64_t size = d->size, in_n = d->in[2] * d->inner;
    const char *src = row_of(p, z, y);
    const int taps = r->taps[2];
    if (r->each) {
        if (taps == 1 && (size != r->k->size || d->inner > 1)) /* of channels, indices do not ascend */
            copy(size, p->n, p->table.index, src, dst);
        else
            r->k->resample_row(taps, p->n, &p->table, src, in_n, dst);
        return;
    }
    if (taps > 1) {
        r->k->resample_pixels(taps, 1, p->n, p->from % d->inner, d->inner, &p->table, (const void *[]){src}, NULL, dst);
        return;
    }
    int64_t c = p->from % d->inner;
    for (int64_t i = 0, entry = 0; i < p->n; entry++) {
        const int64_t n = pc_min(d->inner - c, p->n - i);
        memcpy(dst + i * size, src + (p->table.index[entry] * d->inner + c) * size, (size_t)(n * size));
        i += n;
        c = 0;
    }
}

static void down(const part *p, const taps *y, int64_t z, char *dst) {
    const resampling *r = p->r;
    if (r->plain || (r->taps[1] == 1 && !r->each)) { /* pixels are copied as fast as rows */
        across(p, z, y->index[0], dst);
        return;
    }
    const void *row[TAPS];
    const int taps = r->taps[1];
    if (taps == 2 && !r->each) { /* both ways at once: what a row would save, storing and loading it costs */
        const int64_t inner = r->desc->inner;
        for (int t = 0; t < 2; t++) row[t] = row_of(p, z, y->index[t]);
        r->k->resample_pixels(2, 2, p->n, p->from % inner, inner, &p->table, row, y->weight, dst);
        return;
    }
    for (int t = 0; t < taps; t++) {
        const int64_t slot = (z - p->first) * taps + y->index[t] % taps;
        int32_t *held = (int32_t *)(p->workspace + r->held) + slot;
        char *waits = p->workspace + r->across + slot * r->strip * r->desc->size;
        if (*held != y->index[t]) across(p, z, y->index[t], waits);
        *held = y->index[t];
        row[t] = waits;
    }
    if (taps == 1)
        memcpy(dst, row[0], (size_t)(p->n * r->desc->size));
    else
        r->k->resample_blend(taps, p->n, row, y->weight, dst);
}

static void deep(const part *p, const taps *z, const taps *y, char *dst) {
    const resampling *r = p->r;
    const int taps = r->taps[0];
    if (taps == 1) {
        down(p, y, z->index[0], dst);
        return;
    }
    const void *row[TAPS];
    for (int t = 0; t < taps; t++) {
        const int64_t slot = z->index[t] % taps;
        int32_t *held = (int32_t *)(p->workspace + r->held_down) + slot;
        char *waits = p->workspace + r->down + slot * r->strip * r->desc->size;
        if (*held != z->index[t]) down(p, y, z->index[t], waits);
        *held = z->index[t];
        row[t] = waits;
    }
    r->k->resample_blend(taps, p->n, row, z->weight, dst);
}

/* Rows from .. to of a strip of one plane. */
static void run_rows(part *p, int64_t from, int64_t to, char *dst) {
    const resampling *r = p->r;
    const pc_resample_desc *d = r->desc;
    for (int64_t begin = 0; begin < d->out[0]; begin += r->slices) {
        taps z, y;
        find(r, 0, begin, &z);
        p->first = z.index[0];
        memset(p->workspace + r->held, -1, (size_t)(r->held_down - r->held));
        for (int64_t i = from; i < to; i++) {
            find(r, 1, i, &y);
            if (d->rank == 3) memset(p->workspace + r->held_down, -1, (size_t)(r->bytes - r->held_down));
            for (int64_t j = begin; j < pc_min(begin + r->slices, d->out[0]); j++) {
                if (d->rank == 3) find(r, 0, j, &z);
                deep(p, &z, &y, dst + ((j * d->out[1] + i) * r->row + p->from) * d->size);
            }
        }
    }
}

/* The table of a strip, and of a vector more: for each element, or for each pixel. */
static void fill_table(part *p) {
    const resampling *r = p->r;
    const int64_t inner = r->desc->inner, repeat = r->each ? inner : 1, ld = r->entries;
    const int size = r->k->size;
    int32_t *index = (int32_t *)p->workspace;
    char *weight = p->workspace + r->weight;
    int64_t place = p->from / inner, c = r->each ? p->from % inner : 0;
    for (int64_t i = 0; i < ld; place++, c = 0) {
        taps found;
        find(r, 2, place, &found);
        for (; i < ld && c < repeat; i++, c++)
            for (int t = 0; t < r->taps[2]; t++) {
                index[t * ld + i] = (int32_t)(found.index[t] * repeat + c);
                memcpy(weight + (t * ld + i) * size, found.weight + t * size, (size_t)size);
            }
    }
    p->table = (pc_resample_table){index, weight, ld};
}

/* Rows from .. to of those of all planes, not counting slices. */
static void run_part(const resampling *r, int64_t from, int64_t to, const char *src, char *dst, char *workspace) {
    const pc_resample_desc *d = r->desc;
    const int64_t src_plane = d->in[0] * d->in[1] * d->in[2] * d->inner * d->size;
    const int64_t dst_plane = d->out[0] * d->out[1] * r->row * d->size;
    part p = {.r = r, .workspace = workspace};
    for (; p.from < r->row; p.from += r->strip) {
        p.n = pc_min(r->strip, r->row - p.from);
        fill_table(&p);
        for (int64_t at = from, next; at < to; at = next) {
            const int64_t plane = at / d->out[1], top = plane * d->out[1];
            next = pc_min(to, top + d->out[1]);
            p.src = src + plane * src_plane;
            run_rows(&p, at - top, next - top, dst + plane * dst_plane);
        }
    }
}

static size_t size_for(const resampling *r, int threads) {
    return (size_t)threads * pc_share_stride((size_t)r->bytes) + PC_SHARE_LINE;
}

size_t pc_resample_size(const pc_kernels *k, const pc_resample_desc *d, int threads) {
    const resampling r = plan(k, d);
    return size_for(&r, (int)pc_max(1, pc_min(threads, d->planes * d->out[1])));
}

void pc_resample_run(const pc_kernels *k, const pc_resample_desc *d, const void *src, void *dst, void *workspace,
                     size_t bytes) {
    const resampling r = plan(k, d);
    const int64_t rows = d->planes * d->out[1];
    int threads = rows * r.row * d->out[0] < SMALL ? 1 : (int)pc_min(pc_get_num_threads(), rows);
    while (threads > 1 && size_for(&r, threads) > bytes) threads--;
    if (threads > 1) pc_note_team(threads);
    char *first = (char *)(((uintptr_t)workspace + PC_SHARE_LINE - 1) / PC_SHARE_LINE * PC_SHARE_LINE);
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
    for (int i = 0; i < threads; i++)
        run_part(&r, i * rows / threads, (i + 1) * rows / threads, src, dst,
                 first + (size_t)i * pc_share_stride((size_t)r.bytes));
}
