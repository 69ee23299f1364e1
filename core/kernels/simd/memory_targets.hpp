#pragma once
/// The instruction sets of loops that wait for memory, if no -D says; before <hwy/highway.h>: on
/// x86 one set beside the oldest one will do.
#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3 | HWY_AVX3_DL)
#endif
