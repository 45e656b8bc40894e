"""Ed25519 as docs/FORMAT.md, section 2 demands it: canonical encodings, no point of small order, no cofactor.

OpenSSL checks the equation without cofactor and compares R as bytes, but it takes keys and R of small order, keys that are
no point, and keys that are not encoded canonically. Those are refused here.
"""
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, PRIME) % PRIME
EIGHTH = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
SMALL = {0, 1, PRIME - 1, EIGHTH, PRIME - EIGHTH}  # the y of the eight points whose order divides 8

def is_point(raw):
    """Whether 32 bytes are the canonical encoding of a point that has no small order."""
    y = int.from_bytes(raw, "little") % 2**255  # the highest bit is the sign of x
    if y >= PRIME or y in SMALL:
        return False
    square = (y * y - 1) * pow(D * y * y + 1, -1, PRIME) % PRIME
    return pow(square, (PRIME - 1) // 2, PRIME) == 1

def verifier(raw):
    """A function that tells whether a signature over a text is valid, or None where the bytes are no key."""
    if len(raw) != 32 or not is_point(raw):
        return None
    key = Ed25519PublicKey.from_public_bytes(raw)

    def verify(signature, text):
        r, s = signature[:32], int.from_bytes(signature[32:], "little")
        y = int.from_bytes(r, "little") % 2**255
        if len(signature) != 64 or s >= ORDER or y >= PRIME or y in SMALL:
            return False
        try:
            key.verify(signature, text)
        except Exception:
            return False
        return True

    return verify
