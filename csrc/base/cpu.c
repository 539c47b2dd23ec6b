/* cpu.c - which instruction sets this CPU *and* its operating system run, which one the process uses, and what the CPU
 * does with wide vectors. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../include/pyconv.h"
#include "cpu.h"

#if defined(PC_HAVE_AVX2) || defined(PC_HAVE_AVX512)
#include <cpuid.h>

/* XCR0: the register state that the operating system saves at a context switch. */
static unsigned long long saved_state(void) {
    unsigned lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (unsigned long long)hi << 32 | lo;
}

static void detect(int has[PC_ISA_COUNT]) {
    const unsigned fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28, f16c = 1u << 29;               /* leaf 1, ecx */
    const unsigned avx2 = 1u << 5, bmi2 = 1u << 8;                                                    /* leaf 7, ebx */
    const unsigned f = 1u << 16, dq = 1u << 17, bw = 1u << 30, vl = 1u << 31, all = f | dq | bw | vl; /* leaf 7, ebx */
    const unsigned long long ymm = 0x6, zmm = 0xe6;
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & osxsave) || !(c & avx) || !(c & fma) || !(c & f16c)) return;
    unsigned long long state = saved_state();
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
    int wide = (b & avx2) && (b & bmi2) && (state & ymm) == ymm;
    has[PC_ISA_AVX2] = wide;
    has[PC_ISA_AVX512] = wide && (b & all) == all && (state & zmm) == zmm;
}

static int has_vnni(void) {
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c >> 11 & 1);
}

static int has_bfloat(void) {
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1);
}

/* AMD's family 19h: Zen 4, and Zen 3, which lacks AVX-512. */
static int is_zen4(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(0, &a, &b, &c, &d) || b != signature_AMD_ebx || !__get_cpuid(1, &a, &b, &c, &d)) return 0;
    const unsigned family = a >> 8 & 0xf, extended = a >> 20 & 0xff;
    return family == 0xf && family + extended == 0x19;
}
#else
static void detect(int has[PC_ISA_COUNT]) { (void)has; }
static int has_vnni(void) { return 0; }
static int has_bfloat(void) { return 0; }
static int is_zen4(void) { return 0; }
#endif

enum { HALVES_512 = PC_ISA_COUNT, VNNI, BFLOAT }; /* bits beside those of the instruction sets */

/* Bit i: pc_isa i is built in and runs here. Found once, because CPUID traps to the hypervisor on virtual machines. */
static int available_set(void) {
    static _Atomic int found;
    int set = atomic_load_explicit(&found, memory_order_relaxed);
    if (set) return set;
    int has[PC_ISA_COUNT] = {[PC_ISA_SCALAR] = 1};
#if defined(PC_HAVE_NEON)
    has[PC_ISA_NEON] = 1; /* every arm64 CPU has it */
#endif
    detect(has);
#if !defined(PC_HAVE_AVX2)
    has[PC_ISA_AVX2] = 0;
#endif
#if !defined(PC_HAVE_AVX512)
    has[PC_ISA_AVX512] = 0;
#endif
    for (int i = 0; i < PC_ISA_COUNT; i++) set |= has[i] << i;
    set |= is_zen4() << HALVES_512 | has_vnni() << VNNI | has_bfloat() << BFLOAT;
    atomic_store_explicit(&found, set, memory_order_relaxed);
    return set;
}

int pc_isa_available(pc_isa isa) {
    const int i = (int)isa;
    return i > PC_ISA_AUTO && i < PC_ISA_COUNT && (available_set() >> i & 1);
}

int pc_cpu_halves_512(void) { return available_set() >> HALVES_512 & 1; }
int pc_cpu_has_vnni(void) { return available_set() >> VNNI & 1; }
int pc_cpu_has_bfloat(void) { return available_set() >> BFLOAT & 1; }

static const char *const names[PC_ISA_COUNT] = {"auto", "scalar", "avx2", "avx512", "neon"};

const char *pc_isa_name(pc_isa isa) {
    int i = (int)isa;
    return i >= 0 && i < PC_ISA_COUNT ? names[i] : NULL;
}

pc_status pc_isa_from_name(const char *name, pc_isa *isa) {
    if (!name || !isa) return PC_ERR_NULL;
    for (int i = 0; i < PC_ISA_COUNT; i++) {
        if (strcmp(name, names[i]) == 0) {
            *isa = (pc_isa)i;
            return PC_OK;
        }
    }
    return PC_ERR_ISA;
}

/* The default, found once: a pc_isa, or minus a status when PYCONV_ISA cannot be served; 0 means not looked for yet.
 * Two threads that race here find the same answer. */
static _Atomic int default_isa;
static _Atomic int chosen_isa; /* by pc_set_isa; 0 = PC_ISA_AUTO */

static int find_default(void) {
    const char *forced = getenv("PYCONV_ISA");
    pc_isa isa = PC_ISA_AUTO;
    if (forced && *forced) {
        if (pc_isa_from_name(forced, &isa) != PC_OK) return -PC_ERR_ISA;
        if (isa != PC_ISA_AUTO) return pc_isa_available(isa) ? (int)isa : -PC_ERR_ISA;
    }
    static const pc_isa best_first[] = {PC_ISA_AVX512, PC_ISA_AVX2, PC_ISA_NEON, PC_ISA_SCALAR};
    for (int i = 0; i < 4; i++)
        if (pc_isa_available(best_first[i])) return (int)best_first[i];
    return PC_ISA_SCALAR;
}

pc_status pc_get_isa(pc_isa *isa) {
    if (!isa) return PC_ERR_NULL;
    int chosen = atomic_load_explicit(&chosen_isa, memory_order_relaxed);
    if (!chosen) {
        chosen = atomic_load_explicit(&default_isa, memory_order_relaxed);
        if (!chosen) {
            chosen = find_default();
            atomic_store_explicit(&default_isa, chosen, memory_order_relaxed);
        }
    }
    if (chosen < 0) return (pc_status)-chosen;
    *isa = (pc_isa)chosen;
    return PC_OK;
}

pc_status pc_set_isa(pc_isa isa) {
    if (isa != PC_ISA_AUTO && !pc_isa_available(isa)) return PC_ERR_ISA;
    atomic_store_explicit(&chosen_isa, (int)isa, memory_order_relaxed);
    return PC_OK;
}
