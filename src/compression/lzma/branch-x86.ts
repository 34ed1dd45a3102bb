/**
 * The branch filter for x86: the targets of calls and jumps were made absolute before compression, so that the same
 * target looks the same everywhere, and are made relative again here. Source: xz-file-format 1.2.1, 5.3.2, and the
 * description of the filter in the LZMA SDK (both public domain). Kernels for x86 are packed with it.
 */

/** Opcode, then a 32-bit target. */
const INSTRUCTION = 5;
/** By the opcodes among the three bytes before: whether a target there is possible. */
const POSSIBLE = [true, true, true, false, true, false, false, false];
/** By the same: which byte of the target would be part of an earlier one. */
const OVERLAP = [0, 1, 2, 2, 3, 3, 3, 3];

const isEnd = (byte: number | undefined): boolean => byte === 0 || byte === 0xff;

/** Undoes the filter on data that come piece by piece. */
export class X86Branches {
  /** Bytes that cannot be told yet, because an instruction may begin in them. */
  #held = new Uint8Array(0);
  /** Place in the data of the first byte held. */
  #position: number;
  /** Bit n is set: an opcode without target is n bytes before the last one seen. */
  #mask = 0;
  /** Bytes between the last opcode and the first byte held; large where there was none. */
  #distance = INSTRUCTION;

  constructor(start = 0) {
    this.#position = start;
  }

  /** The bytes that are final after some more have come; valid until the next call. */
  push(chunk: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(this.#held.length + chunk.length);
    bytes.set(this.#held);
    bytes.set(chunk, this.#held.length);
    const done = this.#convert(bytes);
    this.#held = bytes.slice(done);
    this.#position += done;
    return bytes.subarray(0, done);
  }

  /** The last bytes: too few for an instruction. */
  end(): Uint8Array {
    return this.#held;
  }

  #convert(bytes: Uint8Array): number {
    const limit = bytes.length - INSTRUCTION + 1;
    if (limit <= 0) return 0;
    const view = new DataView(bytes.buffer);
    let last = -this.#distance;
    let mask = this.#mask;
    let at = 0;
    while (at < limit) {
      if ((bytes[at]! & 0xfe) !== 0xe8) {
        at++;
        continue;
      }
      const distance = at - last;
      last = at;
      mask = distance > 3 ? 0 : (mask << (distance - 1)) & 7;
      const blocked = mask !== 0 && (!POSSIBLE[mask] || isEnd(bytes[at + 4 - OVERLAP[mask]!]));
      if (blocked || !isEnd(bytes[at + 4])) {
        mask = (mask << 1) | 1;
        at++;
        continue;
      }
      const next = (this.#position + at + INSTRUCTION) >>> 0;
      view.setUint32(at + 1, relative(view.getUint32(at + 1, true), next, mask), true);
      at += INSTRUCTION;
    }
    this.#mask = mask;
    this.#distance = at - last;
    return at;
  }
}

/** The target as the machine has it: 25 bits with their sign. */
function relative(absolute: number, next: number, mask: number): number {
  let source = absolute;
  for (;;) {
    const target = (source - next) >>> 0;
    const shift = OVERLAP[mask]! * 8;
    if (mask === 0 || !isEnd((target >>> (24 - shift)) & 0xff)) {
      const low = target & 0x01ffffff;
      return (low & 0x01000000) === 0 ? low : (low | 0xfe000000) >>> 0;
    }
    source = (target ^ (2 ** (32 - shift) - 1)) >>> 0;
  }
}
