/* cpu.h - what algorithms may know of the CPU beyond its instruction sets. It may decide the size of a tile, which no
 * result shows, and never which algorithm runs. */
#ifndef PC_BASE_CPU_H
#define PC_BASE_CPU_H

/* Whether a 512-bit FMA occupies the units of two shorter ones, so that one starts each cycle beside two loads (Zen 4).
 * Others start two, for which two loads are few. */
int pc_cpu_halves_512(void);

/* AVX512-VNNI, which integers need for tiles of 512 bits. */
int pc_cpu_has_vnni(void);

/* AVX512-BF16, which rounds float32 to bfloat16. */
int pc_cpu_has_bfloat(void);

#endif
