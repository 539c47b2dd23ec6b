/* test_vec_main.c - runs test_vec.c for the target TEST_ISA, if this CPU has it. Compiled with the baseline's flags. */
#include <stdio.h>

#include "support.h"

void TEST_FUNCTION(void);

int main(void) {
    pc_isa isa;
    if (pc_isa_from_name(TEST_ISA, &isa) != PC_OK || !pc_isa_available(isa)) {
        printf("this CPU does not run %s\n", TEST_ISA);
        return TEST_SKIPPED;
    }
    TEST_FUNCTION();
    return test_result();
}
