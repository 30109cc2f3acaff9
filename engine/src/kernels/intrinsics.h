/* Where the intrinsics of x86 come from: the compiler, or a test's emulation of what the machine at
 * hand lacks. */
#ifndef WH_INTRINSICS_H
#define WH_INTRINSICS_H

#if defined(WH_EMULATED)
#include "emulated.h"
#else
#include <immintrin.h>
#endif

#endif
