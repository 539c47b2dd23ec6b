/* fma_chain.h - the loop that measures the peak; included once for every instruction set and dtype (no include guard).
 *
 * CHAIN_COUNT independent chains of fused multiply-adds live in registers: enough of them to cover latency times issue
 * width of any core we know (5 cycles x 2 a cycle), few enough that they and the two operands fit the register file.
 * The includer defines
 *     CHAIN_NAME          the function's name
 *     CHAIN_TARGET        its target attribute, or nothing
 *     CHAIN_VEC           the register type
 *     CHAIN_SCALAR        its element
 *     CHAIN_COUNT         how many chains
 *     CHAIN_SET1(s)       all lanes s
 *     CHAIN_FMA(a, x, y)  a * x + y, one rounding
 *     CHAIN_STORE(p, v)   write the lanes to p
 *     CHAIN_PIN(v)        keep v in a register, opaque to the optimiser, so that chains are not merged into vectors
 */
CHAIN_TARGET static void CHAIN_NAME(int64_t steps, void *sink) {
    CHAIN_VEC acc[CHAIN_COUNT];
    /* Near 1 and contracting: values stay normal however long it runs. */
    const CHAIN_VEC x = CHAIN_SET1((CHAIN_SCALAR)0.9999), y = CHAIN_SET1((CHAIN_SCALAR)1.0001);
#pragma GCC unroll 32
    for (int i = 0; i < CHAIN_COUNT; i++) acc[i] = CHAIN_SET1((CHAIN_SCALAR)i);
    for (int64_t step = 0; step < steps; step++) {
#pragma GCC unroll 32
        for (int i = 0; i < CHAIN_COUNT; i++) {
            acc[i] = CHAIN_FMA(acc[i], x, y);
            CHAIN_PIN(acc[i]);
        }
    }
#pragma GCC unroll 32
    for (int i = 0; i < CHAIN_COUNT; i++) CHAIN_STORE((CHAIN_SCALAR *)sink, acc[i]);
}

#undef CHAIN_NAME
#undef CHAIN_TARGET
#undef CHAIN_VEC
#undef CHAIN_SCALAR
#undef CHAIN_COUNT
#undef CHAIN_SET1
#undef CHAIN_FMA
#undef CHAIN_STORE
#undef CHAIN_PIN
