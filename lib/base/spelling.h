/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_BASE_SPELLING_H
#define FB_BASE_SPELLING_H

/*
 * How far a word is from one that would have been right, for "did you mean".
 */

/* Longer words are compared with nothing; every key of ours and of Kubernetes is shorter. */
#define FB_SPELLING_MAX 63

/**
 * Letters to add, to leave out or to replace (Levenshtein) until one word is the other; upper and lower
 * case are the same letter.
 *
 * Thread: any.
 * @return at most most + 1, which means more than most
 */
unsigned int fb_spelling_edits(const char *a, const char *b, unsigned int most);

#endif
