/* machine.h - what a figure needs beside it: the CPU, the system, the time, the compiler. */
#ifndef PYCONV_BENCH_MACHINE_H
#define PYCONV_BENCH_MACHINE_H

#include <stddef.h>

typedef struct machine {
    char cpu[128], flags[8192], system[128], huge_pages[64], time[32];
    int cpus; /* that this process may run on */
} machine;

void machine_read(machine *m);

#endif
