/* status.c - status texts and what the library says of itself. */
#include "../include/pyconv.h"

const char *pc_status_text(pc_status status) {
    static const char *const text[PC_STATUS_COUNT] = {
        [PC_OK] = "success",
        [PC_ERR_NULL] = "a required pointer is NULL",
        [PC_ERR_DTYPE] = "unknown element type",
        [PC_ERR_LAYOUT] = "unknown layout",
        [PC_ERR_SIZE] = "a size is not positive",
        [PC_ERR_GROUPS] = "channels are not divisible by groups, or groups is less than 1",
        [PC_ERR_STRIDE] = "stride is less than 1",
        [PC_ERR_DILATION] = "dilation is less than 1",
        [PC_ERR_PADDING] = "padding is negative, or larger than the window or the result allows",
        [PC_ERR_KERNEL] = "the dilated kernel is larger than the padded input",
        [PC_ERR_OVERFLOW] = "a size does not fit in 64 bits",
        [PC_ERR_BOUNDARY] = "unknown boundary mode",
        [PC_ERR_ISA] = "unknown instruction set, or one that this CPU or this build lacks",
        [PC_ERR_ALGO] = "unknown algorithm, or one that refuses this problem",
        [PC_ERR_THREADS] = "thread count is negative",
        [PC_ERR_ACTIVATION] = "unknown activation, or a clamp whose bounds are not least and greatest",
        [PC_ERR_PRECISION] = "unknown precision",
        [PC_ERR_POOL] = "unknown kind of pooling, or indices, integers or placed windows of an average",
        [PC_ERR_INDEX] = "an index lies outside its plane",
        [PC_ERR_MODE] = "unknown way of resampling",
        [PC_ERR_NOMEM] = "out of memory",
    };
    int i = (int)status;
    return i >= 0 && i < PC_STATUS_COUNT ? text[i] : "unknown status";
}

#define PC_STR_(x) #x
#define PC_STR(x) PC_STR_(x)

const char *pc_version(void) {
    return PC_STR(PC_VERSION_MAJOR) "." PC_STR(PC_VERSION_MINOR) "." PC_STR(PC_VERSION_PATCH);
}

const char *pc_compiler(void) {
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#else
    return "unknown compiler";
#endif
}
