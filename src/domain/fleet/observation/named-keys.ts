/** How many keys of a kind are named before the rest is counted: all of ten thousand would be a megabyte. */
export const NAMED_KEYS = 20;
