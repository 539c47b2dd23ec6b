/* dispatch.c - the kernel tables that this build holds. */
#include "../base/cpu.h"
#include "../kernels/kernels.h"

extern const pc_kernels pc_kernels_f32_scalar, pc_kernels_f64_scalar, pc_int_kernels_f32_scalar,
    pc_int_kernels_f64_scalar;
#if defined(PC_HAVE_AVX2)
extern const pc_kernels pc_kernels_f32_avx2, pc_kernels_f64_avx2, pc_int_kernels_f32_avx2, pc_int_kernels_f64_avx2;
#endif
#if defined(PC_HAVE_AVX512)
extern const pc_kernels pc_kernels_f32_avx512, pc_kernels_f64_avx512, pc_int_kernels_f32_avx512,
    pc_int_kernels_f64_avx512, pc_bfloat_kernels_f32_avx512;
#endif
#if defined(PC_HAVE_NEON)
extern const pc_kernels pc_kernels_f32_neon, pc_kernels_f64_neon, pc_int_kernels_f32_neon, pc_int_kernels_f64_neon;
#endif

const pc_kernels *pc_kernels_find(pc_isa isa, pc_dtype dtype) {
    static const pc_kernels *const table[PC_ISA_COUNT][PC_I64 + 1] = {
        [PC_ISA_SCALAR] = {&pc_kernels_f32_scalar, &pc_kernels_f64_scalar, &pc_int_kernels_f32_scalar,
                           &pc_int_kernels_f64_scalar},
#if defined(PC_HAVE_AVX2)
        [PC_ISA_AVX2] = {&pc_kernels_f32_avx2, &pc_kernels_f64_avx2, &pc_int_kernels_f32_avx2,
                         &pc_int_kernels_f64_avx2},
#endif
#if defined(PC_HAVE_AVX512)
        [PC_ISA_AVX512] = {&pc_kernels_f32_avx512, &pc_kernels_f64_avx512, &pc_int_kernels_f32_avx512,
                           &pc_int_kernels_f64_avx512},
#endif
#if defined(PC_HAVE_NEON)
        [PC_ISA_NEON] = {&pc_kernels_f32_neon, &pc_kernels_f64_neon, &pc_int_kernels_f32_neon,
                         &pc_int_kernels_f64_neon},
#endif
    };
    if (!pc_isa_available(isa) || (unsigned)dtype > PC_I64) return 0;
    if (isa == PC_ISA_AVX512 && dtype == PC_I32 && !pc_cpu_has_vnni()) isa = PC_ISA_AVX2;
#if defined(PC_HAVE_AVX512)
    if (isa == PC_ISA_AVX512 && dtype == PC_F32 && pc_cpu_has_bfloat()) return &pc_bfloat_kernels_f32_avx512;
#endif
    return table[isa][dtype];
}
