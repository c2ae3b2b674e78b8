/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a kernel calls that has assembly in it. PoCL 6.0 aborts the process where a kernel itself has some, but
 * leaves functions alone that it does not inline: -DOUTLINE_ASM. It inlines one that asks for ids or sizes of
 * work-items, or has a barrier, whatever its attributes: the kernel passes ids on.
 */
#ifdef OUTLINE_ASM
#define ASM_BODY static __attribute__((noinline))
#else
#define ASM_BODY static inline __attribute__((always_inline))
#endif
