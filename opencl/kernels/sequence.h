/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What attention kernels attend to. Images: @tokens rows of qkv each, every token sees all of its image, and
 * the first @queries are asked for.
 * -DCAUSAL, texts of any length: text i is rows starts[i] to starts[i + 1] - 1, of at most @tokens, and a token
 * sees those up to itself. Where @last, the last token of each is asked for alone, and row i of the result is
 * text i's; else all are.
 */
#ifdef CAUSAL
#define SEQUENCES , const __global uint *restrict starts, uint last
#define FIRST_ROW(i, tokens) ((size_t)starts[i])
#define LENGTH(i, tokens) (starts[(i) + 1] - starts[i])
#define FIRST_QUERY(length) (last ? (length) - 1 : 0)
#define END_QUERY(length, queries) (length)
#define RESULT_ROW(i, tokens, query) (last ? (size_t)(i) : (size_t)starts[i] + (query))
#define SEEN(query, length) min((query) + 1, length)
#else
#define SEQUENCES
#define FIRST_ROW(i, tokens) ((size_t)(i) * (tokens))
#define LENGTH(i, tokens) (tokens)
#define FIRST_QUERY(length) 0
#define END_QUERY(length, queries) (queries)
#define RESULT_ROW(i, tokens, query) ((size_t)(i) * (tokens) + (query))
#define SEEN(query, length) (length)
#endif
