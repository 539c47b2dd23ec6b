/* test_forced_isa.c - PYCONV_ISA: a target that runs is obeyed, and anything else is an error, never a quiet fallback.
 * The variable is read once a process, so each value is tried in a process of its own. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

enum { RAN_AS_ASKED = 0, REFUSED = 10, WRONG = 20 };

static int try_in_child(const char *name) {
    pc_isa isa;
    pc_plan *plan = NULL;
    pc_plan_info info;
    pc_conv_desc d = PC_CONV_DESC_INIT;
    setenv("PYCONV_ISA", name, 1);
    const pc_status queried = pc_get_isa(&isa), created = pc_plan_create_conv(&d, &plan);
    if (queried == PC_ERR_ISA && created == PC_ERR_ISA) return REFUSED;
    if (queried != PC_OK || created != PC_OK || pc_plan_get_info(plan, &info) != PC_OK) return WRONG;
    return strcmp(info.isa, name) == 0 && strcmp(pc_isa_name(isa), name) == 0 ? RAN_AS_ASKED : WRONG;
}

static int try(const char *name) {
    const pid_t child = fork();
    if (child == 0) _exit(try_in_child(name));
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
}

int main(void) {
    for (int isa = PC_ISA_SCALAR; isa < PC_ISA_COUNT; isa++) {
        const char *name = pc_isa_name((pc_isa)isa);
        const int want = pc_isa_available((pc_isa)isa) ? RAN_AS_ASKED : REFUSED, got = try(name);
        CHECK(got == want, "PYCONV_ISA=%s: %d, not %d", name, got, want);
    }
    const char *const unknown[] = {"sse9", "AVX2", " avx2", "1"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        const int got = try(unknown[i]);
        CHECK(got == REFUSED, "PYCONV_ISA=%s: %d", unknown[i], got);
    }
    return test_result();
}
