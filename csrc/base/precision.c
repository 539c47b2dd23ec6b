/* precision.c - how results may be computed, for the whole process, until a descriptor says otherwise. */
#include <stdatomic.h>

#include "../include/pyconv.h"

static _Atomic int chosen; /* by pc_set_precision; 0 = PC_PRECISION_AUTO */

const char *pc_precision_name(pc_precision precision) {
    static const char *const names[PC_PRECISION_COUNT] = {"auto", "fast", "strict"};
    const int i = (int)precision;
    return i >= 0 && i < PC_PRECISION_COUNT ? names[i] : 0;
}

pc_precision pc_get_precision(void) {
    const int precision = atomic_load_explicit(&chosen, memory_order_relaxed);
    return precision ? (pc_precision)precision : PC_FAST;
}

pc_status pc_set_precision(pc_precision precision) {
    if (!pc_precision_name(precision)) return PC_ERR_PRECISION;
    atomic_store_explicit(&chosen, (int)precision, memory_order_relaxed);
    return PC_OK;
}
