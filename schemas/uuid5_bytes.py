"""Version 5 UUIDs (RFC 9562, section 5.5: by name, with SHA-1 of FIPS 180-4), compiled."""

import numpy as np

from tutor_quality.domain.raw import put_word
from tutor_quality.jit import compiled

MOST_BYTES = 119
"""Of namespace and name: with the padding they are two blocks."""
BLOCKS_BYTES = 128
ROUNDS = 80
MASK = np.uint64(0xFFFFFFFF)
START = np.array([0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0], np.uint64)
ROUND_CONSTANTS = np.array([0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6], np.uint64)
U32 = np.uint64(32)
VERSION_MASK, VERSION = np.uint64(0xFFFFFFFFFFFF0FFF), np.uint64(0x5000)
VARIANT_MASK, VARIANT = np.uint64(0x3FFFFFFFFFFFFFFF), np.uint64(0x8000000000000000)


@compiled
def uuid5(text, size, state, words):
    """(first, second half) of the UUID of `text[:size]`: the namespace's 16 bytes, then the name.

    At most MOST_BYTES of them; `text` has BLOCKS_BYTES and is padded here. `state` and `words`
    are room for 5 and ROUNDS numbers.
    """
    blocks = 1 if size < 56 else 2
    _pad(text, size, 64 * blocks)
    for i in range(5):
        state[i] = START[i]
    for block in range(blocks):
        _digest(text, 64 * block, state, words)
    high = (state[0] << U32 | state[1]) & VERSION_MASK | VERSION
    low = (state[2] << U32 | state[3]) & VARIANT_MASK | VARIANT
    return high, low


@compiled
def _pad(text, size, end):
    text[size] = 0x80
    for i in range(size + 1, end - 8):
        text[i] = 0
    put_word(text, end - 8, np.uint64(8 * size))


@compiled
def _digest(text, at, state, words):
    for i in range(16):
        word = np.uint64(0)
        for k in range(4):
            word = word << np.uint64(8) | np.uint64(text[at + 4 * i + k])
        words[i] = word
    for i in range(16, ROUNDS):
        words[i] = _rotated(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1)
    a, b, c, d, e = state[0], state[1], state[2], state[3], state[4]
    for i in range(ROUNDS):
        mixed = _rotated(a, 5) + _chosen(i // 20, b, c, d) + e + ROUND_CONSTANTS[i // 20] + words[i]
        a, b, c, d, e = mixed & MASK, a, _rotated(b, 30), c, d
    state[0] = (state[0] + a) & MASK
    state[1] = (state[1] + b) & MASK
    state[2] = (state[2] + c) & MASK
    state[3] = (state[3] + d) & MASK
    state[4] = (state[4] + e) & MASK


@compiled
def _chosen(stage, b, c, d):
    if stage == 0:
        return (b & c) | (~b & MASK & d)
    if stage == 2:
        return (b & c) | (b & d) | (c & d)
    return b ^ c ^ d


@compiled
def _rotated(word, by):
    """To the left, within 32 bits."""
    return (word << np.uint64(by) | word >> np.uint64(32 - by)) & MASK
