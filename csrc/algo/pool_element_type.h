/* pool_element_type.h - the functions of pool_elements.h for PC_ELEMENT, whose lowest value is PC_LOWEST and whose NaN,
 * if it has any, PC_IS_NAN tells; no guard, because pool_elements.c includes it once for each type. */
#define PC_JOIN_(a, b) a##b
#define PC_JOIN(a, b) PC_JOIN_(a, b)
#define PC_OF(name) PC_JOIN(PC_JOIN(name, _), PC_ELEMENT)

/* Whether any of a run of elements takes over: mostly none does, and vectors tell. */
static inline int PC_OF(beaten)(const PC_ELEMENT *p, PC_ELEMENT best) {
    int any = 0;
#pragma omp simd reduction(| : any)
    for (int i = 0; i < PC_RUN; i++) any |= (p[i] > best) | PC_IS_NAN(p[i]);
    return any;
}

static void PC_OF(window)(const void *source, const pc_pool_window *w, void *dst, int64_t *at) {
    const PC_ELEMENT *src = (const PC_ELEMENT *)source + pc_pool_total(w->first);
    const int64_t index = pc_pool_total(w->index);
    const int64_t cols = w->n[2], step = w->step[2];
    const int some = w->n[0] > 0 && w->n[1] > 0 && cols > 0; /* a dilated window may miss the image */
    PC_ELEMENT best = some ? *src : PC_LOWEST;
    int64_t where = some ? index : -1;
    for (int64_t q = 0; some && q < w->n[0]; q++) {
        for (int64_t r = 0; r < w->n[1]; r++) {
            const PC_ELEMENT *p = src + q * w->step[0] + r * w->step[1];
            const int64_t row = index + q * w->index_step[0] + r * w->index_step[1];
            for (int64_t s = 0; s < cols;) {
                const int64_t end = s + PC_RUN < cols ? s + PC_RUN : cols;
                if (step == 1 && end - s == PC_RUN && !PC_OF(beaten)(p + s, best)) s = end;
                for (; s < end; s++) {
                    const PC_ELEMENT v = p[s * step];
                    if (!(v > best) && !PC_IS_NAN(v)) continue;
                    best = v;
                    where = row + s * w->index_step[2];
                }
            }
        }
    }
    *(PC_ELEMENT *)dst = best;
    *at = where;
}

static void PC_OF(larger)(int64_t n, const void *after, void *before) {
    const PC_ELEMENT *b = after;
    PC_ELEMENT *a = before;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) a[i] = ((b[i] > a[i]) | PC_IS_NAN(b[i])) ? b[i] : a[i];
}

static void PC_OF(larger_at)(int64_t n, const void *after, const int32_t *b_at, void *before, int32_t *a_at) {
    const PC_ELEMENT *b = after;
    PC_ELEMENT *a = before;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        const PC_ELEMENT x = a[i], y = b[i];
        const int32_t wins = -(int32_t)((y > x) | PC_IS_NAN(y) | (a_at[i] < 0));
        a_at[i] = (b_at[i] & wins) | (a_at[i] & ~wins);
        a[i] = ((y > x) | PC_IS_NAN(y)) ? y : x; /* also where x is of the padding */
    }
}

static const PC_ELEMENT PC_OF(lowest) = PC_LOWEST;
static const pc_pool_elements PC_OF(elements) = {&PC_OF(lowest), PC_OF(window), PC_OF(larger), PC_OF(larger_at)};

#undef PC_JOIN_
#undef PC_JOIN
#undef PC_OF
#undef PC_ELEMENT
#undef PC_LOWEST
