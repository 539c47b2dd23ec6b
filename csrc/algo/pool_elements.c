/* pool_elements.c - see pool_elements.h: one text, pool_element_type.h, for ten types. */
#include "pool_elements.h"

#include <math.h>

#define PC_RUN 16 /* elements that are looked at together */
#define PC_IS_NAN(x) ((x) != (x))

#define PC_ELEMENT float
#define PC_LOWEST (-INFINITY)
#include "pool_element_type.h"

#define PC_ELEMENT double
#define PC_LOWEST (-INFINITY)
#include "pool_element_type.h"

#undef PC_IS_NAN
#define PC_IS_NAN(x) 0

#define PC_ELEMENT int8_t
#define PC_LOWEST INT8_MIN
#include "pool_element_type.h"

#define PC_ELEMENT int16_t
#define PC_LOWEST INT16_MIN
#include "pool_element_type.h"

#define PC_ELEMENT int32_t
#define PC_LOWEST INT32_MIN
#include "pool_element_type.h"

#define PC_ELEMENT int64_t
#define PC_LOWEST INT64_MIN
#include "pool_element_type.h"

#define PC_ELEMENT uint8_t
#define PC_LOWEST 0
#include "pool_element_type.h"

#define PC_ELEMENT uint16_t
#define PC_LOWEST 0
#include "pool_element_type.h"

#define PC_ELEMENT uint32_t
#define PC_LOWEST 0
#include "pool_element_type.h"

#define PC_ELEMENT uint64_t
#define PC_LOWEST 0
#include "pool_element_type.h"

const pc_pool_elements *pc_pool_elements_find(int size, int integer, int is_unsigned) {
    static const pc_pool_elements *const integers[2][4] = {
        {&elements_int8_t, &elements_int16_t, &elements_int32_t, &elements_int64_t},
        {&elements_uint8_t, &elements_uint16_t, &elements_uint32_t, &elements_uint64_t}};
    if (!integer) return size == 4 ? &elements_float : &elements_double;
    return integers[is_unsigned != 0][size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3];
}
