"""AES-256-GCM as NIST SP 800-38D and FIPS 197 write it, in plain Python: something to test the vault against."""

from itertools import batched

BLOCK = 16


def seal(key: bytes, iv: bytes, text: bytes) -> bytes:
    """Return ciphertext and tag."""
    round_keys = _expand(key)
    first = _first_counter(round_keys, iv)
    ciphertext = _count(round_keys, _next(first), text)
    return ciphertext + _tag(round_keys, first, ciphertext)


def open_(key: bytes, iv: bytes, sealed: bytes) -> bytes:
    """Return the text; raises ValueError if the tag is wrong."""
    round_keys = _expand(key)
    first = _first_counter(round_keys, iv)
    ciphertext, tag = sealed[:-BLOCK], sealed[-BLOCK:]
    if _tag(round_keys, first, ciphertext) != tag:
        raise ValueError("wrong tag")
    return _count(round_keys, _next(first), ciphertext)


def _double(value: int) -> int:
    return (value << 1) ^ (0x11B if value & 0x80 else 0)


def _make_sbox() -> bytes:
    box, p, q = bytearray(256), 1, 1
    while True:
        p = p ^ _double(p)
        q ^= q << 1
        q ^= q << 2
        q ^= q << 4
        q &= 0xFF
        q ^= 0x09 if q & 0x80 else 0
        rotated = q ^ _left(q, 1) ^ _left(q, 2) ^ _left(q, 3) ^ _left(q, 4)
        box[p] = rotated ^ 0x63
        if p == 1:
            box[0] = 0x63
            return bytes(box)


def _left(value: int, by: int) -> int:
    return ((value << by) | (value >> (8 - by))) & 0xFF


SBOX = _make_sbox()


def _expand(key: bytes) -> list[bytes]:
    words, constant = [bytes(word) for word in batched(key, 4, strict=True)], 1
    for index in range(8, 60):
        word = words[-1]
        if index % 8 == 0:
            word = bytes(SBOX[value] for value in word[1:] + word[:1])
            word = bytes([word[0] ^ constant]) + word[1:]
            constant = _double(constant)
        elif index % 8 == 4:
            word = bytes(SBOX[value] for value in word)
        words.append(_xor(word, words[-8]))
    return [b"".join(four) for four in batched(words, 4, strict=True)]


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _encrypt(round_keys: list[bytes], block: bytes) -> bytes:
    state = _xor(block, round_keys[0])
    for number, round_key in enumerate(round_keys[1:], 1):
        state = bytes(SBOX[state[(index + 4 * (index % 4)) % 16]] for index in range(16))
        if number < 14:
            state = b"".join(_mix(column) for column in batched(state, 4, strict=True))
        state = _xor(state, round_key)
    return state


def _mix(column: tuple[int, ...]) -> bytes:
    every = column[0] ^ column[1] ^ column[2] ^ column[3]
    return bytes(column[i] ^ every ^ _double(column[i] ^ column[(i + 1) % 4]) for i in range(4))


def _multiply(x: int, y: int) -> int:
    product = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            product ^= y
        y = (y >> 1) ^ (0xE1 << 120 if y & 1 else 0)
    return product


def _hash(round_keys: list[bytes], data: bytes) -> bytes:
    subkey, total = int.from_bytes(_encrypt(round_keys, bytes(BLOCK))), 0
    for block in batched(data, BLOCK, strict=True):
        total = _multiply(total ^ int.from_bytes(bytes(block)), subkey)
    return total.to_bytes(BLOCK)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def _first_counter(round_keys: list[bytes], iv: bytes) -> bytes:
    return _hash(round_keys, _padded(iv) + (len(iv) * 8).to_bytes(BLOCK))


def _next(counter: bytes) -> bytes:
    return counter[:12] + ((int.from_bytes(counter[12:]) + 1) % 2**32).to_bytes(4)


def _count(round_keys: list[bytes], counter: bytes, text: bytes) -> bytes:
    result = bytearray()
    for block in batched(text, BLOCK, strict=False):
        result += bytes(a ^ b for a, b in zip(block, _encrypt(round_keys, counter), strict=False))
        counter = _next(counter)
    return bytes(result)


def _tag(round_keys: list[bytes], first: bytes, ciphertext: bytes) -> bytes:
    lengths = bytes(8) + (len(ciphertext) * 8).to_bytes(8)
    return _xor(_hash(round_keys, _padded(ciphertext) + lengths), _encrypt(round_keys, first))
