/* The kernel tables of a library that emulates instruction sets, instead of dispatch.c: those that
 * this machine may lack, on any x86-64. */
#include <string.h>

#include "../src/kernels/kernels.h"

extern const wh_kernels wh_kernels_avxvnni;

static const wh_kernels *const TABLES[] = {
    &wh_kernels_scalar,
    &wh_kernels_avx512,
    &wh_kernels_avx512vnni,
    &wh_kernels_avxvnni,
};

enum { N_TABLES = sizeof TABLES / sizeof TABLES[0] };

const char *wh_isa_name(int32_t index)
{
    return index >= 0 && index < N_TABLES ? TABLES[index]->name : NULL;
}

const wh_kernels *wh_kernels_find(const char *name)
{
    for (int i = N_TABLES - 1; i >= 0; --i)
        if (name == NULL || strcmp(name, TABLES[i]->name) == 0) return TABLES[i];
    return NULL;
}
